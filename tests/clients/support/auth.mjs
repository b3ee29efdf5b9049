// The part of a Laravel application that clients talk to: /broadcasting/auth and /broadcasting/user-auth. Who is calling
// stands in the bearer token, which simply is the user id; no token is a guest. Signs with the stock server SDK.

import { createServer } from 'node:http';

import PusherHttp from 'pusher';

const GUARDED = /^(private-|presence-)/;

function parse(request, text) {
  const type = request.headers['content-type'] ?? '';
  if (type.startsWith('application/json')) return JSON.parse(text || '{}');
  return Object.fromEntries(new URLSearchParams(text));
}

async function bodyOf(request) {
  const parts = [];
  for await (const part of request) parts.push(part);
  return parse(request, Buffer.concat(parts).toString('utf8'));
}

class AuthEndpoint {
  #http;
  #sdk;
  #forger;

  constructor(server) {
    const { id, key } = server.app;
    this.#sdk = server.sdk();
    this.#forger = new PusherHttp({
      appId: id,
      key,
      secret: 'not-the-secret-of-the-app',
      encryptionMasterKeyBase64: server.masterKey,
    });
    /** `user_info` by user id; who is not here gets a name made of the id. */
    this.people = new Map();
    /** Watch lists by user id. */
    this.watchlists = new Map();
    /** Channels that answer 403. */
    this.refused = new Set();
    /** Channels signed with a wrong secret. */
    this.forged = new Set();
    /** Every request: `{ path, contentType, headers, body, status }`. */
    this.requests = [];
    this.#http = createServer((request, response) => this.#answer(request, response));
  }

  async start() {
    await new Promise((resolve) => this.#http.listen(0, '127.0.0.1', resolve));
    this.url = `http://127.0.0.1:${this.#http.address().port}`;
    this.channelEndpoint = `${this.url}/broadcasting/auth`;
    this.userEndpoint = `${this.url}/broadcasting/user-auth`;
    return this;
  }

  async stop() {
    this.#http.closeAllConnections();
    await new Promise((resolve) => this.#http.close(resolve));
  }

  /** What the people of a presence channel learn about a user. */
  info(user) {
    return this.people.get(user) ?? { name: `User ${user}` };
  }

  async #answer(request, response) {
    response.setHeader('access-control-allow-origin', '*');
    response.setHeader('access-control-allow-headers', '*, authorization, content-type, x-csrf-token, x-socket-id');
    if (request.method === 'OPTIONS') {
      response.writeHead(204).end();
      return;
    }
    const path = request.url.split('?')[0];
    let status = 200;
    let reply;
    let body = {};
    try {
      body = await bodyOf(request);
      const user = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1];
      reply = path === '/broadcasting/user-auth' ? this.#user(user, body) : this.#channel(user, body);
    } catch (error) {
      reply = { message: error.message };
      status = 422;
    }
    if (!reply) {
      status = 403;
      reply = { message: 'This action is unauthorized.' };
    }
    this.requests.push({ path, contentType: request.headers['content-type'], headers: request.headers, body, status });
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(reply));
  }

  #channel(user, { socket_id: socketId, channel_name: channel }) {
    if (!user || !GUARDED.test(channel) || this.refused.has(channel)) return undefined;
    const sdk = this.forged.has(channel) ? this.#forger : this.#sdk;
    if (!channel.startsWith('presence-')) return sdk.authorizeChannel(socketId, channel);
    return sdk.authorizeChannel(socketId, channel, { user_id: user, user_info: this.info(user) });
  }

  #user(user, { socket_id: socketId }) {
    if (!user) return undefined;
    const watchlist = this.watchlists.get(user);
    return this.#sdk.authenticateUser(socketId, {
      id: user,
      user_info: this.info(user),
      ...(watchlist ? { watchlist } : {}),
    });
  }
}

/** Starts an auth endpoint for the app of `server`, on a loopback port. */
export function startAuth(server) {
  return new AuthEndpoint(server).start();
}
