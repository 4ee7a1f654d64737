// Background Sync: the line is back, and the tab that was sending is gone. What was compressed is sent from here, under
// the same keys, by the rules of the page (answers.js); what needs a person waits for the page.

import { judge } from "../upload/answers.js";
import { findLeftovers, takeUp } from "../upload/leftovers.js";
import { nameTab } from "../upload/tabs.js";
import { formOf, newKey } from "../upload/transport.js";
import { Vault } from "../upload/vault.js";

/** Rejects when something could be tried again later: the browser does. */
export async function sendKept() {
  const { person, token } = await whoIsHere();
  if (!person) return;
  const vault = new Vault({ person });
  const tab = await nameTab({ newName: newKey, storage: null });
  const offer = await findLeftovers(vault, tab);
  const ready = offer ? (await takeUp(vault, tab, offer.keys)).filter((record) => record.blob) : [];
  for (const record of ready) {
    const outcome = await send(record, token);
    if (outcome.kind === "stored") await vault.remove([record.key]);
    if (outcome.kind === "signed-out") return;
    if (outcome.kind === "retry") throw new Error(outcome.sentence);
  }
}

async function send({ target, key, blob, name, fields }, token) {
  try {
    const answer = await fetch(target.uploadUrl, {
      method: "POST",
      headers: { Accept: "application/json", "Idempotency-Key": key, "X-CSRFToken": token },
      body: formOf({ blob, filename: name, fields }),
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
  const page = await (await fetch("/", { headers: { Accept: "text/html" } })).text();
  const read = (name) => new RegExp(`<meta name="${name}" content="([^"]*)">`).exec(page)?.[1] ?? "";
  return { person: read("person"), token: read("csrf-token") };
}
