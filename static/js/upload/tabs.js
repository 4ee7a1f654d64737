// Which tab sends what. A tab has a name for as long as it lives, through reloads, and holds a lock of that name
// (Web Locks): when it is closed, killed or crashed the lock is free, and others may finish its work.

import { after } from "./lines.js";

const PREFIX = "upload-tab:";
const NAME = "upload-tab";
/** The page before this one in the same tab may take so long, in milliseconds, to let its lock go. */
const PATIENCE = 1_500;

/** The name of this tab; another than before when this tab is a copy of one that lives. */
export async function nameTab({ storage = reachStorage(), locks = navigator.locks, newName }) {
  const before = storage?.getItem(NAME);
  const name = before && (await hold(locks, before)) ? before : newName();
  if (name !== before) await hold(locks, name);
  storage?.setItem(NAME, name);
  return name;
}

/** Tells of a name whether its tab lives. Without Web Locks (plain http) nobody knows: the server sorts out doubles. */
export async function findLiving(locks = navigator.locks) {
  if (!locks) return () => false;
  const { held } = await locks.query();
  const names = new Set(held.map((lock) => lock.name));
  return (name) => names.has(PREFIX + name);
}

/** Act under a name that counts as living until `act(name)` is over. */
export function asTab(name, act, locks = navigator.locks) {
  return locks ? locks.request(PREFIX + name, () => act(name)) : act(name);
}

/** @returns whether the lock is ours now, until the page goes */
function hold(locks, name) {
  if (!locks) return Promise.resolve(true);
  return new Promise((resolve) => {
    const signal = after(PATIENCE);
    const forever = () => {
      resolve(true);
      return new Promise(() => {});
    };
    locks.request(PREFIX + name, { signal }, forever).catch(() => resolve(false));
  });
}

const GOES_ON = "upload-goes-on";
/** A page that follows so soon, in milliseconds, in the same tab takes up the work without being asked. */
const SOON = 60_000;

/** The person moved to another page of the site while photos were on their way. */
export function noteMove(now = Date.now(), storage = reachStorage()) {
  storage?.setItem(GOES_ON, String(now));
}

/** Whether they did, just now. It is true once. */
export function hasMoved(now = Date.now(), storage = reachStorage()) {
  const at = Number(storage?.getItem(GOES_ON) ?? 0);
  storage?.removeItem(GOES_ON);
  return now - at < SOON;
}

function reachStorage() {
  try {
    return sessionStorage;
  } catch {
    return null; // cookies are blocked
  }
}
