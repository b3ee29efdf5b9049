// A bare WebSocket client for what stock clients cannot send or do not show: raw frames, close codes, control frames.

import WebSocket from 'ws';

import { Inbox, within } from './wait.mjs';

const open = new Set();

/** One socket, with an inbox of the frames that arrived and what became of the connection. */
export class Socket {
  constructor(url, { origin, autoPong = true } = {}) {
    this.frames = new Inbox(`frames of ${url}`);
    this.controls = new Inbox('control frames');
    this.ws = new WebSocket(url, { ...(origin ? { origin } : {}), autoPong, perMessageDeflate: false });
    open.add(this);
    this.upgraded = new Promise((resolve, reject) => {
      this.ws.once('upgrade', resolve);
      this.ws.once('error', reject);
    });
    this.upgraded.catch(() => {});
    this.ended = new Promise((resolve) => {
      this.ws.once('close', (code, reason) => resolve({ code, reason: reason.toString() }));
    });
    this.ws.on('error', () => {});
    this.ws.on('message', (bytes) => this.frames.put(JSON.parse(bytes.toString())));
    this.ws.on('ping', (payload) => this.controls.put({ event: 'ping', payload: payload.toString() }));
    this.ws.on('pong', (payload) => this.controls.put({ event: 'pong', payload: payload.toString() }));
  }

  /** Opens a socket and waits for its id. */
  static async open(server, { query, key, ...options } = {}) {
    const socket = new Socket(server.socketUrl(key, query), options);
    socket.server = server;
    await within(socket.upgraded, () => 'the upgrade');
    const { data } = await socket.frames.take('pusher:connection_established');
    socket.established = JSON.parse(data);
    socket.id = socket.established.socket_id;
    return socket;
  }

  send(frame) {
    this.ws.send(typeof frame === 'string' ? frame : JSON.stringify(frame));
  }

  /** Sends a subscribe frame; signs guarded channels unless `auth` says what to send. */
  subscribe(channel, { member, channelData = member && JSON.stringify(member), auth } = {}) {
    const guarded = /^(private|presence)-/.test(channel);
    const signature = auth ?? (guarded ? this.sign(channel, channelData) : '');
    this.send({ event: 'pusher:subscribe', data: { channel, auth: signature, channel_data: channelData } });
  }

  /** Subscribes and waits for the answer, which it returns with its `data` decoded. */
  async subscribed(channel, options) {
    this.subscribe(channel, options);
    const frame = await this.frames.take(
      (item) => item.event === 'pusher_internal:subscription_succeeded' && item.channel === channel,
    );
    return { ...frame, data: JSON.parse(frame.data) };
  }

  sign(channel, channelData) {
    return this.server.auth([this.id, channel, ...(channelData === undefined ? [] : [channelData])].join(':'));
  }

  unsubscribe(channel) {
    this.send({ event: 'pusher:unsubscribe', data: { channel } });
  }

  /** Signs in with this `user_data`. */
  signin(userData, auth) {
    const text = JSON.stringify(userData);
    const signature = auth ?? this.server.auth(`${this.id}::user::${text}`);
    this.send({ event: 'pusher:signin', data: { auth: signature, user_data: text } });
  }

  /** Waits until the server has worked through all frames sent before, by asking for a pong. */
  async pong() {
    this.send({ event: 'pusher:ping', data: {} });
    await this.frames.take('pusher:pong');
  }

  /** Waits for the end of the connection; answers its close code and reason. */
  closed(ms) {
    return within(this.ended, () => `the close; there is ${JSON.stringify(this.frames.items)}`, ms);
  }

  async close() {
    open.delete(this);
    this.ws.close(1000);
    await this.closed();
  }

  /** Ends the connection without a close frame. */
  async drop() {
    open.delete(this);
    this.ws.terminate();
    await this.closed();
  }
}

/** Ends every socket of the suite that is still there. */
export function dropAll() {
  for (const socket of open) socket.ws.terminate();
  open.clear();
}
