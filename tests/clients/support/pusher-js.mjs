// The stock pusher-js clients: which versions run, how they are pointed at a server, and inboxes for what they emit.

import { createRequire } from 'node:module';

import { Inbox, within } from './wait.mjs';

const require = createRequire(import.meta.url);

/** Versions under test. `users`: sign-in, sendToUser, watch lists and subscription counts came with 7.1 and later. */
export const versions = [
  { name: '7.0', Pusher: require('pusher-js-70'), users: false },
  { name: '7.6', Pusher: require('pusher-js-76'), users: true },
  { name: '8.x', Pusher: require('pusher-js-8'), users: true },
];

/** The newest client. */
export const Latest = versions.at(-1).Pusher;

const open = new Set();

/**
 * Options that point a pusher-js at `server`, as `user`, with the endpoints of `auth`. Its `params`, if there are any, go with
 * each request to the endpoint of channels, as they are then.
 */
export function options(server, auth, user) {
  const headers = user ? { Authorization: `Bearer ${user}` } : {};
  const endpoints = auth && {
    // 7.0 knows only the first two; later versions prefer the last two.
    authEndpoint: auth.channelEndpoint,
    auth: { headers, params: auth.params },
    channelAuthorization: {
      endpoint: auth.channelEndpoint,
      transport: 'ajax',
      headers,
      ...(auth.params ? { paramsProvider: () => auth.params } : {}),
    },
    userAuthentication: { endpoint: auth.userEndpoint, transport: 'ajax', headers },
  };
  return {
    cluster: '',
    wsHost: server.host,
    wsPort: server.port,
    ...(server.path ? { wsPath: server.path } : {}),
    forceTLS: false,
    enabledTransports: ['ws'],
    ...endpoints,
  };
}

/** Makes a client and starts to connect. `more` goes to its constructor; `key` may replace the app's. */
export function client(Pusher, server, { auth, user, key = server.app.key, ...more } = {}) {
  const pusher = new Pusher(key, { ...options(server, auth, user), ...more });
  open.add(pusher);
  /** Errors and frames of the connection, and its changes of state. */
  pusher.errors = new Inbox('errors of the connection');
  pusher.frames = new Inbox('frames of the connection');
  pusher.states = new Inbox('states of the connection');
  pusher.connection.bind('error', (error) => pusher.errors.put(error));
  pusher.connection.bind('message', (frame) => pusher.frames.put(frame));
  pusher.connection.bind('state_change', ({ previous, current }) => pusher.states.put({ event: current, previous }));
  return pusher;
}

/** Makes a client and waits until it is connected. */
export async function connected(Pusher, server, more) {
  const pusher = client(Pusher, server, more);
  await reached(pusher, 'connected');
  return pusher;
}

/** Waits until the connection is in `state`. */
export async function reached(pusher, state, ms) {
  if (pusher.connection.state === state) return;
  await within(
    new Promise((resolve) => pusher.connection.bind(state, resolve)),
    () => `state ${state}; it is ${pusher.connection.state}`,
    ms,
  );
}

/** Records everything that a channel (or another emitter of pusher-js) emits, as `{ event, data }`. */
export function record(emitter, name = emitter.name) {
  const inbox = new Inbox(name);
  emitter.bind_global((event, data) => inbox.put({ event, data }));
  return inbox;
}

/** Records one event with the metadata (`user_id`) that pusher-js adds to client events of presence channels. */
export function recordEvent(emitter, event) {
  const inbox = new Inbox(event);
  emitter.bind(event, (data, metadata) => inbox.put({ event, data, metadata }));
  return inbox;
}

/** Subscribes without waiting; answers the channel with its inbox in `inbox`. */
export function subscribe(pusher, name) {
  const channel = pusher.subscribe(name);
  channel.inbox = record(channel, name);
  return channel;
}

/** Subscribes and waits until the server has accepted. */
export async function subscribed(pusher, name) {
  const channel = subscribe(pusher, name);
  channel.accepted = (await channel.inbox.take('pusher:subscription_succeeded')).data;
  return channel;
}

let barriers = 0;

/**
 * Waits until everything that was sent to this client before has arrived: publishes on a channel that only this call
 * uses and waits for the event. What did not arrive until then never will.
 */
export async function settled(pusher, sdk) {
  barriers += 1;
  const name = `barrier-${barriers}`;
  const channel = await subscribed(pusher, name);
  await sdk.trigger(name, 'settled', {});
  await channel.inbox.take('settled');
  pusher.unsubscribe(name);
}

/** Disconnects one client for good. */
export async function gone(pusher) {
  pusher.disconnect();
  open.delete(pusher);
  await reached(pusher, 'disconnected');
}

/** Disconnects every client of the suite that is still there. */
export function disconnectAll() {
  for (const pusher of open) pusher.disconnect();
  open.clear();
}
