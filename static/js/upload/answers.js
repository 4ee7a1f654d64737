// What an answer of the server means for a file. Pure: status, headers and text in, one outcome out.

import { SENTENCES } from "./words.js";

/** 5xx that will not change by trying again soon. */
const LASTING = [501, 505, 507];
/** 4xx that mean "not now". 409: the server is still at work on the same bytes, sent before a connection broke. */
const PASSING = [408, 409, 425, 429];

/**
 * @returns one of
 *   {kind: "stored", duplicate} - kept: the only good end;
 *   {kind: "retry", cause: "network" | "server" | "busy", wait: seconds or null, sentence};
 *   {kind: "refused", sentence, code, isFinal} - `isFinal`: trying again cannot help;
 *   {kind: "signed-out", sentence} - so would every other file be.
 */
export function judge({ status, isRedirected = false, retryAfter = null, body = "", now = Date.now() }) {
  const answer = parse(body);
  if (status === 0) return { kind: "retry", cause: "network", wait: null, sentence: SENTENCES.network };
  if ((status === 200 || status === 201) && answer && !isRedirected) return judgeStored(answer);
  // An answer that is no JSON comes from a sign-in page or a proxy, not from the upload view; "forbidden" from the CSRF
  // check: somebody signed in, or out, since this page was opened.
  if (status === 401 || status < 400 || (status === 403 && (answer?.code ?? "forbidden") === "forbidden")) {
    return { kind: "signed-out", sentence: SENTENCES["signed-out"] };
  }
  if (PASSING.includes(status) || (status >= 500 && !LASTING.includes(status))) {
    const wait = parseRetryAfter(retryAfter, now);
    const isBusy = status < 500 || wait !== null;
    return { kind: "retry", cause: isBusy ? "busy" : "server", wait, sentence: sentenceOf(answer, status) };
  }
  const isFinal = [413, 415, 422].includes(status);
  return { kind: "refused", code: answer?.code ?? "", sentence: sentenceOf(answer, status), isFinal };
}

/** Seconds to wait, from a Retry-After of seconds or a date (RFC 9110, 10.2.3); null when there is none to read. */
export function parseRetryAfter(value, now) {
  if (!value) return null;
  if (/^\d+$/.test(value.trim())) return Number(value);
  const date = Date.parse(value);
  return Number.isNaN(date) ? null : Math.max(0, Math.ceil((date - now) / 1000));
}

function judgeStored(answer) {
  // Browsers repeat a request by themselves when its connection breaks: what answers "here already" may be this upload.
  return { kind: "stored", duplicate: answer.duplicate === true && answer.repeated !== true };
}

function sentenceOf(answer, status) {
  if (status === 404) return SENTENCES[404]; // the server speaks of nothing, because it may be somebody else's
  if (typeof answer?.detail === "string" && answer.detail) return answer.detail;
  if (status === 413) return SENTENCES["too-large"];
  return status >= 500 ? SENTENCES.server : (SENTENCES[status] ?? SENTENCES.refused);
}

function parse(body) {
  try {
    const answer = JSON.parse(body);
    return typeof answer === "object" ? answer : null;
  } catch {
    return null;
  }
}
