// The whole window takes files: a veil while they hover, then the files. Also paste.

import { collectFiles } from "./walk.js";

/**
 * @param take called with a list of files, the name of the folder that they were dropped in, or "", and the names of what
 *   could not be read
 */
export function listenForDrops(veil, take) {
  let dragged = null; // a picture of the page itself is being dragged; browsers call that "Files" too
  let depth = 0;
  const show = (isShown) => {
    veil.hidden = !isShown;
    if (!isShown) depth = 0;
  };
  const counts = (event) => !dragged?.isConnected && event.dataTransfer?.types.includes("Files");

  document.addEventListener("dragstart", ({ target }) => {
    dragged = target;
  });
  // No pointer moves while something is dragged: one that does tells of an end that was never said, as when htmx took the
  // picture away under it.
  for (const end of ["dragend", "pointermove"]) {
    document.addEventListener(end, () => {
      dragged = null;
    });
  }
  document.addEventListener("dragenter", (event) => {
    if (!counts(event)) return;
    event.preventDefault();
    depth += 1;
    show(true);
  });
  document.addEventListener("dragleave", (event) => {
    if (!counts(event)) return;
    depth -= 1;
    if (depth <= 0) show(false);
  });
  document.addEventListener("dragover", (event) => {
    if (!counts(event)) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = "copy";
  });
  document.addEventListener("drop", async (event) => {
    if (!counts(event)) return;
    event.preventDefault();
    show(false);
    const { files, folder, unread } = await collectFiles(event.dataTransfer);
    take(files, folder, unread);
  });
}

export function listenForPaste(take) {
  document.addEventListener("paste", (event) => {
    const files = [...(event.clipboardData?.files ?? [])];
    const isText =
      event.target instanceof Element && event.target.closest("input, textarea, [contenteditable]");
    if (files.length === 0 || isText) return;
    event.preventDefault();
    take(files.map((file) => nameOf(file, new Date())));
  });
}

/** Browsers call every pasted picture image.png; a name with the time tells them apart. */
function nameOf(file, now) {
  if (!/^image\.\w+$/.test(file.name)) return file;
  const part = (value) => String(value).padStart(2, "0");
  const day = [now.getFullYear(), part(now.getMonth() + 1), part(now.getDate())].join("-");
  const time = [part(now.getHours()), part(now.getMinutes()), part(now.getSeconds())].join(".");
  return new File([file], `Pasted ${day} ${time}${file.name.slice(5)}`, { type: file.type });
}
