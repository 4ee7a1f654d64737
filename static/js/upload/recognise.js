// What of a drop the gallery holds already: every file is hashed, and the site asked once.

import { outdoes } from "./outdo.js";

/**
 * @param items of one gallery, each {file, blob, quality, target, state, sourceSha256, controller}; `sourceSha256` is set here
 * @param outside {hash(file, signal), ask(target, hashes), quality, onUnread(item)}
 * @returns the items that still wait, as {item, image, isLighter}: `image` is the id of what is held or "", `isLighter`
 *   whether it is less than what would be sent. Without an answer nothing is held, nor of what has no file any more when
 *   it is less: that was chosen before.
 */
export async function recognise(items, { hash, ask, quality, onUnread }) {
  await Promise.all(items.map((item) => hashOne(item, hash, onUnread)));
  const isWaiting = (item) => item.state === "waiting";
  const hashes = items.filter(isWaiting).map((item) => item.sourceSha256);
  const known = hashes.filter(Boolean);
  const held = known.length > 0 ? await ask(items[0].target, known).catch(() => ({})) : {};
  const judge = async (item) => {
    const none = { item, image: "", isLighter: false };
    if (!Object.hasOwn(held, item.sourceSha256)) return none;
    const found = held[item.sourceSha256];
    if (item.file)
      return { ...none, image: found.image, isLighter: await outdoes(item.file, found, quality) };
    // Kept as what it became: what is there may be this very upload, whose answer was lost.
    return (await outdoes(item.blob, found, item.quality)) ? none : { ...none, image: found.image };
  };
  return (await Promise.all(items.filter(isWaiting).map(judge))).filter(({ item }) => isWaiting(item));
}

async function hashOne(item, hash, onUnread) {
  if (item.state !== "waiting" || item.sourceSha256 || !item.file) return; // kept as what it became, without its hash
  try {
    item.sourceSha256 = await hash(item.file, item.controller.signal);
  } catch {
    if (item.state === "waiting") onUnread(item);
  }
}
