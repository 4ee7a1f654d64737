// Background Sync: the line is back, and the tab that was sending is gone. What was compressed is sent from here, under
// the same keys, by the rules of the page (answers.js); what needs a person waits for the page.

import { judge } from "../upload/answers.js";
import { findLeftovers, takeUp } from "../upload/leftovers.js";
import { after } from "../upload/lines.js";
import { asTab } from "../upload/tabs.js";
import { formOf, newKey } from "../upload/transport.js";
import { Vault } from "../upload/vault.js";

/** One photo that does not move for so long, in milliseconds, is left for another time. */
const PATIENCE = 120_000;

/** Rejects when something could be tried again later: the browser does. */
export async function sendKept() {
  const { person, token } = await whoIsHere();
  if (!person) return;
  // Under a name of its own, given back at the end: what is left over is free for the next page that opens.
  await asTab(newKey(), (tab) => sendAll(new Vault({ person }), tab, token));
}

/** Each alone: one that the site stumbles over keeps no other from arriving. Without a line, the first one tells. */
async function sendAll(vault, tab, token) {
  const offer = await findLeftovers(vault, tab, (record) => !record.blob); // what is not compressed waits for a page
  let trouble = "";
  for (const { key } of offer?.records ?? []) {
    const [record] = await takeUp(vault, tab, [key]); // not before its turn: a page that opens may take the others
    if (!record?.blob) continue;
    const outcome = await send(record, token);
    if (outcome.kind === "stored") await vault.remove([key]);
    if (outcome.kind === "signed-out") return;
    if (outcome.kind !== "retry") continue;
    trouble = outcome.sentence;
    if (outcome.cause !== "server") break; // no line, or asked to wait
  }
  if (trouble) throw new Error(trouble);
}

async function send({ target, key, blob, name, fields }, token) {
  try {
    const answer = await fetch(target.uploadUrl, {
      method: "POST",
      headers: { Accept: "application/json", "Idempotency-Key": key, "X-CSRFToken": token },
      body: formOf({ blob, filename: name, fields }),
      signal: after(PATIENCE),
    });
    return judge({
      status: answer.status,
      isRedirected: answer.redirected,
      retryAfter: answer.headers.get("Retry-After"),
      body: await answer.text(),
    });
  } catch {
    return judge({ status: 0 });
  }
}

/** A worker has no page to read: any page of the site tells who is signed in, and the token against CSRF. */
async function whoIsHere() {
  const answer = await fetch("/", { headers: { Accept: "text/html" } });
  if (!answer.ok) throw new Error(`No page: ${answer.status}`); // a proxy's, which names nobody
  const page = await answer.text();
  const read = (name) => new RegExp(`<meta name="${name}" content="([^"]*)">`).exec(page)?.[1] ?? "";
  return { person: read("person"), token: read("csrf-token") };
}
