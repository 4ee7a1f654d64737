// What ends, ends by the server's clock: a device's own may be hours away from it. The page says when it was made.

const page = document.querySelector("[data-now]");
const [navigation] = performance.getEntriesByType("navigation");
const age = navigation ? (performance.now() - navigation.responseStart) / 1000 : 0;
const ahead = page ? Date.now() / 1000 - age - Number(page.dataset.now) : 0;

/** Seconds since 1970, as the server counts them. */
export function serverSeconds() {
  return Date.now() / 1000 - ahead;
}
