// Pages in headless Chromium with the stock browser builds of pusher-js and Echo, as a site would load them.

import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { after, afterEach, before, describe } from 'node:test';
import { fileURLToPath } from 'node:url';

import { chromium } from 'playwright-core';

import { startAuth } from './support/auth.mjs';
import { check } from './support/check.mjs';
import { startServer } from './support/server.mjs';
import { WAIT_MS } from './support/wait.mjs';

const CHROMIUM = process.env.CAMPANILE_TEST_CHROMIUM ?? '/usr/bin/chromium';
const ARGS = ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-dev-shm-usage'];
const SCRIPTS = {
  '/pusher.js': 'pusher-js-8/dist/web/pusher.min.js',
  '/pusher-with-encryption.js': 'pusher-js-8/dist/web/pusher-with-encryption.min.js',
  '/pusher-70.js': 'pusher-js-70/dist/web/pusher.min.js',
  '/pusher-76.js': 'pusher-js-76/dist/web/pusher.min.js',
  '/echo.js': 'laravel-echo/dist/echo.iife.js',
};
const VERSIONS = [['7.0', '/pusher-70.js'], ['7.6', '/pusher-76.js'], ['8.x', '/pusher.js']];
// A first attempt that meets a closed port makes pusher-js wait out its 15 s before it tries again.
const COME_BACK_MS = 45_000;

/** Serves an empty page and the scripts of the clients, on a loopback port. */
async function startSite() {
  const site = createServer(async (request, response) => {
    const script = SCRIPTS[request.url];
    if (script) {
      const file = fileURLToPath(new URL(`node_modules/${script}`, import.meta.url));
      response.writeHead(200, { 'content-type': 'text/javascript' }).end(await readFile(file));
      return;
    }
    response.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html><title>Page</title>');
  });
  await new Promise((resolve) => site.listen(0, '127.0.0.1', resolve));
  return site;
}

