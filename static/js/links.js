// Handing a link on: copy, the phone's share sheet, print. Without this script the address is a field to select from.
import { say } from "./toasts.js";

async function copy(address) {
  try {
    await navigator.clipboard.writeText(address);
    say("Copied.");
  } catch {
    const field = document.querySelector("[data-select]");
    field?.select();
    say("Select the address and copy it by hand.", "warning");
  }
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
  button.addEventListener("click", () => copy(button.dataset.copy));
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
