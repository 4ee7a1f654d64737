// On the page of all galleries: what an earlier visit could not send, and the way to where it goes on.

import { findLeftovers } from "./leftovers.js";
import { nameTab } from "./tabs.js";
import { readPerson } from "./token.js";
import { newKey } from "./transport.js";
import { Vault } from "./vault.js";
import { countPhotos } from "./words.js";

async function show(list) {
  const vault = new Vault({ person: readPerson() });
  const offer = await findLeftovers(vault, await nameTab({ newName: newKey })).catch(() => null); // no store
  list.replaceChildren(...(offer?.targets ?? []).map((target) => line(target, vault, list)));
  list.hidden = !offer;
}

function line({ title, left, lost, uploadUrl, keys }, vault, list) {
  const words = document.createElement("p");
  const send = left > 0 ? `${countPhotos(left)} still to send to ${title}.` : "";
  const again = lost > 0 ? `${countPhotos(lost)} to choose again for ${title}.` : "";
  words.textContent = `${send} ${again}`.trim();
  const go = document.createElement("a");
  go.className = "button small";
  go.href = `${uploadUrl.replace(/upload\/$/, "")}#continue`;
  go.textContent = left > 0 ? "Continue" : "Open";
  const forget = document.createElement("button");
  forget.className = "button quiet small";
  forget.textContent = "Forget them";
  forget.addEventListener("click", async () => {
    await vault.remove(keys);
    await show(list);
  });
  const item = document.createElement("li");
  item.append(words, go, forget);
  return item;
}

const list = document.querySelector("[data-leftovers]");
if (list && readPerson()) show(list);
