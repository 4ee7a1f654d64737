// What is still to come: bytes and seconds, corrected as it goes. Pure.

import { isSafe } from "./item.js";
import { QUALITIES } from "./qualities.js";

/** Seconds a core needs for a 12 MP photo before any was measured. */
const FIRST_SECONDS = 0.5;
/** A photo that is sent costs the server this long at least, in seconds. */
const ANSWER_SECONDS = 0.2;

/** From so many bytes a second on a preview of 250 kB takes no longer to send than it saves the server. */
const RENDITION_SPEED = 4_000_000;

/** Whether renditions go along: people's time on a slow or dear line is worth more than the server's. */
export function carriesRenditions(speed, connection) {
  if (connection?.saveData) return false;
  return speed === null || speed >= RENDITION_SPEED;
}

/**
 * Bytes a second of a line that was not measured yet, or null. The browser speaks of the way down, in Mbit/s, and the way up
 * is rarely more than half of that; `least` is what the line has carried.
 */
export function guessSpeed(connection, least = 0) {
  const believed = connection?.downlink > 0 ? (connection.downlink * 125_000) / 2 : 0;
  return Math.max(believed, least) || null;
}

/** The bytes that a file not yet compressed is expected to become; `share` as observed, or null. */
export function expectBytes(size, quality, share) {
  const { typical, share: usual } = QUALITIES[quality];
  return Math.min(size, typical, size * (share ?? usual));
}

/**
 * @param items of the queue: {size, state, blob, sent, quality, secondsToPrepare}
 * @param speed bytes a second over the line, or null
 * @param workers how many files are prepared at once
 * @returns {chosen, toSend, left, seconds, fraction}: bytes chosen, bytes sent in all, bytes still to be sent, seconds
 *   or NaN, and how much of the whole is safe (0 to 1)
 */
export function estimate(items, { quality, speed, workers }) {
  const live = items.filter((item) => item.state !== "cancelled" && item.state !== "failed");
  const measured = items.filter((item) => item.secondsToPrepare > 0);
  const share =
    measured.length > 0 ? sum(measured, (item) => item.blobSize) / sum(measured, (item) => item.size) : null;
  const expected = (item) => item.blobSize ?? expectBytes(item.size, item.quality ?? quality, share);
  const toSend = sum(live, expected);
  const sent = sum(live, (item) => (isSafe(item) ? expected(item) : Math.min(item.sent, expected(item))));
  const unprepared = live.filter((item) => item.blobSize === undefined).length;
  const each =
    measured.length > 0 ? sum(measured, (item) => item.secondsToPrepare) / measured.length : FIRST_SECONDS;
  const unanswered = live.filter((item) => !isSafe(item)).length;
  const left = Math.max(0, toSend - sent);
  // Compressing and sending overlap: the slower of the two decides.
  const sending = left > 0 ? left / (speed ?? Number.NaN) : 0;
  const seconds = Math.max((unprepared * each) / workers, sending, unanswered * ANSWER_SECONDS);
  return {
    chosen: sum(live, (item) => item.size),
    toSend,
    left,
    seconds,
    fraction: fraction(live, expected),
  };
}

/** 100 % means safe, not sent: what is on the line counts to nine tenths. */
function fraction(live, expected) {
  const total = sum(live, expected);
  const safe = sum(live, (item) =>
    isSafe(item) ? expected(item) : 0.9 * Math.min(item.sent, expected(item)),
  );
  return total > 0 ? Math.min(1, safe / total) : 0;
}

function sum(items, value) {
  return items.reduce((total, item) => total + value(item), 0);
}
