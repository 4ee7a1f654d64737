// Files out of a drop or a paste; folders are walked to the bottom.

/** What systems leave in folders and nobody means to share. */
export function isClutter(name) {
  return name.startsWith(".") || ["thumbs.db", "desktop.ini", "__macosx"].includes(name.toLowerCase());
}

/**
 * All files of a DataTransfer: {files, folder, unread}. `folder` is the name of the one folder that was dropped (else "");
 * `unread` names what could not be read, or a folder not to its end: the others come. Must be called within the event: the
 * list is empty once it is over.
 */
export async function collectFiles(transfer) {
  const entries = [...transfer.items]
    .filter((item) => item.kind === "file")
    .map((item) => item.webkitGetAsEntry?.() ?? item.getAsFile());
  const found = entries.filter(Boolean);
  const folder = found.length === 1 && found[0].isDirectory ? found[0].name : "";
  const walked = { files: [], unread: [] };
  for (const entry of found) await walk(entry, walked);
  return { ...walked, folder };
}

/** The same of the files that an <input webkitdirectory> holds: their paths begin with the folder's name. */
export function readFolder(list) {
  const files = [...list].filter((file) => !file.webkitRelativePath.split("/").some(isClutter));
  return { files, folder: files[0]?.webkitRelativePath.split("/")[0] ?? "" };
}

async function walk(entry, { files, unread }) {
  if (entry instanceof File) return void files.push(entry);
  if (isClutter(entry.name)) return;
  try {
    if (entry.isFile) files.push(await new Promise((resolve, reject) => entry.file(resolve, reject)));
    else for await (const child of list(entry.createReader())) await walk(child, { files, unread });
  } catch {
    unread.push(entry.name);
  }
}

/** Browsers hand over at most 100 entries at a time, until a list is empty; what came before an error has come. */
async function* list(reader) {
  for (;;) {
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (some.length === 0) return;
    yield* some;
  }
}
