// The files of the seed documents: where they are, and how their server parts get into a test's process.

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

import { build } from 'esbuild';

export const SUITES = fileURLToPath(new URL('..', import.meta.url));

/** Path of a file of a seed. */
export const seed = (path) => join(SUITES, 'seeds', path);

/** Puts into the environment what the seeds' servers read, with host and port of `server`. */
export function configure(server) {
  Object.assign(process.env, {
    PUSHER_APP_ID: server.app.id,
    PUSHER_KEY: server.app.key,
    PUSHER_SECRET: server.app.secret,
    PUSHER_CLUSTER: 'eu',
    PUSHER_HOST: server.host,
    PUSHER_PORT: String(server.port),
  });
}

/**
 * Loads the server part of a seed into this process. `alias` names files of the seeds for modules that it imports; what it
 * imports besides is the stock package.
 */
export async function load(entry, alias = {}) {
  const { outputFiles } = await build({
    entryPoints: [seed(entry)],
    bundle: true,
    write: false,
    format: 'esm',
    platform: 'node',
    external: ['pusher'],
    alias: Object.fromEntries(Object.entries(alias).map(([name, path]) => [name, seed(path)])),
  });
  // Below node_modules, so that it finds the stock SDK.
  const folder = await mkdtemp(join(SUITES, 'node_modules', '.seeds-'));
  try {
    const file = join(folder, 'seed.mjs');
    await writeFile(file, outputFiles[0].text);
    return await import(pathToFileURL(file));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
