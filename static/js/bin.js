// Recently deleted: one check for all of them.

document.querySelector("[data-check-all]")?.addEventListener("change", (event) => {
  for (const check of document.querySelectorAll('input[name="ids"]')) check.checked = event.target.checked;
});
