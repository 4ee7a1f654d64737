/** Calls `make` at the first call, and again only after its promise was rejected. */
export function once(make) {
  let made = null;
  return () => {
    made ??= make().catch((error) => {
      made = null;
      throw error;
    });
    return made;
  };
}
