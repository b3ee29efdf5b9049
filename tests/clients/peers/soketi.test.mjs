// The cases of soketi's own tests that a client can see on one node, written anew over pusher-js, the node SDK and bare
// sockets. The name of the case there stands in brackets.
//
// Left out, because a RULE of this server says otherwise:
// - "throw over quota error if reached connection limit" with 4100: the code is 4004 here; the case below expects that.
// - "not calling signin after connection throws right error code": no socket has to sign in here.
// - "not having user id throws an error", "sending wrong user data token throws error" with a close: the error 4009 is
//   a frame here and the socket stays; the cases below expect that.
// - name, size and count limits with 4009, 4301 and 4100 in `status`: only the refusal itself is compared.
// - answers with `{"ok":true}`: `{}` here.
// Left out for other reasons:
// - *.redis-adapter, *.cluster-adapter, *.nats-adapter: several nodes.
// - webhooks.test.ts: webhooks come later.
// - "usage endpoint", "/ready", "/accept-traffic": extras of that server; /up is in reverb.test.mjs.
// - "adapter getSockets works", "adapter getChannelSockets works": internals; what they show is in the counts below.
// - "does not leak memory": what the outside can see of it, that nothing is left behind, is below.

import assert from 'node:assert/strict';
import { after, afterEach, before, describe } from 'node:test';

import { startAuth } from '../support/auth.mjs';
import { check } from '../support/check.mjs';
import {
  Latest,
  client,
  connected,
  disconnectAll,
  gone,
  reached,
  record,
  recordEvent,
  settled,
  subscribe,
  subscribed,
} from '../support/pusher-js.mjs';
import { startServer } from '../support/server.mjs';
import { Socket, dropAll } from '../support/socket.mjs';
import { until } from '../support/wait.mjs';

/** A server and its auth endpoint for one `describe`. */
function fixture(options) {
  const here = {
    join: (user) => connected(Latest, here.server, { auth: here.auth, user }),
    get: async (path, query) => {
      const answer = await here.server.request('GET', path, { query });
      assert.equal(answer.status, 200, answer.text);
      return answer.json;
    },
  };
  before(async () => {
    here.server = await startServer(options);
    here.auth = await startAuth(here.server);
    here.sdk = here.server.sdk();
  });
  afterEach(() => {
    disconnectAll();
    dropAll();
  });
  after(async () => {
    await here.auth?.stop();
    await here.server?.stop();
  });
  return here;
}

describe('soketi, channels', () => {
  const here = fixture();

  for (const [kind, prefix] of [
    ['public', ''],
    ['private', 'private-'],
    ['private-encrypted', 'private-encrypted-'],
    ['presence', 'presence-'],
  ]) {
    check(`${kind}: an event sent over HTTP arrives [connects to ${kind} channel]`, async () => {
      const channel = await subscribed(await here.join('1'), `${prefix}greeting`);
      await here.sdk.trigger(`${prefix}greeting`, 'greeting', { message: 'hello' });
      assert.deepEqual((await channel.inbox.take('greeting')).data, { message: 'hello' });
    });

    check(`${kind}: nothing is left of clients that go [connects and disconnects to ${kind} channel and does not leak memory]`, async () => {
      const joined = await Promise.all(['1', '2', '3', '4'].map((user) => here.join(user)));
      await Promise.all(joined.map((pusher) => subscribed(pusher, `${prefix}leak`)));
      for (const pusher of joined) {
        pusher.unsubscribe(`${prefix}leak`);
        await gone(pusher);
      }
      await until(async () => (await here.get('/connections')).connections === 0, 'all sockets to be gone');
      assert.deepEqual(await here.get('/channels'), { channels: {} });
    });

    check(`${kind}: nothing is left of sockets that drop [sudden close connection in ${kind} channel and does not leak memory]`, async () => {
      const name = `${prefix}sudden`;
      for (let n = 0; n < 4; n += 1) {
        const socket = await Socket.open(here.server);
        await socket.subscribed(name, prefix === 'presence-' ? { member: { user_id: String(n) } } : {});
        await socket.drop();
      }
      await until(async () => (await here.get('/connections')).connections === 0, 'all sockets to be gone');
      assert.deepEqual(await here.get('/channels'), { channels: {} });
    });

    const cached = prefix.endsWith('-') ? `${prefix}cache-` : 'cache-';
    check(`${kind}: the last event is replayed [cached ${kind} channels work]`, async () => {
      const first = await subscribed(await here.join('1'), `${cached}room`);
      await first.inbox.take('pusher:cache_miss');
      await here.sdk.trigger(`${cached}room`, 'greeting', { message: 'hello' });
      await first.inbox.take('greeting');
      const second = await subscribed(await here.join('2'), `${cached}room`);
      assert.deepEqual((await second.inbox.take('greeting')).data, { message: 'hello' });
    });

    if (prefix) {
      check(`${kind}: a wrong signature is refused [cannot connect to ${kind} channel with wrong authentication]`, async () => {
        here.auth.forged.add(`${prefix}wrong`);
        const channel = subscribe(await here.join('1'), `${prefix}wrong`);
        const { data } = await channel.inbox.take('pusher:subscription_error');
        assert.deepEqual([data.type, data.status], ['AuthError', 401]);
      });
    }
  }

  check('members come and go [handles joins and leaves]', async () => {
    const john = await subscribed(await here.join('1'), 'presence-joins');
    assert.equal(john.members.count, 1);
    const alice = await here.join('2');
    const other = await subscribed(alice, 'presence-joins');
    assert.deepEqual((await john.inbox.take('pusher:member_added')).data, { id: '2', info: { name: 'User 2' } });
    assert.deepEqual([john.members.count, other.members.count], [2, 2]);
    assert.equal(other.members.me.id, '2');
    alice.unsubscribe('presence-joins');
    assert.equal((await john.inbox.take('pusher:member_removed')).data.id, '2');
    assert.equal(john.members.count, 1);
  });

  check('a second tab is no second member [connecting to the channel twice with same user does not trigger member_added twice]', async () => {
    const pusher = await here.join('1');
    const watcher = await subscribed(pusher, 'presence-tabs');
    const first = await here.join('2');
    const second = await here.join('2');
    await subscribed(first, 'presence-tabs');
    await watcher.inbox.take('pusher:member_added');
    assert.equal((await subscribed(second, 'presence-tabs')).members.count, 2);
    await gone(first);
    await settled(pusher, here.sdk);
    assert.deepEqual(watcher.inbox.named('pusher:member_added'), []);
    assert.deepEqual(watcher.inbox.named('pusher:member_removed'), []);
    await gone(second);
    await watcher.inbox.take('pusher:member_removed');
  });
});

