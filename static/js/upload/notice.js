// On the page of all galleries: what an earlier visit could not send, and the way to where it goes on.

import { say } from "../toasts.js";
import { findLeftovers, forget } from "./leftovers.js";
import { nameTab } from "./tabs.js";
import { readPerson } from "./token.js";
import { newKey } from "./transport.js";
import { Vault } from "./vault.js";
import { countPhotos, OUT_OF_REACH } from "./words.js";

async function show(list, vault, tab) {
  const offer = await findLeftovers(vault, tab).catch(() => null); // no store
  const drop = async (keys) => {
    try {
      await forget(vault, tab, keys);
    } catch {
      return say(OUT_OF_REACH, "error");
    }
    await show(list, vault, tab);
    (list.querySelector("a") ?? document.querySelector("#main")).focus(); // the button that had it is gone
  };
  list.replaceChildren(...(offer?.targets ?? []).map((target) => line(target, drop)));
  list.hidden = !offer;
}

function line({ title, left, lost, galleryUrl, keys }, onForget) {
  const words = document.createElement("p");
  const send = left > 0 ? `${countPhotos(left)} still to send to ${title}.` : "";
  const again = lost > 0 ? `${countPhotos(lost)} to choose again for ${title}.` : "";
  words.textContent = `${send} ${again}`.trim();
  const go = document.createElement("a");
  go.className = "button small";
  go.href = `${galleryUrl}#continue`;
  go.textContent = left > 0 ? "Continue" : "Open";
  const drop = document.createElement("button");
  drop.className = "button quiet small";
  drop.textContent = left + lost === 1 ? "Forget it" : "Forget them";
  for (const each of [go, drop]) each.setAttribute("aria-label", `${each.textContent}: ${title}`);
  drop.addEventListener("click", () => onForget(keys));
  const item = document.createElement("li");
  item.append(words, go, drop);
  return item;
}

const list = document.querySelector("[data-leftovers]");
if (list && readPerson()) {
  const vault = new Vault({ person: readPerson() });
  nameTab({ newName: newKey }).then((tab) => show(list, vault, tab));
}
