// "Show" beside a password field: a button that turns the dots into letters and back.

for (const button of document.querySelectorAll("[data-show-password]")) {
  const field = document.getElementById(button.dataset.showPassword);
  if (field) {
    button.hidden = false;
    button.addEventListener("click", () => toggle(button, field));
    // Password managers and autofill look for a password field when the form is sent.
    field.form?.addEventListener("submit", () => {
      field.type = "password";
    });
  }
}

function toggle(button, field) {
  const shown = field.type === "text";
  field.type = shown ? "password" : "text";
  button.textContent = shown ? "Show" : "Hide";
  field.focus();
}
