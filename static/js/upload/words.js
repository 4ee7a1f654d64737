// What the uploader says, and how it says sizes and times. Pure. Errors that the server explains come in its words.

import { localWords } from "../time_words.js";

/** Sentences for what the server did not explain. */
export const SENTENCES = {
  empty: "This file is empty.",
  unreadable: "This file isn't a photo we can read.",
  video: "Only photos for now. This is a video.",
  "too-large": "Too large for this site.",
  unopened: "This file could not be opened. It may have been moved, or is still in the cloud.",
  changed: "This file was changed or moved after you chose it. Choose it again.",
  network: "Connection lost.",
  stalled: "The connection stands still.",
  server: "The site has a problem.",
  refused: "The site did not take this file.",
  "signed-out": "You are no longer signed in. Sign in again, and the rest goes on.",
  404: "This gallery is no longer there.",
  409: "This photo is already on its way.",
  429: "The site is busy.",
};

/** Why a file went as it is, where the person may wonder. */
export const NOTES = {
  animated: "Sent as it is: it moves.",
  transparent: "Sent as it is: it has see-through parts.",
  grew: "Sent as it is: it is already light.",
  undecodable: "Sent as it is: this browser cannot read it.",
  cut: "Sent as it is: the file may be damaged.",
  hidden: "Sent as it is: this browser hides its canvas.",
  blank: "Sent as it is: this browser drew it empty.",
  turned: "Sent as it is: this browser cannot turn it upright.",
  slow: "Sent as it is: reading it took too long.",
  large: "Sent as it is: too many pixels for this browser.",
};

/** The store of what is not yet safe did not answer. */
export const OUT_OF_REACH = "The photos on this device could not be reached. Nothing has changed. Try again.";

export function tooLarge(limit) {
  return limit ? `Too large: the limit is ${formatBytes(limit, 1024)}.` : SENTENCES["too-large"];
}

/** "212 MB", with a space that does not break; three figures at most. `base` 1024 for limits that were set in MiB. */
export function formatBytes(bytes, base = 1000) {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let value = Math.max(0, bytes);
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= base;
    unit += 1;
  }
  const digits = unit > 1 && value < 9.95 ? 1 : 0;
  return `${value.toFixed(digits).replace(/\.0$/, "")}\u00a0${units[unit]}`;
}

/** "a few seconds", "about 20 s", "about 3 min", "about 2 h"; "" when unknown. */
export function formatDuration(seconds) {
  if (!Number.isFinite(seconds)) return "";
  if (seconds < 8) return "a few seconds";
  if (seconds <= 40) return `about ${Math.ceil(seconds / 10) * 10}\u00a0s`;
  if (seconds < 55 * 60) return `about ${Math.max(1, Math.round(seconds / 60))}\u00a0min`;
  return `about ${Math.max(1, Math.round(seconds / 3600))}\u00a0h`;
}

/** To the second while one may watch it run: "5 s", "about 12 min". */
function formatWait(seconds) {
  return seconds > 90 ? formatDuration(seconds) : `${Math.max(1, Math.ceil(seconds))} s`;
}

export function countPhotos(count) {
  return count === 1 ? "1 photo" : `${count} photos`;
}

/** What an earlier visit left, of leftovers.js: "7 of 40 still to send", "12 photos to choose again". */
export function offerWords({ left, lost, total }) {
  if (left === 0) return `${countPhotos(lost)} to choose again`;
  return left < total ? `${left} of ${total} still to send` : `${countPhotos(left)} still to send`;
}

/** How many names are told of those that must be chosen again. */
const MOST_NAMES = 3;

/** What must be chosen again; "" when nothing must. `missing`: records of leftovers.js. */
export function lostWords(missing) {
  if (missing.length === 0) return "";
  const it = missing.length === 1 ? "it" : "them";
  const names = listNames(missing.map(({ name }) => name));
  const were = missing.length === 1 ? "was" : "were";
  return `${countPhotos(missing.length)} ${were} not kept on this device. Choose ${it} again: ${names}.`;
}

