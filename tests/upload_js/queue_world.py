"""The made-up world of a queue, for scenes that are played in Chromium."""

from __future__ import annotations

# `new World({answers, more})` is a queue of small files. answers: for a file's name the outcomes in turn, after which
# it is stored; more: what else the queue is given.
WORLD = """
const { UploadQueue } = await import("/static/js/upload/queue.js");
const target = { galleryId: "g", uploadUrl: "/g/g/upload/", checkUrl: "/g/g/check/", title: "Summer" };
const lost = { kind: "retry", cause: "network", wait: null, sentence: "Connection lost." };

async function until(holds) {
  for (let turn = 0; turn < 2000 && !holds(); turn += 1) await new Promise((go) => setTimeout(go));
  if (!holds()) throw new Error(`never: ${holds}`);
}

class World {
  now = 0;
  sent = [];
  kept = new Map();
  changes = 0;
  timers = new Set();

  constructor({ answers = {}, more = {} } = {}) {
    let keys = 0;
    const keeper = {
      take: (items) => items.forEach((item) => this.kept.set(item.key, item.name)),
      keep: async () => {},
      drop: (items) => items.forEach((item) => this.kept.delete(item.key)),
    };
    this.queue = new UploadQueue({
      hash: async (file) => file.name,
      ask: async () => ({}),
      prepare: async (file) => ({ blob: file, reason: "", renditions: {} }),
      send: async (item, hooks) => {
        this.sent.push(item.name);
        const answer = answers[item.name]?.shift() ?? { kind: "stored", duplicate: false };
        return typeof answer === "function" ? answer(item, hooks) : answer;
      },
      newKey: () => `key-${(keys += 1)}`,
      keeper,
      onChange: () => (this.changes += 1),
      isOnline: () => true,
      now: () => this.now,
      random: () => 0.5,
      later: (act, milliseconds) => {
        const timer = { act, at: this.now + milliseconds };
        this.timers.add(timer);
        return () => this.timers.delete(timer);
      },
      ...more,
    });
  }

  add(...names) {
    this.queue.add(names.map((name) => new File([name], name)), target);
  }

  pass(seconds) {
    this.now += seconds * 1000;
    for (const timer of [...this.timers]) {
      if (timer.at <= this.now && this.timers.delete(timer)) timer.act();
    }
  }

  get states() {
    return Object.fromEntries(this.queue.items.map((item) => [item.name, item.state]));
  }

  item(name) {
    return this.queue.items.find((each) => each.name === name);
  }

  ended(left = 0) {
    return until(() => this.queue.summary().left === left);
  }
}
"""
