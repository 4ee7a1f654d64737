// Where photos are handed in: the ways and choices of the uploader, and the question about a folder. The uploader itself
// is fetched right after this.

import { once } from "../once.js";
import { wireChoices } from "./choices.js";
import { askForFolder, createGallery } from "./destination.js";
import { wireWays } from "./ways.js";

export class Desk {
  #options = {};
  #reach; // the uploader

  /** @param root the element with [data-uploader]; `take` as below, for files from the buttons; `tellNotFetched` says that
   *   the uploader is out of reach */
  constructor(root, { take, tellNotFetched }) {
    this.root = root;
    this.tellNotFetched = tellNotFetched;
    const { url, checkUrl, gallery, galleryUrl, title } = root.dataset;
    this.target = { galleryId: gallery, galleryUrl, uploadUrl: url, checkUrl, title };
    this.#reach = once(async () => {
      const { Uploader } = await import("./uploader.js");
      return new Uploader(root, this.#options);
    });
    wireChoices(root, (chosen) => Object.assign(this.#options, chosen));
    wireWays(root, take);
    document.addEventListener("click", (event) => this.#press(event));
    this.#reach().catch(() => {}); // it is asked for again when it is needed, and told then
  }

  /** @param folder the name of the one that they lie in, or ""; `unread` names of what could not be read */
  async take(files, folder = "", unread = []) {
    const uploader = await this.#reach().catch(this.tellNotFetched);
    if (!uploader) return;
    uploader.noteUnread(unread);
    if (files.length === 0) return;
    const { title } = this.target;
    if (!folder || folder === title) return uploader.add(files, this.target);
    const where = this.root.querySelector('[data-part="where"]');
    const isNew = await askForFolder(where, { folder, count: files.length });
    if (isNew === null) return;
    uploader.add(files, isNew ? await this.#makeGallery(folder) : this.target);
  }

  async recover() {
    (await this.#reach()).recover();
  }

  /** A gallery of the folder's name that lives as long as this one; should that fail, the photos come here after all. */
  #makeGallery(folder) {
    const { createUrl, retention } = this.root.dataset;
    return createGallery(createUrl, folder.slice(0, 100), retention).catch(() => this.target);
  }

  #press(event) {
    if (!event.target.closest?.("[data-upload-options]")) return;
    event.preventDefault();
    this.#showOptions();
  }

  #openPanel() {
    return this.#reach().then(({ panel }) => panel.open(), this.tellNotFetched);
  }

  /** For a device whose picker is poor. */
  async showWays() {
    await this.#openPanel();
    this.root.querySelector('[data-way="photos"]').focus();
  }

  async #showOptions() {
    await this.#openPanel();
    this.root.querySelector('[data-part="options"]').open = true;
    this.root.querySelector('[data-part="choices"] input:checked').focus();
  }
}
