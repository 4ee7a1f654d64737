// What an earlier visit could not finish: counted, and taken up again when the person says so.

import { findLiving } from "./tabs.js";

/** What no living tab sends, as an offer; null when there is nothing. */
export async function findLeftovers(vault, tab, isKnown = () => false) {
  const isLiving = await findLiving();
  const all = await vault.list();
  const found = all.filter((record) => !isKnown(record) && (record.tab === tab || !isLiving(record.tab)));
  return offerOf(found.map(withoutPhoto));
}

/**
 * Of records without their photo: {left, lost, total, missing, targets, records}, or null when there are none. `left` photos
 * are on this device; `lost` ones had no room and must be chosen again, `missing` are their records; `total` counts the
 * whole drops that they came with.
 */
export function offerOf(records) {
  if (records.length === 0) return null;
  const drops = new Map(records.map(({ batch }) => [batch.id, batch.total]));
  const missing = records.filter(({ isWhole }) => !isWhole);
  return {
    left: records.length - missing.length,
    lost: missing.length,
    total: [...drops.values()].reduce((sum, each) => sum + each, 0),
    missing,
    targets: targetsOf(records),
    records,
  };
}

/** `isWhole`: whether it holds its photo, which would be alive for as long as the offer. */
function withoutPhoto({ blob, file, thumb, ...record }) {
  return { ...record, isWhole: Boolean(blob || file) };
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
  for (const { key, target, isWhole } of records) {
    const known = targets.get(target.galleryId) ?? { ...target, left: 0, lost: 0, keys: [] };
    known[isWhole ? "left" : "lost"] += 1;
    known.keys.push(key);
    targets.set(target.galleryId, known);
  }
  return [...targets.values()];
}
