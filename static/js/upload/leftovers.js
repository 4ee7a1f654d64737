// What an earlier visit could not finish: counted, and taken up again when the person says so.

import { findLiving } from "./tabs.js";

/** @returns {keys, left, total} of what no living tab sends: `total` counts the whole drops they came with; or null */
export async function findLeftovers(vault, tab, isKnown = () => false) {
  const isLiving = await findLiving();
  const all = await vault.list();
  const left = all.filter((record) => !isKnown(record.key) && (record.tab === tab || !isLiving(record.tab)));
  if (left.length === 0) return null;
  const drops = new Map(left.map(({ batch }) => [batch.id, batch.total]));
  const total = [...drops.values()].reduce((sum, each) => sum + each, 0);
  return { keys: left.map(({ key }) => key), left: left.length, total, targets: targetsOf(left) };
}

/** The records of `keys` that are ours now, in their order; another tab may have been faster with some. */
export async function takeUp(vault, tab, keys) {
  const records = await vault.claim(keys, tab, await findLiving());
  return records.sort((one, other) => one.order - other.order);
}

/** The galleries that they go to, each once: its target, {left} and {keys}. */
function targetsOf(records) {
  const targets = new Map();
  for (const { key, target } of records) {
    const known = targets.get(target.galleryId) ?? { ...target, left: 0, keys: [] };
    known.left += 1;
    known.keys.push(key);
    targets.set(target.galleryId, known);
  }
  return [...targets.values()];
}
