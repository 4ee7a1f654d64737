// What of a drop the gallery holds already: every file is hashed, and the site asked once.

import { outdoes } from "./outdo.js";

/**
 * @param items of one gallery, each {file, target, state, sourceSha256, mayBeThere, controller}; `sourceSha256` is set here
 * @param outside {hash(file, signal), ask(target, hashes), quality, onUnread(item)}
 * @returns the items that still wait, as {item, image, isLighter}: `image` is the id of what is held or "", `isLighter`
 *   whether it is less than what would be sent. Without an answer nothing is held.
 */
export async function recognise(items, { hash, ask, quality, onUnread }) {
  await Promise.all(items.map((item) => hashOne(item, hash, onUnread)));
  const isWaiting = (item) => item.state === "waiting";
  const hashes = items.filter(isWaiting).map((item) => item.sourceSha256);
  const known = hashes.filter(Boolean);
  const held = known.length > 0 ? await ask(items[0].target, known).catch(() => ({})) : {};
  const judge = async (item) => {
    if (!Object.hasOwn(held, item.sourceSha256)) return { item, image: "", isLighter: false };
    const found = held[item.sourceSha256];
    const isOwn = item.mayBeThere || !item.file; // this very upload, from before its answer was lost
    return { item, image: found.image, isLighter: !isOwn && (await outdoes(item.file, found, quality)) };
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
