// Starts the release binary for a suite and stops it again. Owns ports, settings and logs of those servers; every one
// listens on loopback only, keeps its database in a folder of its own and is ended through its own child handle.

import { execFile, spawn } from 'node:child_process';
import { createHash, createHmac, randomBytes, randomInt } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import PusherHttp from 'pusher';

import { WAIT_MS, until, within } from './wait.mjs';

const HOST = '127.0.0.1';
/** The program under test. */
export const BINARY =
  process.env.CAMPANILE_BIN ?? fileURLToPath(new URL('../../../target/release/campanile', import.meta.url));
// Far more than the second that its sockets get, see CAMPANILE_DRAIN_SECONDS below.
const STOP_MS = 20_000;
const KEPT_LOG_LINES = 200;
// Variables that the server reads.
const FOREIGN = /^(CAMPANILE|REVERB|PUSHER|SOKETI)_/;

/** Servers that are up now: what a failing check prints the logs of. */
export const running = new Set();

// Below the range from which Linux takes ports of outgoing connections, so that no client in these suites can sit on the
// port of a server that is being restarted.
async function freePort() {
  for (let attempt = 0; attempt < 100; attempt += 1) {
    const port = randomInt(20_000, 32_000);
    const free = await new Promise((resolve) => {
      const probe = createServer();
      probe.once('error', () => resolve(false));
      probe.listen(port, HOST, () => probe.close(() => resolve(true)));
    });
    if (free) return port;
  }
  throw new Error('no free port between 20000 and 32000');
}

class Server {
  #child;
  #exited;
  #lines = [];
  #folder;
  #env;

