// Passwords: show and hide, Caps Lock, and what is still missing in a new one. The server decides; nothing is sent here.
for (const button of document.querySelectorAll("[data-reveal]")) {
  const field = button.parentElement.querySelector("input");
  const words = [button.textContent, button.dataset.reveal];
  const labels = [button.ariaLabel, button.dataset.hide];
  const reveal = (on) => {
    field.type = on ? "text" : "password";
    button.textContent = words[+on];
    button.ariaLabel = labels[+on];
  };
  button.hidden = false;
  button.setAttribute("aria-controls", field.id);
  reveal(false);
  button.addEventListener("click", () => {
    reveal(field.type === "password");
    field.focus();
  });
  // Else the browser would keep it among the texts it offers to fill in.
  field.form.addEventListener("submit", () => reveal(false));

  const hint = button.closest(".field").querySelector("[data-caps]");
  for (const kind of ["keydown", "keyup"]) {
    field.addEventListener(kind, (event) => {
      if (event.getModifierState) hint.hidden = !event.getModifierState("CapsLock");
    });
  }
  field.addEventListener("blur", () => { hint.hidden = true; });
}

const kinds = { lower: /\p{Ll}/u, upper: /\p{Lu}/u, digit: /\d/, symbol: /[^\p{L}\p{N}]/u };

// A rough guess, on the careful side: repeats and runs count once, and known words about the person not at all.
function score(password, least, unlike) {
  let rest = password.toLowerCase();
  for (const word of unlike) if (word.length > 2) rest = rest.replaceAll(word, "");
  rest = rest.replace(/(.+?)\1+/gu, "$1");
  let count = 0;
  let before = 0;
  for (const character of rest) {
    const code = character.codePointAt(0);
    if (Math.abs(code - before) > 1) count += 1;
    before = code;
  }
  const variety = new Set(rest).size;
  const worth = Math.min(count, variety * 1.5);
  if ([...password].length < least) return Math.min(1, Math.floor(worth / 5));
  return [6, 9, 12, 16].filter((limit) => worth >= limit).length;
}

for (const group of document.querySelectorAll("[data-strength]")) {
  const field = group.querySelector("input");
  const least = Number(group.dataset.strength);
  const words = group.dataset.words.split("|");
  const line = group.querySelector("[data-meter]");
  const unlike = group.dataset.unlike.toLowerCase().split(" ").filter(Boolean);
  field.addEventListener("input", () => {
    const password = field.value;
    const about = [...field.form.querySelectorAll("[autocomplete=username], [type=email], [type=text]")]
      .filter((other) => other !== field)
      .flatMap((other) => other.value.toLowerCase().split(/[@.\s]/));
    const found = score(password, least, [...unlike, ...about]);
    line.hidden = !password;
    line.querySelector("meter").value = found;
    line.querySelector("span").textContent = words[found];
    for (const rule of group.querySelectorAll("[data-rule]")) {
      const met = rule.dataset.rule === "length" ? [...password].length >= least : kinds[rule.dataset.rule].test(password);
      rule.classList.toggle("met", met);
    }
  });
}
