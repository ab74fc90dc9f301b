// Menus: the theme, and folded lists that close when one looks elsewhere.
const root = document.documentElement;
const button = document.getElementById("theme");
const system = matchMedia("(prefers-color-scheme: dark)");

if (button) {
  const { cookie, dark, light } = button.dataset;
  const kept = document.cookie.split("; ").find((pair) => pair.startsWith(`${cookie}=`))?.slice(cookie.length + 1);
  if (kept === "dark" || kept === "light") root.dataset.theme = kept;
  const isDark = () => (root.dataset.theme || (system.matches ? "dark" : "light")) === "dark";
  const label = () => {
    button.setAttribute("aria-label", isDark() ? light : dark);
    button.title = isDark() ? light : dark;
  };
  label();
  system.addEventListener("change", label);
  button.hidden = false;
  button.addEventListener("click", () => {
    const wanted = isDark() ? "light" : "dark";
    const own = wanted === (system.matches ? "dark" : "light");
    // Back to what the system wants anyway: then it is followed again.
    if (own) delete root.dataset.theme;
    else root.dataset.theme = wanted;
    const secure = location.protocol === "https:" ? "; Secure" : "";
    document.cookie = `${cookie}=${own ? "" : wanted}; Path=/; SameSite=Lax; Max-Age=${own ? 0 : 34560000}${secure}`;
    label();
  });
}

const menus = document.querySelectorAll("details.menu");
addEventListener("click", (event) => {
  for (const menu of menus) if (!menu.contains(event.target)) menu.open = false;
});
addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const menu of menus) {
    if (!menu.open) continue;
    menu.open = false;
    menu.querySelector("summary").focus();
  }
});

// A form that carries somebody on to another provider needs no press.
document.querySelector("form[data-send]")?.submit();
