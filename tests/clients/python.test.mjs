// Starts a server and runs the suite of the Python SDK against it, with the interpreter of the local `.venv`.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { after, before, describe } from 'node:test';
import { fileURLToPath } from 'node:url';

import { check } from './support/check.mjs';
import { startServer } from './support/server.mjs';
import { within } from './support/wait.mjs';

const at = (path) => fileURLToPath(new URL(path, import.meta.url));
const PYTHON = process.env.CAMPANILE_TEST_PYTHON ?? at('.venv/bin/python');
const SUITE_MS = 110_000;

describe('pusher (python)', () => {
  let server;
  before(async () => {
    assert.ok(existsSync(PYTHON), `${PYTHON} is missing; tests/run makes it, with python/requirements.txt in it`);
    server = await startServer();
  });
  after(() => server?.stop());

  check('the suite of the Python SDK passes', async (context) => {
    const child = spawn(PYTHON, [at('python/test_pusher_python.py')], {
      env: {
        ...process.env,
        CAMPANILE_TEST_HOST: server.host,
        CAMPANILE_TEST_PORT: String(server.port),
        CAMPANILE_TEST_APP_ID: server.app.id,
        CAMPANILE_TEST_KEY: server.app.key,
        CAMPANILE_TEST_SECRET: server.app.secret,
        CAMPANILE_TEST_MASTER_KEY: server.masterKey,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text) => {
        output += text;
      });
    }
    const ended = new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('close', resolve);
    });
    try {
      const code = await within(ended, () => `the end of the suite:\n${output}`, SUITE_MS);
      assert.equal(code, 0, `the suite failed:\n${output}`);
    } finally {
      child.kill('SIGKILL');
    }
    context.diagnostic(output.trim().split('\n').slice(-3).join(' '));
  });
});
