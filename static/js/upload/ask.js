// "Which of these files do I have in this gallery already?": one question for many, before a byte of them is sent.

import { after } from "./lines.js";
import { readToken } from "./token.js";

/** An answer that takes longer than this, in milliseconds, is not waited for: the files go on their way. */
const PATIENCE = 20_000;

/**
 * @param target {checkUrl}
 * @param hashes of the files as they were chosen, SHA-256 in hex
 * @returns {hash: {image: its id, width, height, exact}} of those that are there; rejects when nobody answered
 */
export async function askWhatIsThere({ checkUrl }, hashes) {
  const answer = await fetch(checkUrl, {
    method: "POST",
    headers: { Accept: "application/json", "Content-Type": "application/json", "X-CSRFToken": readToken() },
    body: JSON.stringify({ hashes: [...new Set(hashes)] }),
    signal: after(PATIENCE),
  });
  if (!answer.ok || answer.redirected) throw new Error(`No answer: ${answer.status}`);
  return (await answer.json()).held ?? {};
}
