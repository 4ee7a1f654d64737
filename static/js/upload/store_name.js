// The name of the store of photos that are not yet safe, and whether this device has one at all.

export const STORE_NAME = "image-gallery-uploads";

/** False only when it is sure that nothing was ever kept here; asking makes no store. */
export async function hasStore(factory = globalThis.indexedDB) {
  try {
    const stores = await factory.databases();
    return stores.some(({ name }) => name === STORE_NAME);
  } catch {
    return true; // older browsers cannot tell
  }
}