  constructor({ port, folder, path, settings, env }) {
    this.host = HOST;
    this.port = port;
    /** Path prefix, '' for none. */
    this.path = path;
    this.app = { id: '1001', key: 'clients-key', secret: 'f2c1d9a7b3e84650' };
    /** What stands on both ends of encrypted channels; the server never sees it. */
    this.masterKey = randomBytes(32).toString('base64');
    this.#folder = folder;
    this.#env = {
      CAMPANILE_HOST: HOST,
      CAMPANILE_PORT: String(port),
      CAMPANILE_METRICS_ADDRESS: 'off',
      CAMPANILE_MODE: 'development',
      CAMPANILE_LOG: 'info,campanile=debug',
      // Nobody has to be spared a crowd that comes back at once.
      CAMPANILE_DRAIN_SECONDS: '1',
      CAMPANILE_APP_ID: this.app.id,
      CAMPANILE_APP_KEY: this.app.key,
      CAMPANILE_APP_SECRET: this.app.secret,
      CAMPANILE_DATABASE_URL: `sqlite://${join(folder, 'campanile.db')}`,
      ...(path ? { CAMPANILE_PATH: path } : {}),
      ...Object.fromEntries(
        Object.entries(settings).map(([name, value]) => [`CAMPANILE_APP_DEFAULT_${name.toUpperCase()}`, String(value)]),
      ),
      ...env,
    };
  }

  get url() {
    return `http://${HOST}:${this.port}${this.path}`;
  }

  /** Address of the socket door for `key`. */
  socketUrl(key = this.app.key, query = 'protocol=7&client=test&version=1.0') {
    return `ws://${HOST}:${this.port}${this.path}/app/${key}${query ? `?${query}` : ''}`;
  }

  get logs() {
    return this.#lines.join('\n');
  }

  /**
   * Where and with which settings the binary runs, as options of a child process. Those of the person who runs the tests must
   * not change what the suites see.
   */
  get place() {
    const clean = Object.entries(process.env).filter(([name]) => !FOREIGN.test(name));
    return { cwd: this.#folder, env: { ...Object.fromEntries(clean), ...this.#env } };
  }

  /** Runs another command of the binary, such as `app create`, on the database of this server; answers its output. */
  async command(...args) {
    const { stdout } = await promisify(execFile)(BINARY, args, { ...this.place, timeout: WAIT_MS });
    return stdout;
  }

  async start() {
    const child = spawn(BINARY, ['serve'], { ...this.place, stdio: ['ignore', 'pipe', 'pipe'] });
    this.#child = child;
    this.#exited = new Promise((resolve) => {
      child.once('error', (error) => resolve(`could not be started: ${error.message}`));
      child.once('exit', (code, signal) => resolve(`ended with ${signal ?? code}`));
    });
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8');
      stream.on('data', (text) => this.#keep(text));
    }
    running.add(this);
    const end = this.#exited.then((how) => {
      throw new Error(`the server ${how}\n${this.logs}`);
    });
    await Promise.race([until(() => this.#healthy(), `${this.url}/up; log:\n${this.logs}`), end]);
    // From here on an early end shows as a failed wait, with the log beside it.
    end.catch(() => {});
    return this;
  }

  async #healthy() {
    try {
      const answer = await fetch(`${this.url}/up`);
      return answer.status === 200 && (await answer.json()).health === 'OK';
    } catch {
      return false;
    }
  }

  #keep(text) {
    this.#lines.push(...text.split('\n').filter((line) => line !== ''));
    this.#lines.splice(0, Math.max(0, this.#lines.length - KEPT_LOG_LINES));
  }

  /** Asks the server to end (SIGTERM) and waits until it has. */
  async halt() {
    const child = this.#child;
    if (!child) return;
    this.#child = undefined;
    running.delete(this);
    child.kill('SIGTERM');
    try {
      await within(this.#exited, () => `the end of the server; log:\n${this.logs}`, STOP_MS);
    } catch (error) {
      child.kill('SIGKILL');
      throw error;
    }
  }

  /** Ends the server without a word, as a power cut does. */
  async kill() {
    const child = this.#child;
    if (!child) return;
    this.#child = undefined;
    running.delete(this);
    child.kill('SIGKILL');
    await this.#exited;
  }

  /** Ends the server and removes its database. */
  async stop() {
    try {
      await this.halt();
    } finally {
      await rm(this.#folder, { recursive: true, force: true });
    }
  }

  /** The stock server SDK, pointed at this server. */
  sdk(options = {}) {
    const { id, key, secret } = this.app;
    return new PusherHttp({
      appId: id,
      key,
      secret,
      host: HOST,
      port: String(this.port),
      useTLS: false,
      encryptionMasterKeyBase64: this.masterKey,
      ...options,
    });
  }

  /**
   * A signed request with no SDK in between, for what SDKs refuse to send.
   * `sign` may change the parameters after signing; answers `{ status, headers, text, json }`.
   */
  async request(method, path, { query = {}, body, app = this.app, secret = app.secret, tamper = (params) => params } = {}) {
    const text = body === undefined || typeof body === 'string' ? (body ?? '') : JSON.stringify(body);
    const params = {
      ...query,
      auth_key: app.key,
      auth_timestamp: String(Math.floor(Date.now() / 1000)),
      auth_version: '1.0',
      ...(text ? { body_md5: createHash('md5').update(text).digest('hex') } : {}),
    };
    const full = `${this.path}/apps/${app.id}${path}`;
    const sorted = Object.keys(params).sort().map((name) => `${name.toLowerCase()}=${params[name]}`);
    const toSign = [method, full, sorted.join('&')].join('\n');
    const signed = tamper({ ...params, auth_signature: createHmac('sha256', secret).update(toSign).digest('hex') });
    const answer = await fetch(`http://${HOST}:${this.port}${full}?${new URLSearchParams(signed)}`, {
      method,
      ...(text ? { body: text, headers: { 'content-type': 'application/json' } } : {}),
      signal: AbortSignal.timeout(WAIT_MS),
    });
    const reply = await answer.text();
    return {
      status: answer.status,
      headers: answer.headers,
      text: reply,
      get json() {
        return JSON.parse(reply);
      },
    };
  }

  /** Signature of `text` by this app, as it stands in `auth` after the key. */
  auth(text, secret = this.app.secret) {
    return `${this.app.key}:${createHmac('sha256', secret).update(text).digest('hex')}`;
  }
}

/**
 * Starts a server and waits until it answers.
 * `settings` are app settings by their name, `path` is a prefix for all routes, `env` is any other variable; `prepare`
 * is called with the server before it starts, for commands on its database, which is there by then.
 */
export async function startServer({ settings = {}, path = '', env = {}, prepare } = {}) {
  const attempts = 3;
  for (let attempt = 1; ; attempt += 1) {
    const folder = await mkdtemp(join(tmpdir(), 'campanile-clients-'));
    const server = new Server({ port: await freePort(), folder, path, settings, env });
    try {
      if (prepare) {
        await server.command('migrate');
        await prepare(server);
      }
      return await server.start();
    } catch (error) {
      await server.stop().catch(() => {});
      // Only a port that somebody took in between is worth another try.
      if (attempt === attempts || !/in use/i.test(error.message)) throw error;
    }
  }
}
