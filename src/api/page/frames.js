// The list of frames: bounded, newest first, can be paused. What comes in faster than a screen shows is drawn together.

import { pretty } from './json.js';

const MAX_FRAMES = 200;

function element(name, className, text) {
  const made = document.createElement(name);
  made.className = className;
  made.textContent = text;
  return made;
}

function timeText(time) {
  const two = (number) => String(number).padStart(2, '0');
  const milliseconds = String(time.getMilliseconds()).padStart(3, '0');
  return `${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}.${milliseconds}`;
}

function dataText(data) {
  if (data === undefined) return '';
  return pretty(typeof data === 'string' ? data : JSON.stringify(data));
}

/** One entry. Everything that came over the wire becomes text and nothing else. */
function entry({ way, frame, time }) {
  const head = element('p', 'head', '');
  head.append(element('time', '', timeText(time)), element('span', 'way', way));
  head.append(element('code', 'event', frame.event));
  if (typeof frame.channel === 'string') head.append(element('span', 'channel', `on ${frame.channel}`));
  const item = element('li', way, '');
  item.append(head);
  const data = dataText(frame.data);
  if (data !== '') item.append(element('pre', '', data));
  return item;
}

export class FrameList {
  #list;
  #empty;
  #pause;
  #waiting = [];
  #missed = 0;
  #isPaused = false;
  #isDrawn = true;

  constructor({ list, empty, pause, clear }) {
    this.#list = list;
    this.#empty = empty;
    this.#pause = pause;
    pause.addEventListener('click', () => this.#toggle());
    clear.addEventListener('click', () => this.#clear());
  }

  /** `way` is `received` or `sent`. */
  add(way, frame) {
    this.#waiting.push({ way, frame, time: new Date() });
    if (this.#waiting.length > MAX_FRAMES) this.#waiting.shift();
    if (this.#isPaused) {
      this.#missed += 1;
      this.#label();
      return;
    }
    if (this.#isDrawn) {
      this.#isDrawn = false;
      requestAnimationFrame(() => this.#draw());
    }
  }

  #draw() {
    this.#isDrawn = true;
    if (this.#isPaused) return;
    const items = this.#waiting.splice(0).map(entry).reverse();
    this.#list.prepend(...items);
    while (this.#list.children.length > MAX_FRAMES) this.#list.lastElementChild.remove();
    this.#empty.hidden = this.#list.children.length > 0;
  }

  #toggle() {
    this.#isPaused = !this.#isPaused;
    this.#missed = 0;
    this.#pause.setAttribute('aria-pressed', String(this.#isPaused));
    this.#label();
    if (!this.#isPaused) this.#draw();
  }

  #label() {
    this.#pause.textContent = this.#isPaused && this.#missed > 0 ? `Pause (${this.#missed} new)` : 'Pause';
  }

  #clear() {
    this.#waiting.length = 0;
    this.#missed = 0;
    this.#label();
    this.#list.replaceChildren();
    this.#empty.hidden = false;
    this.#empty.textContent = 'Nothing since the list was cleared.';
  }
}
