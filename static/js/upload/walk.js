// Files out of a drop or a paste; folders are walked to the bottom.

/** What systems leave in folders and nobody means to share. */
export function isClutter(name) {
  return name.startsWith(".") || ["thumbs.db", "desktop.ini", "__macosx"].includes(name.toLowerCase());
}

/**
 * All files of a DataTransfer, and the name of the one folder that was dropped (else ""): {files, folder}. Must be called
 * within the event: the list is empty once it is over. A folder or file that cannot be read is left out; the others come.
 */
export async function collectFiles(transfer) {
  const entries = [...transfer.items]
    .filter((item) => item.kind === "file")
    .map((item) => item.webkitGetAsEntry?.() ?? item.getAsFile());
  const found = entries.filter(Boolean);
  const folder = found.length === 1 && found[0].isDirectory ? found[0].name : "";
  return { files: (await Promise.all(found.map(walk))).flat(), folder };
}

/** The same of the files that an <input webkitdirectory> holds: their paths begin with the folder's name. */
export function readFolder(list) {
  const files = [...list].filter((file) => !file.webkitRelativePath.split("/").some(isClutter));
  return { files, folder: files[0]?.webkitRelativePath.split("/")[0] ?? "" };
}

async function walk(entry) {
  if (entry instanceof File) return [entry];
  if (isClutter(entry.name)) return [];
  try {
    if (entry.isFile) return [await new Promise((resolve, reject) => entry.file(resolve, reject))];
    const files = [];
    for (const child of await readAll(entry.createReader())) files.push(...(await walk(child)));
    return files;
  } catch {
    return [];
  }
}

/** Browsers hand over at most 100 entries at a time, until a list is empty. */
async function readAll(reader) {
  const all = [];
  for (;;) {
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (some.length === 0) return all;
    all.push(...some);
  }
}
