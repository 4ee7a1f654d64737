// A chosen file lives on the person's disk, not in the page: it may be changed, moved or unplugged at any time.

/** Whether the bytes of a File or Blob can still be had. */
export async function isReadable(file) {
  try {
    await file.slice(0, 1).arrayBuffer();
    return true;
  } catch {
    return false;
  }
}
