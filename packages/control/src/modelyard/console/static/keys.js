// Keys: `/` to the field that finds, `g` and a letter to a place, `?` to the help. Nothing while somebody types.
const LEAD_MS = 1200;
let ledAt = 0;

const help = document.getElementById("help");
document.querySelector("[data-help]")?.addEventListener("click", () => help?.showModal());

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || help?.open) return;
  if (event.target.closest("input, textarea, select, [contenteditable]")) return;
  if (event.key === "/") {
    event.preventDefault();
    document.querySelector("[data-key='/']")?.focus();
  } else if (event.key === "?") {
    help?.showModal();
  } else if (event.key === "g") {
    ledAt = event.timeStamp;
  } else if (event.timeStamp - ledAt < LEAD_MS) {
    ledAt = 0;
    document.querySelector(`[data-go="${CSS.escape(event.key)}"]`)?.click();
  }
});