describe('soketi, sockets', () => {
  const here = fixture();

  check('an unknown key [cannot connect using invalid app key]', async () => {
    const pusher = client(Latest, here.server, { key: 'invalid-key' });
    const { error } = await pusher.errors.take(() => true);
    assert.equal(error.data.code, 4001);
    await reached(pusher, 'disconnected');
  });

  check('a whisper [client events]', async () => {
    const [one, two] = await Promise.all([here.join('1'), here.join('2')]);
    const own = await subscribed(one, 'private-whisper');
    const others = await subscribed(two, 'private-whisper');
    own.trigger('client-greeting', { message: 'hello' });
    assert.deepEqual((await others.inbox.take('client-greeting')).data, { message: 'hello' });
    await settled(one, here.sdk);
    assert.deepEqual(own.inbox.named('client-greeting'), []);
  });

  check('a whisper among members [client events for presence channels]', async () => {
    const own = await subscribed(await here.join('1'), 'presence-whisper');
    const others = await subscribed(await here.join('2'), 'presence-whisper');
    const inbox = recordEvent(others, 'client-greeting');
    own.trigger('client-greeting', { message: 'hello' });
    const { data, metadata } = await inbox.take('client-greeting');
    assert.deepEqual([data, metadata], [{ message: 'hello' }, { user_id: '1' }]);
  });

  check('sign-in [signin after connection]', async () => {
    const pusher = await here.join('1');
    pusher.signin();
    const { data } = await pusher.frames.take('pusher:signin_success');
    assert.equal(JSON.parse(data.user_data).id, '1');
  });

  for (const [situation, userData] of [
    ['without an id', { name: 'no id' }],
    ['with an empty id', { id: '' }],
  ]) {
    check(`user data ${situation} is refused with 4009 [not having user id throws an error]`, async () => {
      const socket = await Socket.open(here.server);
      socket.signin(userData);
      assert.equal((await socket.frames.take('pusher:error')).data.code, 4009);
      await socket.pong();
      assert.deepEqual(socket.frames.named('pusher:signin_success'), []);
    });
  }

  check('a wrong signature is refused with 4009 [sending wrong user data token throws error]', async () => {
    const socket = await Socket.open(here.server);
    socket.signin({ id: '1' }, `${here.server.app.key}:${'0'.repeat(64)}`);
    assert.equal((await socket.frames.take('pusher:error')).data.code, 4009);
    await socket.pong();
    assert.deepEqual(socket.frames.named('pusher:signin_success'), []);
  });
});

