// Pure: the addresses of renditions, "/media/<owner>/<gallery>/r/<image>/<spec>.<ext>?<pass>".

const RENDITION = /\/r\/([0-9a-f]{32})\//;

/** The image (32 hex digits) whose rendition this is, or "". */
export function imageOf(address) {
  return RENDITION.exec(address)?.[1] ?? "";
}

/** The address with this query instead of its own; unchanged without one. */
export function withQuery(address, query) {
  if (!query) return address;
  return `${address.split("?", 1)[0]}?${query.replace(/^\?/, "")}`;
}

/** The same for each candidate of a srcset. */
export function withQueries(srcset, query) {
  const candidates = srcset.split(/,\s+/).map((candidate) => {
    const [address, size] = candidate.trim().split(/\s+/);
    return [withQuery(address, query), size].filter(Boolean).join(" ");
  });
  return candidates.join(", ");
}
