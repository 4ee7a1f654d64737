// The map of keys, by "?" or from the menu.

const map = document.querySelector("[data-keys]");

document.addEventListener("click", (event) => {
  if (event.target.closest("[data-keys-open]")) map.showModal();
  else if (event.target === map) map.close();
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "?" || event.target.closest("input:not([type=checkbox]), textarea, select")) return;
  if (!document.querySelector("dialog[open]")) map.showModal();
});
