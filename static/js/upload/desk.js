// Where photos are handed in: the ways and choices of the uploader, and the question about a folder. The uploader itself
// is fetched right after this.

import { once } from "../once.js";
import { say } from "../toasts.js";
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
    const target = isNew ? await this.#makeGallery(folder) : this.target;
    if (target) uploader.add(files, target);
  }

  async recover() {
    (await this.#reach()).recover();
  }

  /** A gallery of the folder's name that lives as long as this one. Should that fail, the person is told: others may see
   * what is here. */
  async #makeGallery(folder) {
    const { createUrl, retention } = this.root.dataset;
    try {
      return await createGallery(createUrl, folder.slice(0, 100), retention);
    } catch ({ sentence = "The gallery could not be made." }) {
      say(`${sentence} The photos of ${folder} were not added.`, "error");
      return null;
    }
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
