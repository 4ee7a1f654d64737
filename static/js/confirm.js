// <button data-confirm="Delete 3 photos for good?">: asks in a dialog of ours before the form is sent, by the browser
// or by htmx. Only what cannot be undone asks.

function build(question, action) {
  const dialog = document.createElement("dialog");
  dialog.className = "dialog";
  dialog.setAttribute("aria-label", question);
  const words = document.createElement("p");
  words.className = "lead";
  words.textContent = question;
  const form = document.createElement("form");
  form.method = "dialog";
  form.className = "cluster";
  for (const [value, label, look] of [
    ["no", "Cancel", "button quiet"],
    ["yes", action, "button danger"],
  ]) {
    const button = document.createElement("button");
    button.value = value;
    button.textContent = label;
    button.className = look;
    form.append(button);
  }
  dialog.append(words, form);
  return dialog;
}

/** Whether the person agrees; the focus goes back to `button`. */
export function ask(question, action, button) {
  const dialog = build(question, action);
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      button.focus();
      resolve(dialog.returnValue === "yes");
    });
  });
}

function askFor(button) {
  return ask(button.dataset.confirm, button.dataset.confirmAction ?? "Yes", button);
}

const agreed = new WeakSet();

document.addEventListener("submit", async (event) => {
  const button = event.submitter;
  if (!button?.dataset.confirm || agreed.has(button)) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  if (!(await askFor(button))) return;
  agreed.add(button);
  event.target.requestSubmit(button);
  agreed.delete(button);
});

document.body.addEventListener("htmx:confirm", async (event) => {
  const button = event.detail.elt;
  if (!button.dataset.confirm) return;
  event.preventDefault();
  if (await askFor(button)) event.detail.issueRequest(true);
});