describe('browser', () => {
  const pages = [];
  let server;
  let auth;
  let sdk;
  let site;
  let browser;

  before(async () => {
    assert.ok(existsSync(CHROMIUM), `${CHROMIUM} is missing; install Debian's package chromium`);
    server = await startServer();
    auth = await startAuth(server);
    sdk = server.sdk();
    site = await startSite();
    // Playwright gives it a profile of its own in a temporary folder and removes that in the end.
    browser = await chromium.launch({ executablePath: CHROMIUM, headless: true, args: ARGS, timeout: 30_000 });
  });
  afterEach(async () => {
    for (const page of pages.splice(0)) await page.context().close();
  });
  after(async () => {
    await browser?.close();
    await new Promise((resolve) => (site ? site.close(resolve) : resolve()));
    await auth?.stop();
    await server?.stop();
  });

  /** Opens a page with these scripts, which notes in `window.seen` what its code passes to `window.see(name)`. */
  async function visit(...scripts) {
    const context = await browser.newContext();
    const page = await context.newPage();
    pages.push(page);
    page.setDefaultTimeout(WAIT_MS);
    page.problems = [];
    page.on('pageerror', (error) => page.problems.push(String(error)));
    await page.goto(`http://127.0.0.1:${site.address().port}/`);
    for (const url of scripts) await page.addScriptTag({ url });
    await page.evaluate(() => {
      window.seen = {};
      window.see = (name) => (value) => {
        (window.seen[name] ??= []).push(value);
      };
    });
    return page;
  }

  /** Waits until the page has seen `name` that often; answers the values. */
  async function seen(page, name, times = 1, timeout = WAIT_MS) {
    const enough = ([key, count]) => (window.seen[key]?.length ?? 0) >= count;
    await page.waitForFunction(enough, [name, times], { timeout });
    return page.evaluate((key) => window.seen[key], name);
  }

  const options = (user) => ({
    key: server.app.key,
    cluster: '',
    wsHost: server.host,
    wsPort: server.port,
    forceTLS: false,
    enabledTransports: ['ws', 'wss'],
    authEndpoint: auth.channelEndpoint,
    auth: { headers: { Authorization: `Bearer ${user}` } },
    userAuthentication: { endpoint: auth.userEndpoint, headers: { Authorization: `Bearer ${user}` } },
  });

  /** Opens a page with an Echo of this user in `window.echo`, connected. */
  async function echoPage(user) {
    const page = await visit('/pusher.js', '/echo.js');
    await page.evaluate((config) => {
      // This build puts the class under `default`.
      window.echo = new window.Echo.default({ ...config, broadcaster: 'reverb' });
      window.echo.connector.pusher.connection.bind('connected', window.see('connected'));
    }, options(user));
    await seen(page, 'connected');
    return page;
  }

  for (const [version, script] of VERSIONS) {
    check(`a page with pusher-js ${version} hears an event that the node SDK sends`, async () => {
      const page = await visit(script);
      await page.evaluate(({ key, ...config }) => {
        const pusher = new window.Pusher(key, config);
        const channel = pusher.subscribe('news');
        channel.bind('pusher:subscription_succeeded', window.see('subscribed'));
        channel.bind('posted', window.see('posted'));
      }, options('1'));
      await seen(page, 'subscribed');
      await sdk.trigger('news', 'posted', { title: 'Grüße 🔔' });
      assert.deepEqual(await seen(page, 'posted'), [{ title: 'Grüße 🔔' }]);
      assert.deepEqual(page.problems, []);
    });
  }

  check('pages of every version come back by themselves when the server restarts', async () => {
    const visitors = [];
    for (const [version, script] of VERSIONS) {
      const page = await visit(script);
      await page.evaluate(({ key, ...config }) => {
        const pusher = new window.Pusher(key, config);
        pusher.connection.bind('state_change', ({ current }) => window.see('state')(current));
        const channel = pusher.subscribe('news');
        channel.bind('pusher:subscription_succeeded', window.see('subscribed'));
        channel.bind('posted', window.see('posted'));
      }, options('1'));
      await seen(page, 'subscribed');
      visitors.push({ version, page });
    }
    await server.halt();
    await server.start();
    for (const { version, page } of visitors) {
      await seen(page, 'subscribed', 2, COME_BACK_MS).catch(async (error) => {
        const states = await page.evaluate(() => window.seen.state);
        throw new Error(`pusher-js ${version} did not come back; its states were ${states}`, { cause: error });
      });
    }
    await sdk.trigger('news', 'posted', { n: 2 });
    for (const { page } of visitors) assert.deepEqual(await seen(page, 'posted'), [{ n: 2 }]);
  });

  check('a page with the encrypting build decrypts what the node SDK encrypted', async () => {
    const page = await visit('/pusher-with-encryption.js');
    await page.evaluate(({ key, ...config }) => {
      const channel = new window.Pusher(key, config).subscribe('private-encrypted-page');
      channel.bind('pusher:subscription_succeeded', window.see('subscribed'));
      channel.bind('posted', window.see('posted'));
    }, options('1'));
    await seen(page, 'subscribed');
    await sdk.trigger('private-encrypted-page', 'posted', { amount: 10 });
    assert.deepEqual(await seen(page, 'posted'), [{ amount: 10 }]);
  });

  check('two pages see each other come, whisper and go', async () => {
    auth.people.set('1', { name: 'Ada' });
    auth.people.set('2', { name: 'Bob' });
    const ada = await echoPage('1');
    await ada.evaluate(() => {
      const lesson = window.echo.join('lesson');
      lesson.here(window.see('here')).joining(window.see('joining')).leaving(window.see('leaving'));
      lesson.listenForWhisper('typing', window.see('whisper'));
    });
    assert.deepEqual(await seen(ada, 'here'), [[{ name: 'Ada' }]]);

    const bob = await echoPage('2');
    await bob.evaluate(() => {
      const lesson = window.echo.join('lesson');
      lesson.here(window.see('here')).listenForWhisper('typing', window.see('whisper'));
    });
    const [both] = await seen(bob, 'here');
    assert.deepEqual(both.map(({ name }) => name).sort(), ['Ada', 'Bob']);
    assert.deepEqual(await seen(ada, 'joining'), [{ name: 'Bob' }]);

    await bob.evaluate(() => window.echo.join('lesson').whisper('typing', { line: 1 }));
    assert.deepEqual(await seen(ada, 'whisper'), [{ line: 1 }]);
    await ada.evaluate(() => window.echo.join('lesson').whisper('typing', { line: 2 }));
    assert.deepEqual(await seen(bob, 'whisper'), [{ line: 2 }], 'the page heard its own whisper');

    await bob.close();
    assert.deepEqual(await seen(ada, 'leaving'), [{ name: 'Bob' }]);
    assert.deepEqual([...ada.problems, ...bob.problems], []);
  });

  check('an event to others leaves out the page whose socket id came with the request', async () => {
    const [ada, bob] = [await echoPage('1'), await echoPage('2')];
    for (const page of [ada, bob]) {
      await page.evaluate(() => {
        const posts = window.echo.private('posts');
        posts.subscribed(window.see('subscribed')).listen('Posted', window.see('posted'));
      });
      await seen(page, 'subscribed');
    }
    const socketId = await ada.evaluate(() => window.echo.socketId());
    await sdk.trigger('private-posts', 'App\\Events\\Posted', { id: 1 }, { socket_id: socketId });
    await sdk.trigger('private-posts', 'App\\Events\\Posted', { id: 2 });
    assert.deepEqual(await seen(bob, 'posted', 2), [{ id: 1 }, { id: 2 }]);
    assert.deepEqual(await seen(ada, 'posted'), [{ id: 2 }]);
  });

  check('a signed-in page hears what is sent to its user', async () => {
    const page = await echoPage('7');
    await page.evaluate(() => {
      const { pusher } = window.echo.connector;
      pusher.user.bind('notice', window.see('notice'));
      pusher.connection.bind('message', ({ event }) => {
        if (event === 'pusher:signin_success') window.see('signed in')(event);
      });
      pusher.signin();
    });
    await seen(page, 'signed in');
    await sdk.sendToUser('7', 'notice', { n: 1 });
    assert.deepEqual(await seen(page, 'notice'), [{ n: 1 }]);
  });
});
