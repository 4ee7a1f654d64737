// Quality and metadata: radio buttons in the panel, remembered.

import { readSettings, writeChoice } from "./settings.js";

/** @param apply called with {quality, metadata} at once and after each change */
export function wireChoices(root, apply) {
  const choices = root.querySelector('[data-part="choices"]');
  const keep = choices.querySelector("[name=keep]");
  const { quality, metadata } = readSettings();
  choices.querySelector(`[value="${quality}"]`).checked = true;
  keep.checked = metadata === "keep";
  const update = () => {
    const chosen = choices.querySelector("[name=quality]:checked");
    keep.disabled = chosen.value !== "original";
    for (const place of document.querySelectorAll("[data-upload-quality]")) {
      place.textContent = chosen.closest("label").querySelector("strong").textContent;
    }
    const options = { quality: chosen.value, metadata: keep.checked ? "keep" : "strip" };
    apply(options);
    return options;
  };
  choices.addEventListener("change", () => writeChoice(update()));
  update();
}
