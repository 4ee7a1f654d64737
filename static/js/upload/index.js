// Wires the uploader of a page: finds [data-uploader], gives the queue its outside world, listens for files.

import { wireChoices } from "./choices.js";
import { listenForDrops, listenForPaste } from "./drop.js";
import { CANVAS_PIXELS, IOS_CANVAS_PIXELS } from "./fit.js";
import { Panel } from "./panel.js";
import { estimate } from "./plan.js";
import { WorkerPool } from "./pool.js";
import { UploadQueue } from "./queue.js";
import { Refresher } from "./refresh.js";
import { readSettings, writeSettings } from "./settings.js";
import { Speedometer } from "./speed.js";
import { readToken, renewToken } from "./token.js";
import { newKey, send } from "./transport.js";

function start(root) {
  const { url, gallery, worker, maxBytes } = root.dataset;
  const target = { galleryId: gallery, uploadUrl: url };
  const pool = new WorkerPool({ url: worker });
  const speedometer = new Speedometer(readSettings().speed);
  const refresher = new Refresher(gallery);
  const queue = new UploadQueue({
    prepare: (file, options, signal) => pool.prepare(file, { ...options, maxPixels: maxPixels() }, signal),
    send: (item, hooks) => send(toParcel(item), countBytes(hooks, speedometer)),
    newKey,
    limits: { prepare: pool.size, maxBytes: Number(maxBytes) || 0 },
    onStored: (item) => item.state === "done" && refresher.add(item.imageId),
    onChange: () => update(),
  });
  const panel = new Panel(root, {
    read: () => read(queue, speedometer, pool.size),
    act: (item, isDrop) => actOn(queue, item, isDrop),
    pause: () => queue.pause(),
    resume: () => resume(queue),
    retryFailed: () => queue.retryFailed(),
    cancelAll: () => queue.cancelAll(),
    close: () => queue.forgetSettled(true),
  });
  let wasBusy = false;
  const update = () => {
    const isBusy = queue.summary().left > 0;
    if (wasBusy && !isBusy) {
      speedometer.rest(performance.now());
      writeSettings({ speed: speedometer.last });
      refresher.flush(true);
    }
    wasBusy = isBusy;
    panel.invalidate();
  };
  const take = (files) => {
    if (files.length === 0) return;
    queue.add(files, target);
    panel.open();
  };

  wireChoices(root, (options) => Object.assign(queue.options, options));
  listenForDrops(root.querySelector('[data-part="veil"]'), take);
  listenForPaste(take);
  wirePicker(root, take, panel);
  window.addEventListener("online", () => queue.wake());
  window.addEventListener("beforeunload", (event) => queue.summary().left > 0 && event.preventDefault());
}

/** The plain form becomes one button; whatever has [data-upload-choose] opens the same picker. */
function wirePicker(root, take, panel) {
  const form = root.querySelector("form");
  const input = form.querySelector("input[type=file]");
  root.dataset.uploader = "ready";
  input.addEventListener("change", () => {
    take([...input.files]);
    form.reset();
  });
  document.addEventListener("click", (event) => {
    const trigger = event.target.closest?.("[data-upload-choose], [data-upload-options]");
    if (!trigger) return;
    event.preventDefault(); // a link to the plain form
    if (trigger.matches("[data-upload-choose]")) input.click();
    else showOptions(root, panel);
  });
}

function showOptions(root, panel) {
  panel.open();
  root.querySelector('[data-part="options"]').open = true;
  root.querySelector('[data-part="choices"] input:checked').focus();
}

function actOn(queue, item, isDrop) {
  if (!isDrop) queue.retry(item);
  else if (item.state === "failed") queue.dismiss(item);
  else queue.cancel(item);
}

async function resume(queue) {
  if (queue.halted && !(await renewToken())) return;
  queue.resume();
}

function read(queue, speedometer, workers) {
  const { items, options, halted } = queue;
  const speed = speedometer.read(performance.now());
  return {
    items,
    halted,
    summary: queue.summary(),
    retryable: items.filter((item) => item.state === "failed" && item.canRetry).length,
    estimate: estimate(items, { quality: options.quality, speed, workers }),
  };
}

function toParcel({ uploadUrl, key, blob, name, fields }) {
  return { url: uploadUrl, token: readToken(), key, blob, filename: name, fields };
}

function countBytes(hooks, speedometer) {
  let before = 0;
  const onProgress = (bytes) => {
    speedometer.add(bytes - before, performance.now());
    before = bytes;
    hooks.onProgress(bytes);
  };
  return { ...hooks, onProgress };
}

/** iOS and iPadOS (which calls itself a Mac, but has a touch screen) draw on 16 megapixels at most. */
function maxPixels() {
  const { userAgent, maxTouchPoints } = navigator;
  const isIos = /iPad|iPhone|iPod/.test(userAgent) || (userAgent.includes("Macintosh") && maxTouchPoints > 1);
  return isIos ? IOS_CANVAS_PIXELS : CANVAS_PIXELS;
}

for (const root of document.querySelectorAll('[data-uploader=""]')) start(root);
