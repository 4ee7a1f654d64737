// <button data-confirm="Delete 3 photos for good?">: asks in a dialog of ours before the browser sends the form.
// Only what cannot be undone asks.

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

const agreed = new WeakSet();

document.addEventListener("submit", async (event) => {
  const button = event.submitter;
  if (!button?.dataset.confirm || agreed.has(button)) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  const { confirm: question, confirmAction: action = "Yes" } = button.dataset;
  if (await ask(question, action, button)) send(event.target, button);
});

function send(form, button) {
  if (!form.requestSubmit) return sendPlainly(form, button);
  agreed.add(button);
  form.requestSubmit(button);
  agreed.delete(button);
}

/** Safari before 16: the form cannot be told which button sends it. */
function sendPlainly(form, button) {
  const pressed = document.createElement("input");
  pressed.type = "hidden";
  pressed.name = button.name;
  pressed.value = button.value;
  form.append(pressed); // Without a name it is not sent.
  form.submit();
}
