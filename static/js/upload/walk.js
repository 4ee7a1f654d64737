// Files out of a drop or a paste; folders are walked to the bottom.

/** What systems leave in folders and nobody means to share. */
export function isClutter(name) {
  return name.startsWith(".") || ["thumbs.db", "desktop.ini", "__macosx"].includes(name.toLowerCase());
}

/**
 * All files of a DataTransfer. Must be called within the event: the list is empty once it is over.
 * A folder or file that cannot be read is left out; the others come.
 */
export function collectFiles(transfer) {
  const entries = [...transfer.items]
    .filter((item) => item.kind === "file")
    .map((item) => item.webkitGetAsEntry?.() ?? item.getAsFile());
  return Promise.all(entries.filter(Boolean).map(walk)).then((lists) => lists.flat());
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
