// The commands of the README, as they are printed there: in a folder where the server runs, by a shell that reads them from
// its standard input. Only the port is another one.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { cp, mkdir, readFile, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { BINARY, startServer } from './support/server.mjs';
import { until } from './support/wait.mjs';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
// npm may have to fetch what the example needs.
const PATIENCE_MS = 120_000;

/** A process with everything that it has said. */
class Child {
  constructor(command, args, place) {
    this.said = '';
    this.process = spawn(command, args, { ...place, stdio: ['pipe', 'pipe', 'pipe'] });
    for (const stream of [this.process.stdout, this.process.stderr]) {
      stream.setEncoding('utf8');
      stream.on('data', (text) => {
        this.said += text;
      });
    }
  }

  /** Waits until it has said all of these. */
  hears(...wanted) {
    return until(() => wanted.every((text) => this.said.includes(text)), `${wanted.join(', ')}; so far:\n${this.said}`);
  }

  end() {
    this.process.stdin.destroy();
    this.process.kill();
  }
}

/** A shell that is given one block of commands after the other. */
class Shell extends Child {
  #blocks = 0;

  constructor(place) {
    super('bash', ['-s'], place);
  }

  /** Runs a block to its end; answers what it said. */
  async run(block) {
    this.#blocks += 1;
    const mark = `end of block ${this.#blocks}`;
    const from = this.said.length;
    this.process.stdin.write(`${block}\necho '${mark}'\n`);
    await until(() => this.said.includes(mark, from), `${mark}; so far:\n${this.said}`, PATIENCE_MS);
    return this.said.slice(from, this.said.indexOf(mark, from));
  }
}

describe('README', { timeout: 2 * PATIENCE_MS }, () => {
  let server;
  let page;
  const children = [];

  before(async () => {
    server = await startServer();
    page = (await readFile(join(ROOT, 'README.md'), 'utf8')).replaceAll('127.0.0.1:8080', `127.0.0.1:${server.port}`);
    const { cwd } = server.place;
    await mkdir(join(cwd, 'target/release'), { recursive: true });
    await symlink(BINARY, join(cwd, 'target/release/campanile'));
    await cp(join(ROOT, 'examples'), join(cwd, 'examples'), {
      recursive: true,
      filter: (path) => !path.includes('node_modules'),
    });
  });
  after(() => {
    for (const child of children) child.end();
    return server?.stop();
  });

  /** The commands of a section, block by block. */
  const blocks = (section) => {
    const text = page.split(/^## /m).find((part) => part.startsWith(`${section}\n`));
    assert.ok(text, section);
    const found = [...text.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(([, block]) => block);
    assert.ok(found.length > 0, section);
    return found;
  };
  /** The answers that a section shows. */
  const answers = (section) => {
    const [, shown] = /^```json\n([\s\S]*?)^```$/m.exec(page.split(`## ${section}\n`)[1]);
    return shown.trim().split('\n');
  };
  const started = (child) => {
    children.push(child);
    return child;
  };
  const shell = () => started(new Shell(server.place));
  /** A listener of the class, started by the command of a block; it knows the port. */
  const listener = (block) => {
    const line = block.split('\n').find((one) => one.startsWith('node '));
    const command = line.replace(/ *#.*/, '');
    return started(new Child('bash', ['-c', `PATH=$PWD/target/release:$PATH; exec ${command} ${server.url}`], server.place));
  };

  test('a class in five minutes: each line is heard, and a stranger is told why not', async () => {
    const [prepare, listen, act, refuse] = blocks('A class in five minutes');
    const first = shell();
    assert.match(await first.run(prepare), /"id":"monday"/);
    const student = listener(listen);
    await student.hears('here ');
    // The chat is the last channel but one that it asks for; whoever is heard there is heard everywhere.
    await until(async () => {
      const { json } = await server.request('GET', '/channels/private-user.1');
      return json.occupied;
    }, 'the last subscription of the listener');
    const acted = await first.run(act);
    assert.doesNotMatch(acted, /"code"/);
    await student.hears('online ', 'typing ', 'chat ', 'notification ', 'broadcast ', 'poll ', 'results ');
    assert.doesNotMatch(student.said, /refused/);

    const [commands] = refuse.split(/^node /m);
    const refused = await first.run(commands);
    const said = refused.trim().split('\n').map((line) => line.replace(/(?<="(?:instance|request_id)":")[^"]+/g, '…'));
    const [ofChat, ofPoll, ofOthers] = answers('A class in five minutes');
    assert.deepEqual(said, [ofChat, ofOthers, ofPoll, ofOthers, ofOthers, ofOthers]);
    const token = /^STRANGER=(.*)$/m.exec(refuse)[1];
    const stranger = listener(refuse.replaceAll('"$STRANGER"', token));
    await stranger.hears('presence-course.1.users', 'private-course.1', 'private-class.1', 'private-chat.monday');
    assert.match(stranger.said, /refused .*private-class\.1.*enroll/);
    assert.doesNotMatch(stranger.said, /online|typing|here/);
  });

  test('the commands of the REST API, chat, polls, notifications and broadcasts do what they say', async () => {
    const one = shell();
    const run = async (section) => one.run(`PATH=$PWD/target/release:$PATH\n${blocks(section).join('\n')}`);
    const rest = await run('REST API');
    assert.match(rest, /"allow":true/);
    assert.match(rest, /"outcome":"deleted"/);
    assert.match(await run('Chat'), /Does the loop end\?[\s\S]*Does the loop end\?/);
    assert.match(await run('Polls'), /"total":1/);
    assert.match(await run('Notifications'), /Sheet 5: 18 of 20[\s\S]*We begin/);
    assert.match(await run('Broadcasts'), /"receivers":2/);
    assert.doesNotMatch(one.said, /"code":"/, one.said);
  });
});
