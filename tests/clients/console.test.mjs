// The first page and the API reference in headless Chromium, as a developer uses them. Whatever happens, nothing runs that
// is not ours: each page is watched for script errors, violations of its policy and requests to anywhere else.

import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { after, afterEach, before, describe } from 'node:test';
import { promisify } from 'node:util';

import { chromium } from 'playwright-core';

import { check } from './support/check.mjs';
import { startServer } from './support/server.mjs';
import { WAIT_MS } from './support/wait.mjs';

const CHROMIUM = process.env.CAMPANILE_TEST_CHROMIUM ?? '/usr/bin/chromium';
const ARGS = ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-dev-shm-usage'];
const PAYLOAD = '</pre><img src=x onerror=boom()><script>boom()</script>';
// Legal with lenient_channel_names.
const CHANNEL_PAYLOAD = '<img src=x onerror=boom()>';
const COME_BACK_MS = 30_000;

const missing = ['bash', 'curl', 'openssl'].filter((tool) => spawnSync(tool, ['--version']).error);

describe('console', () => {
  const servers = [];
  let server;
  let browser;
  let visits = [];

  async function start(options) {
    const started = await startServer(options);
    servers.push(started);
    return started;
  }

  before(async () => {
    assert.ok(existsSync(CHROMIUM), `${CHROMIUM} is missing; install Debian's package chromium`);
    server = await start({ settings: { lenient_channel_names: true } });
    // Playwright gives it a profile of its own in a temporary folder and removes that in the end.
    browser = await chromium.launch({ executablePath: CHROMIUM, headless: true, args: ARGS, timeout: 30_000 });
  });
  afterEach(async () => {
    const seen = visits.flatMap(({ problems }) => problems);
    for (const { context } of visits) await context.close();
    visits = [];
    assert.deepEqual(seen, []);
  });
  after(async () => {
    await browser?.close();
    for (const started of servers) await started.stop();
  });

  /** Opens a page of a server and watches it; `tolerate` are parts of console messages that belong to the test. */
  async function visit(path = '/', { on = server, tolerate = [], ...options } = {}) {
    const context = await browser.newContext(options);
    const problems = [];
    const page = await context.newPage();
    page.setDefaultTimeout(WAIT_MS);
    visits.push({ context, problems });
    const authority = `${on.host}:${on.port}`;
    const note = (text) => {
      if (!tolerate.some((part) => text.includes(part))) problems.push(text);
    };
    const watch = (url) => {
      const { host, protocol } = new URL(url);
      if (protocol !== 'data:' && host !== authority) note(`request to ${url}`);
    };
    page.on('request', (request) => watch(request.url()));
    page.on('websocket', (socket) => watch(socket.url()));
    page.on('pageerror', (error) => note(`error: ${error}`));
    page.on('console', (message) => {
      if (['error', 'warning'].includes(message.type())) note(`console: ${message.text()}`);
    });
    page.on('dialog', (dialog) => {
      note(`dialog: ${dialog.message()}`);
      dialog.dismiss().catch(() => {});
    });
    await context.exposeFunction('boom', () => note('a payload ran'));
    await context.exposeFunction('violated', (text) => note(`policy: ${text}`));
    await context.addInitScript(() => {
      addEventListener('securitypolicyviolation', (event) => {
        window.violated(`${event.violatedDirective} ${event.blockedURI}`);
      });
    });
    await page.goto(`${on.url}${path}`);
    return page;
  }

  const has = (page, selector, text) =>
    page.waitForFunction(([where, what]) => document.querySelector(where)?.textContent === what, [selector, text]);
  const connected = (page) => has(page, '#state', 'Connected');
  const result = (page, form, kind) => page.locator(`#${form}-result.${kind}`).textContent();

  async function subscribe(page, channel) {
    await page.getByLabel('Channel').first().fill(channel);
    await page.getByRole('button', { name: 'Subscribe', exact: true }).click();
    await page.locator('.chips .confirmed', { hasText: channel }).waitFor();
  }

  async function publish(page, channel, name, data) {
    await page.fill('#publish-channel', channel);
    await page.fill('#publish-name', name);
    await page.fill('#publish-data', data);
    await page.getByRole('button', { name: 'Publish', exact: true }).click();
  }

  /** Entries of the list, newest first: event, channel and data as they are shown. */
  const frames = (page) =>
    page.$$eval('#frames-list li', (items) =>
      items.map((item) => ({
        way: item.querySelector('.way').textContent,
        event: item.querySelector('.event').textContent,
        channel: item.querySelector('.channel')?.textContent,
        data: item.querySelector('pre')?.textContent,
      })),
    );

  async function frame(page, event) {
    await page.locator('#frames-list .received .event', { hasText: event }).first().waitFor();
    return (await frames(page)).find((entry) => entry.way === 'received' && entry.event === event);
  }

  check('a page connects, subscribes, and hears what it and the signed API publish', async () => {
    const page = await visit();
    await connected(page);
    assert.match(await page.textContent('#socket-id'), /^\d+\.\d+$/);
    await has(page, '#connections', '1');
    await has(page, '#channels', '0');
    await subscribe(page, 'class-7');
    await has(page, '#channels', '1');

    await publish(page, 'class-7', 'message', '{"big": 12345678901234567890, "list": [], "of": [1, "a,b:{"]}');
    assert.equal(await result(page, 'publish', 'good'), 'Published to class-7: 1 subscriber.');
    assert.deepEqual(await frame(page, 'message'), {
      way: 'received',
      event: 'message',
      channel: 'on class-7',
      data: '{\n  "big": 12345678901234567890,\n  "list": [],\n  "of": [\n    1,\n    "a,b:{"\n  ]\n}',
    });

    await server.sdk().trigger('class-7', 'posted', { title: 'Grüße 🔔' });
    assert.equal((await frame(page, 'posted')).data, '{\n  "title": "Grüße 🔔"\n}');

    const other = await visit();
    await connected(other);
    await has(page, '#connections', '2');
    await subscribe(other, 'class-8');
    await has(page, '#channels', '2');
    await other.close();
    await has(page, '#connections', '1');
    await has(page, '#channels', '1');

    await page.getByRole('button', { name: 'Unsubscribe from class-7' }).click();
    await has(page, '#channels', '0');
    await publish(page, 'class-7', 'message', '{}');
    await page.getByText('This page is not among them').waitFor();
    await page.getByRole('button', { name: 'Disconnect' }).click();
    await has(page, '#connections', '0');
    await has(page, '#state', 'Not connected');
    await page.getByRole('button', { name: 'Connect', exact: true }).click();
    await connected(page);
  });

  check('payloads in event, channel and data are shown as text and nothing runs', async () => {
    const page = await visit('/', { tolerate: ['status of 400'] });
    await connected(page);
    await subscribe(page, CHANNEL_PAYLOAD);
    assert.equal(await page.locator('.chips code').textContent(), CHANNEL_PAYLOAD);
    await publish(page, CHANNEL_PAYLOAD, PAYLOAD, JSON.stringify({ [PAYLOAD]: PAYLOAD }));
    assert.equal(await result(page, 'publish', 'good'), `Published to ${CHANNEL_PAYLOAD}: 1 subscriber.`);
    const body = { name: PAYLOAD, channel: CHANNEL_PAYLOAD, data: PAYLOAD };
    assert.equal((await server.request('POST', '/events', { body })).status, 200);
    await page.waitForFunction(() => document.querySelectorAll('#frames-list .received').length >= 4);
    const [plain, json] = await frames(page);
    assert.deepEqual(plain, { way: 'received', event: PAYLOAD, channel: `on ${CHANNEL_PAYLOAD}`, data: PAYLOAD });
    assert.equal(json.data, `{\n  ${JSON.stringify(PAYLOAD)}: ${JSON.stringify(PAYLOAD)}\n}`);
    await publish(page, `{${PAYLOAD}`, 'message', '{}');
    assert.match(await result(page, 'publish', 'bad'), /channel name may hold only/);
    assert.equal(await page.locator('#console img, #console script').count(), 0);
  });

  check('a payload as the name of the app is shown as text and nothing runs', async () => {
    const { id, key, secret } = server.app;
    const unset = { CAMPANILE_APP_ID: undefined, CAMPANILE_APP_KEY: undefined, CAMPANILE_APP_SECRET: undefined };
    const on = await start({
      env: unset,
      prepare: (prepared) =>
        prepared.command('app', 'create', '--name', PAYLOAD, '--id', id, '--key', key, '--secret', secret),
    });
    const page = await visit('/', { on });
    await connected(page);
    assert.equal(await page.textContent('#app-name'), PAYLOAD);
    assert.ok(!(await page.content()).includes(secret), 'the secret is in the page');
    assert.equal(await page.textContent('#show-secret'), `campanile app show ${id} --secrets`);
  });

  check('private and presence channels are explained and not asked for', async () => {
    const page = await visit();
    await connected(page);
    for (const [channel, kind] of [
      ['private-room', 'A private channel'],
      ['presence-room', 'A presence channel'],
      ['#server-to-user-1', 'The channel of a user'],
    ]) {
      await page.fill('#subscribe-channel', channel);
      await page.press('#subscribe-channel', 'Enter');
      await page.getByText(`${kind} needs a signature from your own server`).waitFor();
    }
    assert.equal(await page.locator('.chips li').count(), 0);
    assert.deepEqual((await frames(page)).filter(({ way }) => way === 'sent'), []);
  });

  check('a name that the server refuses is told beside the form', async () => {
    const on = await start();
    const page = await visit('/', { on });
    await connected(page);
    await page.fill('#subscribe-channel', 'two words');
    await page.press('#subscribe-channel', 'Enter');
    assert.match(await result(page, 'subscribe', 'bad'), /^two words: .*may hold only/);
    assert.equal(await page.locator('.chips li').count(), 0);
  });

  check('data that is no JSON is told before anything is sent', async () => {
    const page = await visit();
    await connected(page);
    const sent = [];
    page.on('request', (request) => {
      if (request.method() === 'POST') sent.push(request.url());
    });
    for (const [data, told] of [['', 'Data is missing'], ["{'a': 1}", 'Data is no JSON'], ['{"a": }', 'Data is no JSON']]) {
      await publish(page, 'class-7', 'message', data);
      await page.locator('#publish-result.bad', { hasText: told }).waitFor();
      assert.equal(await page.getAttribute('#publish-data', 'aria-invalid'), 'true');
    }
    assert.deepEqual(sent, []);
    await page.fill('#publish-data', '1');
    await page.press('#publish-data', 'Control+Enter');
    await result(page, 'publish', 'good');
    assert.equal(await page.getAttribute('#publish-data', 'aria-invalid'), null);
  });

  check('the list is bounded, waits while paused and can be cleared', async () => {
    const page = await visit();
    await connected(page);
    await subscribe(page, 'flood');
    const flood = async (from, count) => {
      for (let at = from; at < from + count; at += 10) {
        const batch = Array.from({ length: 10 }, (_, n) => ({ channel: 'flood', name: `n${at + n}`, data: '{}' }));
        await server.sdk().triggerBatch(batch);
      }
    };
    await flood(0, 250);
    await frame(page, 'n249');
    const names = (await frames(page)).map(({ event }) => event);
    assert.equal(names.length, 200);
    assert.deepEqual([names[0], names[199]], ['n249', 'n50']);

    const pause = page.locator('#pause');
    await pause.click();
    assert.equal(await pause.getAttribute('aria-pressed'), 'true');
    await flood(250, 250);
    await has(page, '#pause', 'Pause (250 new)');
    assert.equal((await frames(page))[0].event, 'n249');
    await pause.click();
    await has(page, '#pause', 'Pause');
    assert.deepEqual((await frames(page)).map(({ event }) => event).filter((_, at) => at % 199 === 0), ['n499', 'n300']);

    await page.getByRole('button', { name: 'Clear' }).click();
    assert.deepEqual(await frames(page), []);
    await page.getByText('Nothing since the list was cleared.').waitFor();
    await flood(500, 10);
    await frame(page, 'n509');
    assert.equal((await frames(page)).length, 10);
  });

  check('tabs move by keyboard and a button copies the code that is shown', async () => {
    const page = await visit('/', { permissions: ['clipboard-read', 'clipboard-write'] });
    const tab = (name) => page.getByRole('tab', { name, exact: true });
    await tab('Laravel').focus();
    await page.keyboard.press('ArrowRight');
    await page.keyboard.press('ArrowRight');
    assert.equal(await tab('Python').getAttribute('aria-selected'), 'true');
    assert.equal(await tab('Python').evaluate((element) => element === document.activeElement), true);
    const panel = page.getByRole('tabpanel', { name: 'Python' });
    assert.equal(await page.getByRole('tabpanel').count(), 2);
    await panel.getByRole('button', { name: 'Copy' }).click();
    await panel.getByRole('button', { name: 'Copied' }).waitFor();
    const copied = await page.evaluate(() => navigator.clipboard.readText());
    assert.ok(copied.startsWith('import os\nimport pusher\n') && copied.includes(`key="${server.app.key}"`), copied);
    await page.keyboard.press('Shift+Tab');
    await page.keyboard.press('Home');
    await tab('Laravel').and(page.locator('[aria-selected=true]')).waitFor();
    assert.equal(await page.evaluate(() => document.querySelectorAll('[data-copy][hidden]').length), 0);
  });

  check('the curl snippet publishes as it is pasted', { skip: missing.length ? `missing: ${missing}` : false }, async () => {
    const page = await visit();
    await connected(page);
    await subscribe(page, 'class-7');
    const env = { ...process.env, PUSHER_SECRET: server.app.secret };
    const code = await page.textContent('#code-curl');
    const { stdout } = await promisify(execFile)('bash', ['-c', code], { env, timeout: WAIT_MS });
    assert.equal(stdout, '{}');
    assert.equal((await frame(page, 'message')).data, '{\n  "text": "Hello"\n}');
  });

  check('after a restart the page comes back, and says that it must be loaded anew to publish', async () => {
    const on = await start();
    const tolerate = ['ERR_CONNECTION_REFUSED', 'ERR_CONNECTION_RESET', 'ERR_EMPTY_RESPONSE', 'WebSocket connection', 'status of 403'];
    const page = await visit('/', { on, tolerate });
    await connected(page);
    await subscribe(page, 'class-7');
    await on.halt();
    await has(page, '#state', 'Not connected');
    await on.start();
    await page.waitForFunction(() => document.querySelector('.chips .confirmed'), null, { timeout: COME_BACK_MS });
    await page.locator('#stale', { hasText: 'Reload the page to publish' }).waitFor();
    await on.sdk().trigger('class-7', 'posted', {});
    await frame(page, 'posted');
    await publish(page, 'class-7', 'message', '{}');
    assert.match(await result(page, 'publish', 'bad'), /reload the page/);
    await page.reload();
    await connected(page);
    assert.equal(await page.locator('#stale').isVisible(), false);
    await publish(page, 'class-7', 'message', '{}');
    await result(page, 'publish', 'good');
  });

  check('a page that may not connect says why and does not try again', async () => {
    const on = await start({ settings: { allowed_origins: 'https://campus.example' } });
    const page = await visit('/', { on });
    await has(page, '#state', 'Refused');
    assert.match(await page.textContent('#state-more'), /Origin not allowed.*4009/);
    await page.getByRole('button', { name: 'Connect', exact: true }).waitFor();
  });

  check('below a path prefix everything works, with and without the slash', async () => {
    const on = await start({ path: '/a/ws' });
    for (const path of ['', '/']) {
      const page = await visit(path, { on });
      await connected(page);
      await subscribe(page, 'class-7');
      await publish(page, 'class-7', 'message', '{}');
      await frame(page, 'message');
      await page.getByRole('link', { name: 'API reference' }).click();
      await page.locator('.opblock').first().waitFor();
      await page.getByRole('link', { name: 'First page' }).click();
      await connected(page);
    }
  });

  check('the reference shows every operation of the description', async () => {
    const page = await visit('/docs');
    await page.locator('.opblock').first().waitFor();
    const description = await (await fetch(`${server.url}/openapi.json`)).json();
    const operations = Object.entries(description.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
    );
    const shown = await page.$$eval('.opblock', (blocks) =>
      blocks.map((block) => {
        const text = (selector) => block.querySelector(selector).textContent.replaceAll('\u200b', '');
        return `${text('.opblock-summary-method')} ${text('[data-path]')}`;
      }),
    );
    assert.ok(operations.length >= 8, `${operations}`);
    assert.deepEqual(shown.sort(), operations.sort());
    await page.locator('.opblock-summary-path', { hasText: 'batch_events' }).click();
    await page.locator('.opblock.is-open .responses-wrapper').waitFor();
    assert.equal(await page.locator('.try-out, .authorize').filter({ visible: true }).count(), 0);
    assert.equal(await page.title(), 'API reference – Campanile');
  });

  for (const colorScheme of ['light', 'dark']) {
    check(`on a phone, ${colorScheme}, no page is wider than the screen`, async () => {
      for (const [path, ready] of [['/', '#state-dot.connected'], ['/docs', '.opblock']]) {
        const page = await visit(path, { viewport: { width: 360, height: 740 }, colorScheme });
        await page.locator(ready).first().waitFor();
        if (path === '/docs') await page.locator('.opblock-summary').first().click();
        const [wide, screen] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
        assert.equal(wide, screen, path);
        const [ink, paper] = await page.evaluate(() => {
          const { color, backgroundColor } = getComputedStyle(document.body);
          return [color, backgroundColor].map((value) => Number(/\d+/.exec(value)));
        });
        assert.equal(ink > paper, colorScheme === 'dark', `${path}: ${ink} on ${paper}`);
      }
    });
  }

  check('without scripts the page still says how to connect', async () => {
    const page = await visit('/', { javaScriptEnabled: false });
    for (const title of ['echo', 'pusher-js', 'laravel', 'php', 'python', 'curl']) {
      assert.equal(await page.locator(`#panel-${title}`).isVisible(), true, title);
    }
    assert.match(await page.locator('noscript').textContent(), /The console needs JavaScript/);
    assert.equal(await page.locator('[data-copy]').filter({ visible: true }).count(), 0);
  });
});
