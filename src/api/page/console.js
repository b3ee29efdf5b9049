// The live console: one connection, what it is subscribed to, a form that publishes through the server, and numbers.

import { FrameList } from './frames.js';
import { fault } from './json.js';
import { Connection } from './socket.js';

const STATS_MS = 2000;

const STATES = {
  closed: ['Not connected', 'Connect'],
  connecting: ['Connecting', 'Stop'],
  connected: ['Connected', 'Disconnect'],
  waiting: ['Not connected', 'Stop'],
  refused: ['Refused', 'Connect'],
};

// Pings every half minute teach nothing and push out what does.
const KEEP_ALIVE = ['pusher:ping', 'pusher:pong'];

const GUARDED =
  'needs a signature from your own server: only it knows who may listen. Set authEndpoint in pusher-js or Echo to a route ' +
  'of yours (Laravel: /broadcasting/auth). This page has no secret to sign with: use a public channel here.';

const GUARDS = [
  ['private-', 'A private channel'],
  ['presence-', 'A presence channel'],
  ['#server-to-user-', 'The channel of a user'],
];

const by = (id) => document.getElementById(id);

/** Shows the outcome of a form; `kind` is `good`, `bad` or nothing. */
function tell(target, text, kind = '') {
  target.textContent = text;
  target.className = `result ${kind}`;
}

function mark(field, isWrong) {
  if (isWrong) field.setAttribute('aria-invalid', 'true');
  else field.removeAttribute('aria-invalid');
  if (isWrong) field.focus();
}

/** The address of the socket door, beside this page: same host, same prefix. */
function socketUrl(key) {
  const url = new URL(`app/${key}`, location.href);
  url.protocol = location.protocol === 'https:' ? 'wss:' : 'ws:';
  url.search = '?protocol=7&client=campanile-console&version=1.0';
  url.hash = '';
  return url.href;
}

/** Channels this page wants, by name; `true` once the server has confirmed. */
class Subscriptions {
  #wanted = new Map();
  #connection;

  use(connection) {
    this.#connection = connection;
  }

  has(channel) {
    return this.#wanted.has(channel);
  }

  add(channel) {
    this.#wanted.set(channel, false);
    this.#connection.send('pusher:subscribe', { channel });
    this.#draw();
  }

  remove(channel) {
    this.#wanted.delete(channel);
    this.#connection.send('pusher:unsubscribe', { channel });
    this.#draw();
  }

