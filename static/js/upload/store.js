// Where the queue keeps what is not yet safe. Three verbs, each may be asynchronous:
//   put(record)   keep or replace; a record is {id, galleryId, uploadUrl, name, size, key, blob, fields, state}
//   remove(id)    it is safe, or not wanted any more
//   list()        all that an earlier visit left behind
// This one is memory, so a closed tab loses it; one on IndexedDB takes the same place (createQueue's `store`).

export function createMemoryStore() {
  const records = new Map();
  return {
    put: async (record) => void records.set(record.id, record),
    remove: async (id) => void records.delete(id),
    list: async () => [...records.values()],
  };
}