describe('soketi, server with small limits', () => {
  const here = fixture({
    settings: {
      max_channel_name_length: 20,
      max_presence_member_bytes: 100,
      max_presence_members: 1,
      max_event_name_length: 25,
      max_event_bytes: 200,
      max_event_channels: 2,
      max_batch_events: 2,
    },
  });

  check('a longer channel name [should check for channelLimits.maxNameLength]', async () => {
    const pusher = await here.join('1');
    await subscribed(pusher, 'c'.repeat(20));
    const channel = subscribe(pusher, 'c'.repeat(21));
    await channel.inbox.take('pusher:subscription_error');
  });

  check('a bigger member [should check for presence.maxMemberSizeInKb]', async () => {
    here.auth.people.set('big', { bio: 'x'.repeat(200) });
    const channel = subscribe(await here.join('big'), 'presence-size');
    await channel.inbox.take('pusher:subscription_error');
  });

  check('a member too many, but not a second tab [should check for presence.maxMembersPerChannel]', async () => {
    await subscribed(await here.join('1'), 'presence-full');
    await subscribed(await here.join('1'), 'presence-full');
    const channel = subscribe(await here.join('2'), 'presence-full');
    await channel.inbox.take('pusher:subscription_error');
  });

  for (const [title, event, data] of [
    ['client events dont get emitted when event name is big', `client-${'x'.repeat(19)}`, {}],
    ['client events dont get emitted when event payload is big', 'client-greeting', { text: 'x'.repeat(200) }],
  ]) {
    check(`refused with 4301 [${title}]`, async () => {
      const [one, two] = await Promise.all([here.join('1'), here.join('2')]);
      const own = await subscribed(one, 'private-limits');
      const others = await subscribed(two, 'private-limits');
      own.trigger(event, data);
      assert.equal((await one.frames.take('pusher:error')).data.code, 4301);
      await settled(two, here.sdk);
      assert.deepEqual(others.inbox.named(event), []);
    });
  }

  const post = (body) => here.server.request('POST', '/events', { body });

  check('three channels [should check for eventLimits.maxChannelsAtOnce]', async () => {
    assert.equal((await post({ name: 'e', data: '{}', channels: ['a', 'b'] })).status, 200);
    assert.equal((await post({ name: 'e', data: '{}', channels: ['a', 'b', 'c'] })).status, 400);
  });

  check('a longer event name [should check for eventLimits.maxNameLength]', async () => {
    assert.equal((await post({ name: 'e'.repeat(25), data: '{}', channel: 'a' })).status, 200);
    assert.equal((await post({ name: 'e'.repeat(26), data: '{}', channel: 'a' })).status, 400);
  });

  check('more data [should check for eventLimits.maxPayloadInKb]', async () => {
    assert.equal((await post({ name: 'e', data: 'x'.repeat(200), channel: 'a' })).status, 200);
    assert.equal((await post({ name: 'e', data: 'x'.repeat(201), channel: 'a' })).status, 413);
  });

  check('a longer batch [should check for eventLimits.maxBatchSize]', async () => {
    const batch = Array.from({ length: 3 }, () => ({ name: 'e', data: '{}', channel: 'a' }));
    assert.equal((await here.server.request('POST', '/batch_events', { body: { batch } })).status, 400);
  });
});

describe('soketi, server without client events', () => {
  const here = fixture({ settings: { client_events: 'none' } });

  check('refused with 4301 [client events dont get emitted when client messaging is disabled]', async () => {
    const [one, two] = await Promise.all([here.join('1'), here.join('2')]);
    const own = await subscribed(one, 'private-quiet');
    const others = await subscribed(two, 'private-quiet');
    own.trigger('client-greeting', {});
    assert.equal((await one.frames.take('pusher:error')).data.code, 4301);
    await settled(two, here.sdk);
    assert.deepEqual(others.inbox.named('client-greeting'), []);
  });
});

describe('soketi, server with a limit of one connection', () => {
  const here = fixture({ settings: { max_connections: 1 } });

  check('the second gives up [throw over quota error if reached connection limit]', async () => {
    await here.join('1');
    const second = client(Latest, here.server);
    const { error } = await second.errors.take(() => true);
    assert.equal(error.data.code, 4004);
    await reached(second, 'disconnected');
  });
});

describe('soketi, server with a disabled app', () => {
  const disabled = { id: '2003', key: 'disabled-key', secret: 'a1b2c3d4e5f60718' };
  const here = fixture({
    prepare: async (server) => {
      await server.command('app', 'create', '--id', disabled.id, '--key', disabled.key, '--secret', disabled.secret);
      await server.command('app', 'disable', disabled.id);
    },
  });

  check('it gives up with 4003, and 403 over HTTP [throw invalid app error if app is deactivated]', async () => {
    const pusher = client(Latest, here.server, { key: disabled.key });
    const { error } = await pusher.errors.take(() => true);
    assert.equal(error.data.code, 4003);
    await reached(pusher, 'disconnected');
    assert.equal((await here.server.request('GET', '/channels', { app: disabled })).status, 403);
  });
});