/** How many the gallery holds in a lighter form than was chosen now; "" for none. */
export function lighterWords(count) {
  if (count === 0) return "";
  const are = count === 1 ? "is" : "are";
  return `${countPhotos(count)} ${are} here already, in a lighter form than you chose now.`;
}

/** What of a drop could not be read: the names of files and folders; "" for none. */
export function unreadWords(names) {
  if (names.length === 0) return "";
  return `Not read, or not to the end: ${listNames(names)}. Photos may be missing. Drop what is missing again.`;
}

/** "a.jpg, b.jpg, c.jpg and 9 more" */
export function listNames(names) {
  const more = names.length - MOST_NAMES;
  return names.slice(0, MOST_NAMES).join(", ") + (more > 0 ? ` and ${more} more` : "");
}

/**
 * The line at the top of the panel, of a summary (queue.js) and an estimate (plan.js): "42 photos, 212 MB -> about 38 MB,
 * about 1 min on this connection". `isGuess`: not everything is compressed yet.
 */
export function headline(summary, estimate, isGuess = false) {
  if (summary.left === 0) return outcome(summary);
  const becomes = `${isGuess ? "about " : ""}${formatBytes(estimate.toSend)}`;
  const isLighter = estimate.toSend < estimate.chosen * 0.97;
  const chosen = formatBytes(estimate.chosen);
  const parts = [
    countPhotos(summary.total - summary.cancelled),
    isLighter ? `${chosen} \u2192 ${becomes}` : chosen,
    pace(summary, estimate),
  ];
  return parts.filter(Boolean).join(", ");
}

function pace(summary, estimate) {
  if (summary.isPaused) return "paused";
  if (summary.isOffline) return "waiting for the connection";
  const time = formatDuration(estimate.seconds);
  return time && `${time} on this connection`;
}

/** How far it is and how fast: "12 of 42 safe, 1.2 MB a second". */
export function progressWords(summary, speed) {
  const safe = `${summary.done + summary.duplicate} of ${summary.total - summary.cancelled} safe`;
  return speed && summary.sending > 0 ? `${safe}, ${formatBytes(speed)} a second` : safe;
}

/** Nothing is sent until `end`, a Date, because the site said `sentence`. */
export function holdWords(sentence, end) {
  const [, time] = localWords(end, end).split(", "); // as every other time of the site
  return `${sentence} The rest goes on by itself at ${time}.`;
}

/** "38 photos safe, 2 already here. 174 MB saved." */
export function outcome(summary) {
  const parts = [];
  if (summary.done > 0) parts.push(`${countPhotos(summary.done)} safe`);
  if (summary.duplicate > 0) parts.push(`${summary.duplicate} already here`);
  if (summary.failed > 0) parts.push(`${summary.failed} not added`);
  if (parts.length === 0) parts.push(summary.cancelled > 0 ? "Cancelled" : "Nothing to add");
  const saved = summary.saved > 1_000_000 ? ` ${formatBytes(summary.saved)} saved.` : "";
  return `${parts.join(", ")}.${saved}`;
}

/** A row's state in words. `now` in milliseconds, for the seconds until the next try. */
export function describe(item, now) {
  switch (item.state) {
    case "waiting": {
      if (item.isHeld) return "Paused";
      if (!item.retryAt) return item.blob ? "Waiting to be sent" : "Waiting";
      return `${item.sentence} Trying again in ${formatWait((item.retryAt - now) / 1000)}.`;
    }
    case "compressing":
      return item.quality === "original" ? "Reading it" : "Making it lighter";
    case "sending":
      return `Sending ${formatBytes(item.blob.size)}`;
    case "checking":
      return "Checking";
    case "done":
      return "Safe";
    case "duplicate":
      return item.isLighter ? "Already here, in a lighter form." : "Already here, skipped.";
    case "cancelled":
      return "Cancelled";
    default:
      return item.sentence;
  }
}
