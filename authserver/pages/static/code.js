// Codes: pasted ones lose their blanks, the wait for a new one is counted down, lists are copied and printed.
for (const field of document.querySelectorAll("[data-code]")) {
  const clean = (text) => {
    const plain = text.normalize("NFKC").trim();
    return field.dataset.code === "digits" ? plain.replace(/\D/g, "") : plain.replace(/\s+/g, "");
  };
  field.addEventListener("paste", (event) => {
    const pasted = clean(event.clipboardData.getData("text"));
    if (!pasted) return;
    event.preventDefault();
    field.value = pasted.slice(0, field.maxLength);
    field.dispatchEvent(new Event("input", { bubbles: true }));
  });
  field.form.addEventListener("submit", () => { field.value = clean(field.value); });
}

for (const wait of document.querySelectorAll("[data-countdown]")) {
  const end = performance.now() + wait.dataset.countdown * 1000;
  const shown = wait.querySelector("time");
  const timer = setInterval(() => {
    const left = Math.max(0, Math.ceil((end - performance.now()) / 1000));
    shown.textContent = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`;
    if (!left) clearInterval(timer);
  }, 500);
}

for (const button of document.querySelectorAll("[data-copy]")) {
  if (!navigator.clipboard) continue;
  button.hidden = false;
  button.addEventListener("click", async () => {
    const source = document.getElementById(button.dataset.copy);
    const lines = source.children.length ? [...source.children].map((line) => line.textContent.trim()) : [source.textContent];
    try {
      await navigator.clipboard.writeText(lines.join("\n"));
    } catch {
      return;
    }
    const label = button.querySelector("span") || button;
    const words = label.textContent;
    label.textContent = button.dataset.done;
    setTimeout(() => { label.textContent = words; }, 2000);
  });
}

for (const button of document.querySelectorAll("[data-print]")) {
  button.hidden = false;
  button.addEventListener("click", () => window.print());
}
