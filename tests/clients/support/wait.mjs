// Bounded waiting. Owns the one time limit of the suites; nothing here sleeps to let something happen.

/** Longest wait for one thing to happen, in milliseconds. */
export const WAIT_MS = Number(process.env.CAMPANILE_TEST_WAIT_MS ?? 10_000);

/** Settles like `promise`, or fails after `ms` with a message that names what was missing. */
export async function within(promise, what, ms = WAIT_MS) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited ${ms} ms for ${what()}`)), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Asks `probe` again and again until it answers something true; for state that only a request can show. */
export async function until(probe, what, ms = WAIT_MS) {
  const end = Date.now() + ms;
  for (;;) {
    const answer = await probe();
    if (answer) return answer;
    if (Date.now() >= end) throw new Error(`waited ${ms} ms for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Things that arrive one after the other: keeps them and lets a test wait for the one it needs. */
export class Inbox {
  #waiting = new Set();

  constructor(name) {
    this.name = name;
    /** Everything that has arrived and was not taken yet, oldest first. */
    this.items = [];
  }

  put(item) {
    for (const waiter of this.#waiting) {
      if (waiter.match(item)) {
        this.#waiting.delete(waiter);
        waiter.resolve(item);
        return;
      }
    }
    this.items.push(item);
  }

  /** Takes the first item that matches: an event name, or a function. Waits for it when it is not here yet. */
  async take(wanted, ms = WAIT_MS) {
    const match = typeof wanted === 'function' ? wanted : (item) => item.event === wanted;
    const index = this.items.findIndex(match);
    if (index >= 0) return this.items.splice(index, 1)[0];
    const waiter = { match };
    const arrival = new Promise((resolve) => {
      waiter.resolve = resolve;
    });
    this.#waiting.add(waiter);
    try {
      return await within(arrival, () => `${wanted} in ${this.name}; there is ${JSON.stringify(this.items)}`, ms);
    } finally {
      this.#waiting.delete(waiter);
    }
  }

  /** Items with this event name that arrived and were not taken. */
  named(event) {
    return this.items.filter((item) => item.event === event);
  }

  clear() {
    this.items.length = 0;
  }
}