describe('soketi, server with a limit for request bodies', () => {
  const here = fixture({ env: { CAMPANILE_MAX_REQUEST_BYTES: '2048' } });

  check('a longer body is 413 [should check for httpApi.requestLimitInMb]', async () => {
    const post = (length) =>
      here.server.request('POST', '/events', { body: { name: 'e', data: 'x'.repeat(length), channel: 'a' } });
    assert.equal((await post(1_900)).status, 200);
    assert.equal((await post(2_100)).status, 413);
  });
});

describe('soketi, HTTP API', () => {
  const here = fixture();

  check('channels with their users [get api channels]', async () => {
    await subscribed(await here.join('1'), 'api-list');
    assert.deepEqual(await here.get('/channels', { filter_by_prefix: 'api-' }), { channels: { 'api-list': {} } });
  });

  check('one channel [get api channel]', async () => {
    await subscribed(await here.join('1'), 'api-one');
    await subscribed(await here.join('2'), 'api-one');
    assert.deepEqual(await here.get('/channels/api-one', { info: 'subscription_count' }), {
      occupied: true,
      subscription_count: 2,
    });
  });

  check('one presence channel, users counted once [get api presence channel, presence channel users should count only once for same-user multiple connections]', async () => {
    for (const user of ['1', '1', '2']) await subscribed(await here.join(user), 'presence-api');
    assert.deepEqual(await here.get('/channels/presence-api', { info: 'user_count,subscription_count' }), {
      occupied: true,
      user_count: 2,
      subscription_count: 3,
    });
    const { users } = await here.get('/channels/presence-api/users');
    assert.deepEqual(users.map(({ id }) => id).sort(), ['1', '2']);
  });

  check('presence channels by prefix [get api presence channel with filter_by_prefix]', async () => {
    await subscribed(await here.join('1'), 'presence-filter-a');
    await subscribed(await here.join('1'), 'filter-b');
    const query = { filter_by_prefix: 'presence-filter-', info: 'user_count' };
    assert.deepEqual(await here.get('/channels', query), { channels: { 'presence-filter-a': { user_count: 1 } } });
  });

  check('users of a channel without [a non-presence channel cannot read users]', async () => {
    assert.equal((await here.server.request('GET', '/channels/api-one/users')).status, 400);
  });

  check('a batch on two channels [sends batch events]', async () => {
    const pusher = await here.join('1');
    const one = await subscribed(pusher, 'api-batch-1');
    const two = await subscribed(pusher, 'private-api-batch-2');
    await here.sdk.triggerBatch([
      { name: 'greeting', channel: 'api-batch-1', data: { n: 1 } },
      { name: 'greeting', channel: 'private-api-batch-2', data: { n: 2 } },
    ]);
    assert.deepEqual((await one.inbox.take('greeting')).data, { n: 1 });
    assert.deepEqual((await two.inbox.take('greeting')).data, { n: 2 });
  });

  check('another app [passing an inexistent app id will return 404]', async () => {
    await assert.rejects(here.server.sdk({ appId: 'inexistent' }).get({ path: '/channels' }), { status: 404 });
  });

  check('another secret [throw error when credentials dont match]', async () => {
    await assert.rejects(here.server.sdk({ secret: 'invalid-secret-0123' }).get({ path: '/channels' }), { status: 401 });
  });

  check('another route [non existent route must return 404]', async () => {
    const answer = await fetch(`${here.server.url}/no/such/route`);
    assert.equal(answer.status, 404);
    await answer.text();
  });

  check('an app id of digits [check server can handle a numeric app id]', async () => {
    assert.match(here.server.app.id, /^\d+$/);
    const answer = await here.server.sdk({ appId: Number(here.server.app.id) }).get({ path: '/channels' });
    assert.equal(answer.status, 200);
  });

  check('a user is sent away [signin after connection with termination call]', async () => {
    const pusher = await here.join('9');
    pusher.signin();
    await pusher.frames.take('pusher:signin_success');
    await here.sdk.terminateUserConnections('9');
    assert.equal((await pusher.frames.take('pusher:error')).data.code, 4009);
    await reached(pusher, 'disconnected');
  });

  check('a user is spoken to [broadcast to user]', async () => {
    const pusher = await here.join('10');
    const inbox = record(pusher.user, 'user');
    pusher.signin();
    await pusher.user.signinDonePromise;
    await here.sdk.sendToUser('10', 'my-event', { works: true });
    assert.deepEqual((await inbox.take('my-event')).data, { works: true });
  });
});
