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

async function isLoaded() {
  if (document.readyState === "complete") return;
  await new Promise((resolve) => addEventListener("load", resolve, { once: true }));
}
