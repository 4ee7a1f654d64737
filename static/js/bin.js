// Recently deleted: one check for all photos of the page. Nothing can be done before one is checked, and the question about
// "for good" says how many go.

const all = document.querySelector("[data-check-all]");
const checks = [...document.querySelectorAll('input[name="ids"]')];
const actions = document.querySelectorAll('#selection button[name="action"]');

function show() {
  const count = checks.filter((check) => check.checked).length;
  all.checked = count === checks.length;
  all.indeterminate = count > 0 && !all.checked;
  for (const button of actions) {
    button.disabled = count === 0;
    if (button.dataset.confirm) button.dataset.confirm = question(count);
  }
}

function question(count) {
  return count === 1 ? "Delete 1 photo for good?" : `Delete ${count} photos for good?`;
}

all?.addEventListener("change", () => {
  for (const check of checks) check.checked = all.checked;
  show();
});
for (const check of checks) check.addEventListener("change", show);
if (all) show(); // A page that the browser brought back keeps its checks.
