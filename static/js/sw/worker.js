// The service worker: an honest page while there is no line, photos shared by other apps, and what could not be sent
// before the tab was closed. It keeps no page of the site, no picture and no answer: only the page that says "offline".

import { Vault } from "../upload/vault.js";
import { sendKept } from "./background.js";

const SHARE = "/share/";

/** @param site {offline: address of the page, files: what it needs, name: of this version} */
export function serve(site) {
  self.addEventListener("install", (event) => event.waitUntil(install(site)));
  self.addEventListener("activate", (event) => event.waitUntil(tidy(site)));
  self.addEventListener("fetch", (event) => answer(event, site));
  self.addEventListener("sync", (event) => {
    if (event.tag === "uploads") event.waitUntil(sendKept());
  });
}

async function install({ name, offline, files }) {
  const cache = await caches.open(name);
  await cache.addAll([offline, ...files]);
  await self.skipWaiting();
}

async function tidy({ name }) {
  for (const other of await caches.keys()) if (other !== name) await caches.delete(other);
  await self.clients.claim();
}

function answer(event, { name, offline, files }) {
  const { request } = event;
  const { pathname, origin } = new URL(request.url);
  if (origin !== location.origin) return;
  if (request.method === "POST" && pathname === SHARE) return event.respondWith(takeShared(request));
  if (request.method !== "GET") return;
  const fallback = (address) => caches.open(name).then((cache) => cache.match(address));
  if (request.mode === "navigate") event.respondWith(fetch(request).catch(() => fallback(offline)));
  else if (files.includes(pathname)) event.respondWith(fetch(request).catch(() => fallback(pathname)));
}

/** Photos of another app go into the vault, and the page asks where to. Without a vault the server takes them. */
async function takeShared(request) {
  const spare = request.clone();
  try {
    const files = (await request.formData())
      .getAll("file")
      .filter((file) => file instanceof File && file.size > 0);
    await new Vault({ person: "" }).putShared(files);
    return Response.redirect(SHARE, 303);
  } catch {
    return fetch(spare);
  }
}
