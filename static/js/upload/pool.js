// Workers that prepare files, one picture each, so that never more than `size` pictures are decoded. Where module
// workers or OffscreenCanvas are missing, or the script does not load, the page does the work one at a time.

import { hashFile } from "./hash.js";
import { prepare as prepareHere } from "./prepare.js";
import { onscreen } from "./surface.js";

/** A worker that says nothing for so long, in milliseconds, is ended; its file goes as it is. */
const WATCHDOG = 60_000;
/** Workers without work are ended after this long: they hold memory. */
const IDLE = 20_000;
/** What is known of a file that a worker did not come back from. */
const UNSEEN = { width: 0, height: 0, reason: "slow", takenAt: "", camera: "", thumb: null, renditions: {} };

export function poolSize(cores = navigator.hardwareConcurrency) {
  return Math.max(1, Math.min(4, cores || 2));
}

export class WorkerPool {
  #workers = new Map(); // worker -> whether it has said "ready"
  #idle = [];
  #jobs = [];
  #here = Promise.resolve();
  #isUsable = typeof Worker === "function";
  #idleTimer = 0;

  constructor({ url, size = poolSize(), watchdog = WATCHDOG, spawn = startModuleWorker }) {
    Object.assign(this, { url, size, watchdog, spawn });
  }

  /** As `prepare` of prepare.js; rejects with AbortError once `signal` says so. */
  prepare(file, options, signal) {
    return this.#ask({ task: "prepare", file, options, signal });
  }

  /** The SHA-256 of a file in hex, or "" when it took too long; rejects as `prepare` does. */
  hash(file, signal) {
    return this.#ask({ task: "hash", file, signal });
  }

  #ask(request) {
    return new Promise((resolve, reject) => {
      const { signal } = request;
      const job = { ...request, resolve, reject };
      signal?.addEventListener("abort", () => reject(signal.reason), { once: true });
      this.#jobs.push(job);
      this.#assign();
    });
  }

  #assign() {
    clearTimeout(this.#idleTimer);
    while (this.#jobs.length > 0) {
      if (this.#jobs[0].signal?.aborted) {
        this.#jobs.shift();
      } else if (!this.#isUsable) {
        this.#doHere(this.#jobs.shift());
      } else if (this.#idle.length > 0) {
        this.#give(this.#idle.pop(), this.#jobs.shift());
      } else {
        if (this.#workers.size < this.size) this.#start();
        return;
      }
    }
    this.#idleTimer = setTimeout(() => this.#endIdle(), IDLE);
  }

  #start() {
    let worker;
    try {
      worker = this.spawn(this.url);
    } catch {
      return this.#fail(null);
    }
    this.#workers.set(worker, false);
    worker.onerror = () => this.#fail(worker);
    worker.onmessage = ({ data }) => {
      if (!data.ready) return this.#fail(worker);
      this.#workers.set(worker, true);
      this.#idle.push(worker);
      this.#assign();
    };
  }

  /** A worker that did not start. When no other did, workers do not work here at all. */
  #fail(worker) {
    if (worker) this.#end(worker);
    if (![...this.#workers.values()].includes(true)) {
      this.#isUsable = false;
      for (const other of this.#workers.keys()) this.#end(other);
    }
    this.#assign();
  }

  #give(worker, job) {
    const finish = (act) => {
      clearTimeout(timer);
      act();
      this.#idle.push(worker);
      this.#assign();
    };
    const drop = () => {
      clearTimeout(timer);
      this.#end(worker);
      job.resolve(job.task === "hash" ? "" : { ...UNSEEN, blob: job.file });
      this.#assign();
    };
    const timer = setTimeout(drop, this.watchdog);
    worker.onerror = drop; // out of memory, most often
    worker.onmessage = ({ data }) =>
      finish(() => (data.error ? job.reject(new Error(data.error)) : job.resolve(data.result)));
    worker.postMessage({ id: 0, task: job.task, file: job.file, options: job.options });
  }

  #doHere(job) {
    const work = async () => {
      if (job.signal?.aborted) return;
      const isHash = job.task === "hash";
      job.resolve(await (isHash ? hashFile(job.file) : prepareHere(job.file, job.options, onscreen)));
    };
    this.#here = this.#here.then(work).catch(job.reject);
  }

  #endIdle() {
    for (const worker of this.#idle.splice(0)) this.#end(worker);
  }

  #end(worker) {
    worker.terminate();
    this.#workers.delete(worker);
    this.#idle = this.#idle.filter((other) => other !== worker);
  }
}

function startModuleWorker(url) {
  return new Worker(url, { type: "module" });
}
