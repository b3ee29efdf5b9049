// The server part of seed 001_b7bc075fc5824100.txt with stock pusher-js: its lib/pusher.ts signs with the stock SDK, its route
// answers the page. Host and port are added; who is logged in, the test says in Clerk's place.

import assert from 'node:assert/strict';
import { AsyncLocalStorage } from 'node:async_hooks';
import { after, afterEach, before, describe } from 'node:test';

import { check } from './support/check.mjs';
import { openClassroom } from './support/classroom.mjs';
import { Latest, connected, disconnectAll, record, subscribe, subscribed } from './support/pusher-js.mjs';
import { configure, load } from './support/seed.mjs';
import { startServer } from './support/server.mjs';

describe('seed 001: lib/pusher.ts and its route', () => {
  let server;
  let classroom;
  let route;

  before(async () => {
    server = await startServer();
    classroom = await openClassroom(server);
    await classroom.put('/api/chapters/5', { course: '101', title: 'Loops' });
    configure(server);
    globalThis.clerk = new AsyncLocalStorage();
    route = await load('viewers/route.ts', {
      '@/lib/pusher': 'viewers/pusher.ts',
      '@clerk/nextjs': 'stand-ins/clerk.ts',
      'next/server': 'stand-ins/next-server.ts',
    });
  });
  afterEach(disconnectAll);
  after(() => server?.stop());

  /** What the route answers to a body, for whoever is logged in. */
  const ask = (user, body) =>
    globalThis.clerk.run(user, () => route.POST(new Request('http://127.0.0.1/api/pusher/auth', { method: 'POST', body })));

  /** A window whose page asks the route, with a body that the route can read. */
  const visit = (user) =>
    connected(Latest, server, {
      channelAuthorization: {
        async customHandler({ socketId, channelName }, callback) {
          const answer = await ask(user, JSON.stringify({ socket_id: socketId, channel_name: channelName }));
          const text = await answer.text();
          callback(answer.ok ? null : new Error(`${answer.status} ${text}`), answer.ok ? JSON.parse(text) : null);
        },
      },
    });

  check('viewers of a chapter see each other with name and role, though it signs no more than an id (T6, T10)', async () => {
    const [one, other] = [await visit('8'), await visit('7')];
    const watched = await subscribed(one, 'presence-chapter-5');
    assert.deepEqual(watched.members.me.info, { id: '8', name: 'User 8', avatar: null, role: 'instructor' });
    await subscribed(other, 'presence-chapter-5');
    const joined = await watched.inbox.take('pusher:member_added');
    assert.deepEqual(joined.data, { id: '7', info: { id: '7', name: 'User 7', avatar: null, role: 'student' } });
    assert.equal(watched.members.count, 2);
  });

  check('whom the roster does not know is a member all the same, as it was signed', async () => {
    const stranger = await subscribed(await visit('user_2x'), 'presence-global');
    assert.deepEqual(stranger.members.me, { id: 'user_2x', info: { id: 'user_2x' } });
  });

  check('a private channel opens with the channel_data that it signs', async () => {
    const pusher = await visit('7');
    const channel = await subscribed(pusher, 'private-user-7');
    await server.sdk().trigger('private-user-7', 'user:active', { id: '7' });
    assert.deepEqual((await channel.inbox.take('user:active')).data, { id: '7' });
  });

  check('nobody, and a public channel, are refused with 401, and what is missing with 400 (T5)', async () => {
    const nobody = record(subscribe(await visit(undefined), 'presence-chapter-5'), 'of nobody');
    assert.match((await nobody.take('pusher:subscription_error')).data.error, /401 Unauthorized/);
    const answers = await Promise.all([
      ask('7', JSON.stringify({ socket_id: '1.2', channel_name: 'chapter-5-comments' })),
      ask('7', JSON.stringify({ socket_id: '1.2' })),
    ]);
    assert.deepEqual(answers.map(({ status }) => status), [401, 400]);
  });

  check('it cannot read the form that stock pusher-js sends; the endpoint of the server can', async () => {
    const form = new URLSearchParams({ socket_id: '1.2', channel_name: 'presence-chapter-5' });
    const { error } = console;
    console.error = () => {};
    try {
      assert.equal((await ask('7', form)).status, 500);
    } finally {
      console.error = error;
    }
    const auth = { channelEndpoint: `${server.url}/api/pusher/auth` };
    const pusher = await connected(Latest, server, { auth, user: await classroom.token('7') });
    assert.equal((await subscribed(pusher, 'presence-chapter-5')).members.me.info.name, 'User 7');
  });
});
