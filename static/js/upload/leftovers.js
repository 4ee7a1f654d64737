// What an earlier visit could not finish: counted, and taken up again when the person says so.

import { findLiving } from "./tabs.js";

/**
 * Of what no living tab sends: {left, lost, total, keys, missing, targets}, or null when there is nothing. `left` photos
 * are on this device and `keys` name them; `lost` ones had no room and must be chosen again, `missing` are their records;
 * `total` counts the whole drops that they came with.
 */
export async function findLeftovers(vault, tab, isKnown = () => false) {
  const isLiving = await findLiving();
  const all = await vault.list();
  const found = all.filter((record) => !isKnown(record) && (record.tab === tab || !isLiving(record.tab)));
  if (found.length === 0) return null;
  const drops = new Map(found.map(({ batch }) => [batch.id, batch.total]));
  const missing = found.filter((record) => !isWhole(record));
  return {
    left: found.length - missing.length,
    lost: missing.length,
    total: [...drops.values()].reduce((sum, each) => sum + each, 0),
    keys: found.filter(isWhole).map(({ key }) => key),
    missing,
    targets: targetsOf(found),
  };
}

/** Whether a record holds its photo. */
export function isWhole(record) {
  return Boolean(record.blob || record.file);
}

/** Those of `missing` that a person chose again: the same name and size, for the same gallery. */
export function chosenAgain(missing, files, target) {
  const names = new Set(files.map((file) => `${file.size} ${file.name}`));
  return missing.filter(
    (record) => record.target.galleryId === target.galleryId && names.has(`${record.size} ${record.name}`),
  );
}

/** The records of `keys` that are ours now, in their order; another tab may have been faster with some. */
export async function takeUp(vault, tab, keys) {
  const isLiving = await findLiving();
  const records = [];
  for (const key of keys) records.push(await vault.claim(key, tab, isLiving)); // one after another: each needs room
  return records.filter(Boolean).sort((one, other) => one.order - other.order);
}

/** Those of `keys` that no other tab has taken up are not wanted any more. */
export async function forget(vault, tab, keys) {
  await vault.removeFree(keys, tab, await findLiving());
}

/** The galleries that they go to, each once: its target, {left}, {lost}, and {keys} of both. */
function targetsOf(records) {
  const targets = new Map();
  for (const record of records) {
    const { key, target } = record;
    const known = targets.get(target.galleryId) ?? { ...target, left: 0, lost: 0, keys: [] };
    known[isWhole(record) ? "left" : "lost"] += 1;
    known.keys.push(key);
    targets.set(target.galleryId, known);
  }
  return [...targets.values()];
}
