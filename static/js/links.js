// Handing a link on: copy, the phone's share sheet, print. Without this script the address is a field to select from.
import { say } from "./toasts.js";

async function copy(button) {
  const address = button.dataset.copy;
  try {
    await navigator.clipboard.writeText(address);
    say("Copied.");
  } catch {
    copySelected(button, address);
  }
}

/** On plain http there is no clipboard to write to, but what is selected may be copied. */
function copySelected(button, address) {
  const field = document.createElement("textarea");
  field.value = address;
  field.readOnly = true;
  field.className = "visually-hidden";
  button.after(field);
  field.focus({ preventScroll: true });
  field.select();
  const isCopied = document.execCommand("copy");
  field.remove();
  button.focus();
  if (isCopied) return say("Copied.");
  const shown = document.querySelector("[data-select]");
  shown?.select();
  say(
    shown ? "Copy what is selected by hand." : "Copying did not work. Open the link to see its address.",
    "warning",
  );
}

async function share(button) {
  try {
    await navigator.share({ title: button.dataset.title, url: button.dataset.shareLink });
  } catch (error) {
    if (error.name !== "AbortError") say("Sharing did not work. Copy the address instead.", "warning");
  }
}

for (const button of document.querySelectorAll("[data-copy]")) {
  button.hidden = false;
  button.addEventListener("click", () => copy(button));
}
for (const button of document.querySelectorAll("[data-share-link]")) {
  button.hidden = !navigator.share;
  button.addEventListener("click", () => share(button));
}
for (const button of document.querySelectorAll("[data-print]")) {
  button.hidden = false;
  button.addEventListener("click", () => window.print());
}
for (const field of document.querySelectorAll("[data-select]")) {
  field.addEventListener("focus", () => field.select());
}
