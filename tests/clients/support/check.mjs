// One test of these suites: node's own, plus the server's log when it fails.

import { it } from 'node:test';

import { running } from './server.mjs';

/** Declares a test named after its situation and outcome. `options` are node's, such as `skip` with a reason. */
export function check(name, ...rest) {
  const body = rest.pop();
  const [options = {}] = rest;
  it(name, { timeout: 120_000, ...options }, async (context) => {
    try {
      await body(context);
    } catch (error) {
      for (const server of running) {
        console.error(`--- log of the server on port ${server.port}, for "${name}"\n${server.logs}\n---`);
      }
      throw error;
    }
  });
}
