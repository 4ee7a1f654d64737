// The ways in beside the plain picker: a folder, the camera, and files as files.

import { readFolder } from "./walk.js";

const ACCEPT = "image/*";
/** What each way's <input> is. Without `accept` Android opens its file list, which keeps location, not its picker. */
const WAYS = {
  photos: { accept: ACCEPT, multiple: "" },
  folder: { webkitdirectory: "" },
  files: { multiple: "" },
  camera: { accept: ACCEPT, capture: "environment" },
};

/** Chrome on Android shows a picker that drops location and has no camera. */
export function hasPoorPicker(agent = navigator.userAgent) {
  return /Android/.test(agent) && /Chrome\//.test(agent);
}

/** @param take called with a list of files, and the name of the folder that was chosen, or "" */
export function wireWays(root, take) {
  const isTouch = matchMedia("(pointer: coarse)").matches;
  const offered = {
    photos: true,
    folder: !isTouch && "webkitdirectory" in document.createElement("input"),
    files: hasPoorPicker(),
    camera: isTouch,
  };
  for (const [way, isOffered] of Object.entries(offered)) {
    const button = root.querySelector(`[data-way="${way}"]`);
    button.hidden = !isOffered;
    button.addEventListener("click", () => choose(way, take));
  }
  root.querySelector('[data-part="picker-hint"]').hidden = !hasPoorPicker();
}

function choose(way, take) {
  const input = document.createElement("input");
  input.type = "file";
  for (const [name, value] of Object.entries(WAYS[way])) input.setAttribute(name, value);
  input.addEventListener("change", () => {
    const { files, folder } =
      way === "folder" ? readFolder(input.files) : { files: [...input.files], folder: "" };
    take(files, folder);
  });
  input.click();
}
