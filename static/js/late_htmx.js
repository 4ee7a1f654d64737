// Fetches htmx (which the django-htmx package brings) for pages whose first screen does without it: once, when it is wanted.

import { once } from "./once.js";

/** Resolves with htmx, when it has seen the page. */
export const fetchHtmx = once(async () => {
  await isLoaded(); // htmx waits for a DOMContentLoaded that is over, when it comes between that and "complete"
  const script = document.createElement("script");
  script.src = document.querySelector('meta[name="htmx-source"]').content;
  const loaded = new Promise((resolve, reject) => {
    script.addEventListener("load", resolve);
    script.addEventListener("error", reject);
    document.head.append(script);
  });
  await Promise.all([loaded, import("./htmx_answers.js")]);
  return window.htmx;
});

/** Not "load": it never comes when a download began by a link before it. */
async function isLoaded() {
  while (document.readyState !== "complete") {
    await new Promise((resolve) => document.addEventListener("readystatechange", resolve, { once: true }));
  }
}
