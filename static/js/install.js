// The service worker of the site (https and localhost only): see static/js/sw/worker.js.
navigator.serviceWorker?.register("/sw.js", { scope: "/", type: "module" }).catch(() => {
  // no module workers in this browser, or none allowed: everything works but the page for "no line"
});
