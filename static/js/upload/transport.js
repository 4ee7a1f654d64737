// One file to the server by XMLHttpRequest (fetch cannot tell how much of a body has left).

import { judge } from "./answers.js";
import { SENTENCES } from "./words.js";

/** No byte moved for so long, in milliseconds: the line is dead, whatever the browser believes. */
const STALL = 30_000;
/** Longest wait for the answer once everything is sent; the site's own proxy gives up after 75 s. */
const ANSWER = 90_000;

/**
 * @param parcel {url, token, key, blob, filename, fields, renditions}: `token` against CSRF, `key` for idempotency,
 *   `fields` a record of texts of which empty ones are left out, `renditions` one of blobs
 * @param hooks {onProgress(bytes), onSent(), signal}
 * @returns an outcome of answers.js; rejects with AbortError only
 */
export function send(parcel, { onProgress, onSent, signal, stall = STALL, patience = ANSWER }) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    let timer;
    const watch = (milliseconds) => {
      clearTimeout(timer);
      timer = setTimeout(() => {
        resolve({ kind: "retry", cause: "network", wait: null, sentence: SENTENCES.stalled });
        request.abort();
      }, milliseconds);
    };
    const cancel = () => {
      reject(signal.reason);
      request.abort();
    };
    let isSent = false;
    const noteSent = () => {
      if (isSent) return;
      isSent = true;
      watch(patience);
      onSent();
    };
    request.upload.onprogress = ({ loaded, total }) => {
      if (!isSent) watch(stall);
      onProgress(total > 0 ? Math.min(1, loaded / total) * parcel.blob.size : 0);
      if (total > 0 && loaded >= total) noteSent(); // Firefox says "load" only when the answer begins
    };
    request.upload.onload = noteSent;
    request.onload = () => resolve(readAnswer(request, parcel.url));
    request.onloadend = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", cancel);
      // Without an answer and without an outcome of ours, the line broke or the browser ended it. (Firefox tells of neither
      // "error" nor "abort" when a navigation that becomes a download does.)
      resolve(judge({ status: 0 }));
    };
    signal.addEventListener("abort", cancel, { once: true });
    request.open("POST", parcel.url);
    request.setRequestHeader("Accept", "application/json");
    request.setRequestHeader("Idempotency-Key", parcel.key);
    request.setRequestHeader("X-CSRFToken", parcel.token);
    watch(stall);
    request.send(formOf(parcel));
  });
}

/** The text fields come first: a server that reads the body as a stream knows them when the file begins. */
export function formOf({ blob, filename, fields, renditions = {} }) {
  const form = new FormData();
  form.append("filename", filename);
  for (const [name, value] of Object.entries(fields)) if (value) form.append(name, value);
  form.append("file", blob, filename);
  for (const [name, rendition] of Object.entries(renditions)) form.append(name, rendition, `${name}.jpg`);
  return form;
}

function readAnswer(request, url) {
  return judge({
    status: request.status,
    isRedirected:
      new URL(request.responseURL || url, location.href).pathname !== new URL(url, location.href).pathname,
    retryAfter: request.getResponseHeader("Retry-After"),
    body: request.responseText,
  });
}

/** 128 random bits in hex. (crypto.randomUUID is missing on plain http.) */
export function newKey() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) =>
    byte.toString(16).padStart(2, "0"),
  ).join("");
}