  /** After the connection came: everything anew. */
  renew() {
    for (const channel of this.#wanted.keys()) this.#connection.send('pusher:subscribe', { channel });
  }

  /** After the connection went: nothing is confirmed any more. */
  forget() {
    for (const channel of this.#wanted.keys()) this.#wanted.set(channel, false);
    this.#draw();
  }

  confirm(channel) {
    if (!this.#wanted.has(channel)) return;
    this.#wanted.set(channel, true);
    this.#draw();
  }

  refuse(channel) {
    this.#wanted.delete(channel);
    this.#draw();
  }

  #draw() {
    by('subscriptions').replaceChildren(...Array.from(this.#wanted, ([channel, isConfirmed]) => {
      const item = document.createElement('li');
      item.className = isConfirmed ? 'confirmed' : 'asked';
      const name = document.createElement('code');
      name.textContent = channel;
      const button = document.createElement('button');
      button.type = 'button';
      button.textContent = '×';
      button.setAttribute('aria-label', `Unsubscribe from ${channel}`);
      button.addEventListener('click', () => {
        this.remove(channel);
        by('subscribe-channel').focus();
      });
      item.append(name, button);
      return item;
    }));
  }
}

export function start(root, token) {
  const subscriptions = new Subscriptions();
  const frames = new FrameList({
    list: by('frames-list'),
    empty: by('frames-empty'),
    pause: by('pause'),
    clear: by('clear'),
  });
  const log = (way, frame) => {
    if (!KEEP_ALIVE.includes(frame.event)) frames.add(way, frame);
  };
  let state = 'closed';

  const connection = new Connection(socketUrl(root.dataset.key), {
    state(name, more, socketId) {
      state = name;
      const [text, action] = STATES[name];
      by('state').textContent = text;
      by('state-more').textContent = more;
      by('state-dot').className = `dot ${name}`;
      by('connection').textContent = action;
      by('socket-id').textContent = socketId || '–';
      if (name === 'connected') subscriptions.renew();
      else subscriptions.forget();
      refresh();
    },
    sent: (frame) => log('sent', frame),
    received(frame) {
      log('received', frame);
      if (frame.event === 'pusher_internal:subscription_succeeded') {
        subscriptions.confirm(frame.channel);
        refresh();
      } else if (frame.event === 'pusher:subscription_error') {
        subscriptions.refuse(frame.channel);
        tell(by('subscribe-result'), `${frame.channel}: ${frame.data?.error ?? 'refused'}`, 'bad');
      }
    },
  });
  subscriptions.use(connection);

  /** Asks for the numbers now; a server that is down leaves them empty. */
  async function refresh() {
    let stats;
    try {
      const answer = await fetch('console/stats', { cache: 'no-store' });
      stats = answer.ok ? await answer.json() : undefined;
    } catch {
      stats = undefined;
    }
    by('connections').textContent = stats?.connections ?? '–';
    by('channels').textContent = stats?.channels ?? '–';
    if (stats) warn(stats);
  }

  /** A page from before a restart, or of an app that is gone, says so. */
  function warn({ started, app }) {
    const notice = by('stale');
    if (app !== root.dataset.app) notice.textContent = 'The app of this page is gone. Reload the page to see the one there is.';
    else if (started !== by('started').dateTime) notice.textContent = 'The server has been started again. Reload the page to publish from here.';
    else return;
    notice.hidden = false;
  }

  by('connection').addEventListener('click', () => {
    if (state === 'closed' || state === 'refused') connection.open();
    else connection.close();
  });

  by('subscribe').addEventListener('submit', (event) => {
    event.preventDefault();
    const field = by('subscribe-channel');
    const channel = field.value.trim();
    const guard = GUARDS.find(([prefix]) => channel.startsWith(prefix));
    const wrong =
      (channel === '' && 'Which channel? A name such as class-7.') ||
      (guard && `${guard[1]} ${GUARDED}`) ||
      (subscriptions.has(channel) && `This page is subscribed to ${channel} already.`);
    mark(field, Boolean(wrong));
    const problem = wrong || (state !== 'connected' && 'Connect first.');
    tell(by('subscribe-result'), problem || '', problem ? 'bad' : '');
    if (!problem) subscriptions.add(channel);
  });

  by('publish-form').addEventListener('submit', (event) => {
    event.preventDefault();
    publish();
  });
  by('publish-data').addEventListener('keydown', (event) => {
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) publish();
  });

  let isPublishing = false;

  async function publish() {
    const [channel, name, data] = [by('publish-channel'), by('publish-name'), by('publish-data')];
    const result = by('publish-result');
    const problem = fault(data.value);
    mark(data, Boolean(problem));
    if (problem) {
      tell(result, problem, 'bad');
      return;
    }
    if (isPublishing) return;
    isPublishing = true;
    try {
      const draft = { channel: channel.value.trim(), name: name.value.trim(), data: data.value.trim() };
      tell(result, ...(await send(draft)));
    } finally {
      isPublishing = false;
    }
    refresh();
  }

  /** Publishes through the server; answers what to tell. */
  async function send(draft) {
    let answer;
    try {
      answer = await fetch('console/events', {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'x-campanile-token': token },
        body: JSON.stringify(draft),
      });
    } catch {
      return ['The server does not answer. Is it running?', 'bad'];
    }
    if (!answer.ok) return [await answer.text(), 'bad'];
    const { subscriptions: count } = await answer.json();
    const reached = `${count} ${count === 1 ? 'subscriber' : 'subscribers'}`;
    const others = subscriptions.has(draft.channel) ? '' : ' This page is not among them: subscribe to see it arrive.';
    return [`Published to ${draft.channel}: ${reached}.${others}`, 'good'];
  }

  setInterval(() => {
    if (document.visibilityState === 'visible') refresh();
  }, STATS_MS);
  connection.open();
}
