// The cases of Laravel Reverb's own tests that a client can see on one node, written anew over bare sockets and signed
// requests. The name of the case there stands in brackets.
//
// Left out, because a RULE of this server says otherwise:
// - "returns an error when unoccupied channel provided", "... non-existent presence channel" (users): 200 with an
//   empty list here, 404 there.
// - "returns an error when connection cannot be found" (terminate): 200 `{}` here for an unknown user.
// - "can return cache channel attributes" as Reverb shapes it: `cache` is `{data, ttl}` here, the raw frame there.
// - 422 for invalid data: 400 here. `{"batch":{}}`: `{}` here. String `data` in pusher:error: an object here.
// - "cannot connect from an invalid origin", "over the max connection limit": the socket is closed here, left open
//   there; the cases below expect the close.
// - "can forward an unauthenticated client message on public channel": a switch here, off by default; the case below
//   turns it on.
// - "sets the x-powered-by header": names the peer.
// Left out for other reasons:
// - everything that "gathers" or says "redis", "over redis", "across all servers": two nodes.
// - "fails when server is not running", `getMemory`, `RateLimiter` and logger units: not about this server.
// - Specification/ (Autobahn): a suite of its own.

import assert from 'node:assert/strict';
import { after, afterEach, before, describe } from 'node:test';

import { check } from '../support/check.mjs';
import { startServer } from '../support/server.mjs';
import { Socket, dropAll } from '../support/socket.mjs';
import { until, within } from '../support/wait.mjs';

/** A server for one `describe`. */
function fixture(options) {
  const here = {};
  before(async () => {
    here.server = await startServer(options);
  });
  afterEach(dropAll);
  after(() => here.server?.stop());
  return here;
}

const member = (id, name = `User ${id}`) => ({ member: { user_id: id, user_info: { name } } });

describe('reverb, HTTP API', () => {
  const here = fixture();
  const open = () => Socket.open(here.server);
  const get = (path, query) => here.server.request('GET', path, { query });
  const post = (path, body, options) => here.server.request('POST', path, { body, ...options });

  /** Passes when the answer is 200 with exactly this body. */
  function assertAnswer(answer, body) {
    assert.equal(answer.status, 200, answer.text);
    assert.deepEqual(answer.json, body);
  }

  /** Opens a socket for each list of channels and subscribes it; presence members are named by the position. */
  async function audience(...lists) {
    const sockets = [];
    for (const [index, channels] of lists.entries()) {
      const socket = await open();
      for (const channel of channels) {
        await socket.subscribed(channel, channel.startsWith('presence-') ? member(String(index + 1)) : {});
      }
      sockets.push(socket);
    }
    return sockets;
  }

  describe('one channel', () => {
    check('an occupied channel has its count [can return data for a single channel]', async () => {
      await audience(['c-one'], ['c-one']);
      const answer = await get('/channels/c-one', { info: 'user_count,subscription_count,cache' });
      // user_count of a channel without presence is a mistake here, so the counts are asked for one by one.
      assert.equal(answer.status, 400);
      assertAnswer(await get('/channels/c-one', { info: 'subscription_count' }), {
        occupied: true,
        subscription_count: 2,
      });
    });

    check('nobody there [returns unoccupied when no connections]', async () => {
      assertAnswer(await get('/channels/c-nobody', { info: 'subscription_count' }), {
        occupied: false,
        subscription_count: 0,
      });
    });

    check('a cache channel has its last event [can return cache channel attributes]', async () => {
      await audience(['cache-c-one']);
      assertAnswer(await get('/channels/cache-c-one', { info: 'subscription_count,cache' }), {
        occupied: true,
        subscription_count: 1,
        cache: null,
      });
      await post('/events', { name: 'some-event', data: '{"some":"data"}', channel: 'cache-c-one' });
      const { cache } = (await get('/channels/cache-c-one', { info: 'cache' })).json;
      assert.equal(cache.data, '{"some":"data"}');
    });

    check('a presence channel has its users [can return presence channel attributes]', async () => {
      await audience(['presence-c-one'], ['presence-c-one']);
      assertAnswer(await get('/channels/presence-c-one', { info: 'user_count' }), { occupied: true, user_count: 2 });
    });

    check('what was not asked for is not told [can return only the requested attributes]', async () => {
      await audience(['presence-c-asked']);
      assertAnswer(await get('/channels/presence-c-asked'), { occupied: true });
      assertAnswer(await get('/channels/presence-c-asked', { info: 'cache' }), { occupied: true, cache: null });
    });
  });

  describe('users of a channel', () => {
    check('a public channel has none [returns an error when presence channel not provided]', async () => {
      assert.equal((await get('/channels/u-public/users')).status, 400);
    });

    check('everybody is listed once [returns the user data, returns the unique user data]', async () => {
      const [, second] = await audience(['presence-u-list'], ['presence-u-list']);
      const third = await open();
      await third.subscribed('presence-u-list', member('2'));
      assert.ok(second.id !== third.id);
      const { users } = (await get('/channels/presence-u-list/users')).json;
      assert.deepEqual(users.map(({ id }) => id).sort(), ['1', '2']);
    });
  });

  describe('all channels', () => {
    check('users are counted for presence [can return all channel information]', async () => {
      await audience(['presence-all-a', 'all-b'], ['presence-all-a']);
      const answer = await get('/channels', { info: 'user_count', filter_by_prefix: 'presence-all-' });
      assertAnswer(answer, { channels: { 'presence-all-a': { user_count: 2 } } });
    });

    check('a prefix selects [can return filtered channels]', async () => {
      await audience(['filter-a', 'filter-b', 'other-filter']);
      assertAnswer(await get('/channels', { filter_by_prefix: 'filter-' }), {
        channels: { 'filter-a': {}, 'filter-b': {} },
      });
    });

    check('no attribute asked, none told [returns empty results if no metrics requested]', async () => {
      await audience(['presence-bare', 'bare']);
      const { channels } = (await get('/channels')).json;
      assert.deepEqual([channels['presence-bare'], channels.bare], [{}, {}]);
    });

    check('a channel that was left is gone [only returns occupied channels, removes a channel when no subscribers remain]', async () => {
      const [socket] = await audience(['occ-stay', 'occ-leave']);
      socket.unsubscribe('occ-leave');
      await socket.pong();
      assertAnswer(await get('/channels', { filter_by_prefix: 'occ-' }), { channels: { 'occ-stay': {} } });
    });
  });

  describe('connections', () => {
    // Sockets of the case before may still be closing, so the count is waited for.
    const count = (number) =>
      until(async () => (await get('/connections')).json.connections === number, `${number} connections`);

    check('every open socket counts [can return a connection count]', async () => {
      await count(0);
      await audience([], ['k-one']);
      assertAnswer(await get('/connections'), { connections: 2 });
    });

    check('a socket counts once [can return the correct connection count when subscribed to multiple channels]', async () => {
      await count(0);
      await audience(['k-one', 'k-two', 'presence-k']);
      assertAnswer(await get('/connections'), { connections: 1 });
    });
  });

  describe('events', () => {
    const event = { name: 'NewEvent', data: '{"some":"data"}' };

    check('one channel [can receive and event trigger, can publish and subscribe to a triggered event]', async () => {
      const [socket] = await audience(['e-one']);
      assertAnswer(await post('/events', { ...event, channel: 'e-one' }), {});
      assert.deepEqual(await socket.frames.take('NewEvent'), {
        event: 'NewEvent',
        channel: 'e-one',
        data: '{"some":"data"}',
      });
    });

    check('two channels [can receive and event trigger for multiple channels]', async () => {
      const [one, two] = await audience(['e-a'], ['e-b']);
      assertAnswer(await post('/events', { ...event, channels: ['e-a', 'e-b'] }), {});
      assert.equal((await one.frames.take('NewEvent')).channel, 'e-a');
      assert.equal((await two.frames.take('NewEvent')).channel, 'e-b');
    });

    check('users with the answer [can return user counts when requested]', async () => {
      await audience(['presence-e-info', 'e-info'], ['presence-e-info']);
      const answer = await post('/events', { ...event, channels: ['presence-e-info', 'e-info'], info: 'user_count' });
      assertAnswer(answer, { channels: { 'presence-e-info': { user_count: 2 }, 'e-info': {} } });
    });

    check('subscriptions with the answer [can return subscription counts when requested]', async () => {
      await audience(['presence-e-subs', 'e-subs'], ['e-subs']);
      const channels = ['presence-e-subs', 'e-subs'];
      const answer = await post('/events', { ...event, channels, info: 'subscription_count' });
      assertAnswer(answer, {
        channels: { 'presence-e-subs': { subscription_count: 1 }, 'e-subs': { subscription_count: 2 } },
      });
    });

    check('the causing socket is left out [can ignore a subscriber]', async () => {
      const [cause, other] = await audience(['e-ignore'], ['e-ignore']);
      await post('/events', { ...event, channel: 'e-ignore', socket_id: cause.id });
      await other.frames.take('NewEvent');
      await cause.pong();
      assert.deepEqual(cause.frames.named('NewEvent'), []);
    });

    check('an unknown or malformed id leaves nobody out [does not fail when ignoring an invalid subscriber]', async () => {
      const [socket] = await audience(['e-invalid']);
      for (const socketId of ['1.1', 'invalid-socket-id']) {
        assertAnswer(await post('/events', { ...event, channel: 'e-invalid', socket_id: socketId }), {});
        await socket.frames.take('NewEvent');
      }
    });

    for (const body of [
      { name: 'NewEvent', channel: 'e' },
      { name: 'NewEvent', channels: ['e'] },
      { ...event },
      { ...event, name: 5, channel: 'e' },
      { ...event, channel: 5 },
      { ...event, channels: 'e' },
      { ...event, data: ['array'], channel: 'e' },
      { ...event, channel: 'e', socket_id: 5 },
      { ...event, channel: 'e', info: 5 },
      [],
      'not JSON',
    ]) {
      check(`${JSON.stringify(body)} is refused [validates invalid data, fails when payload is invalid]`, async () => {
        assert.equal((await post('/events', body)).status, 400);
      });
    }

    check('too much data [cannot trigger an event over the max message size]', async () => {
      assert.equal((await post('/events', { ...event, channel: 'e', data: 'x'.repeat(10_241) })).status, 413);
    });

    check('as much as is allowed [can trigger an event within the max message size]', async () => {
      const [socket] = await audience(['e-max']);
      const data = 'x'.repeat(10_240);
      assertAnswer(await post('/events', { ...event, channel: 'e-max', data }), {});
      assert.equal((await socket.frames.take('NewEvent')).data, data);
    });

    check('a body of many packets arrives whole [buffers large requests correctly]', async () => {
      const [socket] = await audience(['e-large']);
      const channels = Array.from({ length: 99 }, (_, n) => `${'c'.repeat(190)}-${n}`);
      const data = 'x'.repeat(10_240);
      assertAnswer(await post('/events', { ...event, channels: [...channels, 'e-large'], data }), {});
      assert.equal((await socket.frames.take('NewEvent')).data, data);
    });
  });

  describe('batches', () => {
    const item = (channel, more = {}) => ({ name: 'NewEvent', data: '{"some":"data"}', channel, ...more });

    check('one event [can receive an event batch trigger]', async () => {
      const [socket] = await audience(['b-one']);
      assertAnswer(await post('/batch_events', { batch: [item('b-one')] }), {});
      await socket.frames.take('NewEvent');
    });

    check('several events [can receive an event batch trigger with multiple events]', async () => {
      const [socket] = await audience(['b-a', 'b-b']);
      assertAnswer(await post('/batch_events', { batch: [item('b-a'), item('b-b'), item('b-a', { name: 'Other' })] }), {});
      assert.equal((await socket.frames.take('NewEvent')).channel, 'b-a');
      assert.equal((await socket.frames.take('NewEvent')).channel, 'b-b');
      await socket.frames.take('Other');
    });

    check('counts for each [can receive an event batch trigger with multiple events and return info for each]', async () => {
      await audience(['presence-b-info', 'b-info'], ['presence-b-info']);
      const batch = [
        item('presence-b-info', { info: 'user_count' }),
        item('b-info', { info: 'subscription_count' }),
        item('presence-b-none', { info: 'user_count' }),
      ];
      assertAnswer(await post('/batch_events', { batch }), {
        batch: [{ user_count: 2 }, { subscription_count: 1 }, { user_count: 0 }],
      });
    });

    check('counts for some [can receive an event batch trigger with multiple events and return info for some]', async () => {
      await audience(['presence-b-some']);
      const batch = [item('presence-b-some', { info: 'user_count' }), item('b-some')];
      assertAnswer(await post('/batch_events', { batch }), { batch: [{ user_count: 1 }, {}] });
    });

    check('the causing socket is left out [does not fail when ignoring a local subscriber in a batch event]', async () => {
      const [cause, other] = await audience(['b-ignore'], ['b-ignore']);
      await post('/batch_events', { batch: [item('b-ignore', { socket_id: cause.id })] });
      await other.frames.take('NewEvent');
      await cause.pong();
      assert.deepEqual(cause.frames.named('NewEvent'), []);
    });

    for (const body of [{}, { batch: 'x' }, { batch: [{ name: 'NewEvent' }] }, { batch: [5] }, 'not JSON']) {
      check(`${JSON.stringify(body)} is refused [fails when payload is invalid]`, async () => {
        assert.equal((await post('/batch_events', body)).status, 400);
      });
    }
  });

  describe('users', () => {
    check('all sockets of the user end [unsubscribes from all channels and terminates a user]', async () => {
      const target = await open();
      const twin = await open();
      const other = await open();
      await target.subscribed('presence-t-one', member('77'));
      await target.subscribed('t-two');
      await twin.subscribed('presence-t-two', member('77'));
      await other.subscribed('presence-t-one', member('78'));
      assertAnswer(await post('/users/77/terminate_connections', {}), {});
      for (const socket of [target, twin]) {
        const { data } = await socket.frames.take('pusher:error');
        assert.equal(data.code, 4009);
        assert.equal((await socket.closed()).code, 4009);
      }
      assert.deepEqual(JSON.parse((await other.frames.take('pusher_internal:member_removed')).data), { user_id: '77' });
      assertAnswer(await get('/channels/presence-t-one', { info: 'user_count' }), { occupied: true, user_count: 1 });
      assertAnswer(await get('/channels/t-two'), { occupied: false });
    });
  });

  describe('every route', () => {
    const routes = [
      ['GET', '/channels'],
      ['GET', '/channels/r-one'],
      ['GET', '/channels/presence-r-one/users'],
      ['GET', '/connections'],
      ['POST', '/events', { name: 'e', data: '{}', channel: 'r-one' }],
      ['POST', '/batch_events', { batch: [{ name: 'e', data: '{}', channel: 'r-one' }] }],
      ['POST', '/users/1/terminate_connections', {}],
    ];

    for (const [method, path, body] of routes) {
      check(`${method} ${path} tells the length of its body [can send the content-length header]`, async () => {
        const answer = await here.server.request(method, path, { body });
        assert.equal(answer.status, 200, answer.text);
        assert.equal(answer.headers.get('content-length'), String(Buffer.byteLength(answer.text)));
      });

      check(`${method} ${path} is 401 when badly signed [fails when using an invalid signature]`, async () => {
        assert.equal((await here.server.request(method, path, { body, secret: 'invalid-secret' })).status, 401);
      });
    }

    check('an unknown app [fails when app cannot be found]', async () => {
      const answer = await fetch(`${here.server.url}/apps/no-such-app/events`, { method: 'POST', body: '{}' });
      assert.equal(answer.status, 404);
      await answer.text();
    });

    check('/up answers [can respond to a health check request]', async () => {
      const answer = await fetch(`${here.server.url}/up`);
      assert.deepEqual([answer.status, await answer.json()], [200, { health: 'OK' }]);
    });
  });
});

describe('reverb, sockets', () => {
  const here = fixture();
  const open = (options) => Socket.open(here.server, options);
  const publish = async (channel, data = '{"foo":"bar"}', name = 'App\\Events\\TestEvent') => {
    const answer = await here.server.request('POST', '/events', { body: { name, data, channel } });
    assert.equal(answer.status, 200, answer.text);
  };

  /** Passes when `socket` gets no frame of this name until a later pong. */
  async function assertSilent(socket, event) {
    await socket.pong();
    assert.deepEqual(socket.frames.named(event), []);
  }

  check('a socket gets its id [can handle a connection, can send an acknowledgement]', async () => {
    const socket = await open();
    assert.match(socket.id, /^\d+\.\d+$/);
    assert.equal(socket.established.activity_timeout, 30);
  });

  check('an unknown key [fails to connect when an invalid application is provided]', async () => {
    const socket = new Socket(here.server.socketUrl('invalid-key'));
    const { data } = await socket.frames.take('pusher:error');
    assert.equal(data.code, 4001);
    const { code, reason } = await socket.closed();
    assert.equal(code, 4001);
    assert.equal(reason, data.message);
  });

  for (const channel of ['test', 'private-test', 'cache-test', 'private-cache-test', 'private-encrypted-test']) {
    check(`${channel} answers with {} [can subscribe to a channel, a private, a cache, a private cache channel]`, async () => {
      const socket = await open();
      socket.subscribe(channel);
      const frame = await socket.frames.take('pusher_internal:subscription_succeeded');
      assert.deepEqual(frame, { event: 'pusher_internal:subscription_succeeded', channel, data: '{}' });
    });
  }

  for (const channel of ['presence-test', 'presence-cache-test']) {
    check(`${channel} answers with its members [can subscribe to a presence channel, a presence cache channel]`, async () => {
      const socket = await open();
      const { data } = await socket.subscribed(channel, member('1', 'Test User'));
      assert.deepEqual(data, { presence: { count: 1, ids: ['1'], hash: { 1: { name: 'Test User' } } } });
    });

    check(`${channel} tells of the one who comes [can notify other subscribers of a presence channel when a new member joins, sends notification of subscription with data]`, async () => {
      const [one, two] = await Promise.all([open(), open()]);
      await one.subscribed(channel, member('1'));
      await two.subscribed(channel, member('2', 'Two'));
      const frame = await one.frames.take('pusher_internal:member_added');
      assert.equal(frame.channel, channel);
      assert.deepEqual(JSON.parse(frame.data), { user_id: '2', user_info: { name: 'Two' } });
      await assertSilent(two, 'pusher_internal:member_added');
    });

    check(`${channel} tells of the one who goes [can notify other subscribers of a presence channel when a member leaves, sends notification of an unsubscribe]`, async () => {
      const [one, two, three] = await Promise.all([open(), open(), open()]);
      await one.subscribed(channel, member('1'));
      await two.subscribed(channel, member('2'));
      await three.subscribed(channel, member('3'));
      two.unsubscribe(channel);
      assert.deepEqual(JSON.parse((await one.frames.take('pusher_internal:member_removed')).data), { user_id: '2' });
      await three.drop();
      assert.deepEqual(JSON.parse((await one.frames.take('pusher_internal:member_removed')).data), { user_id: '3' });
    });
  }

  check('a user of two sockets is listed once [subscription_succeeded event contains unique list of users]', async () => {
    const [one, two, three] = await Promise.all([open(), open(), open()]);
    await one.subscribed('presence-unique', member('1'));
    await two.subscribed('presence-unique', member('1'));
    const { data } = await three.subscribed('presence-unique', member('2'));
    assert.deepEqual([data.presence.count, [...data.presence.ids].sort()], [2, ['1', '2']]);
  });

  check('two sockets of a user come once and go once [ensures the "member_added" event is only fired once, ... "member_removed" ...]', async () => {
    const [watcher, one, two] = await Promise.all([open(), open(), open()]);
    await watcher.subscribed('presence-once', member('1'));
    await one.subscribed('presence-once', member('2'));
    await two.subscribed('presence-once', member('2'));
    await watcher.frames.take('pusher_internal:member_added');
    await assertSilent(watcher, 'pusher_internal:member_added');
    one.unsubscribe('presence-once');
    await one.pong();
    await assertSilent(watcher, 'pusher_internal:member_removed');
    await two.drop();
    await watcher.frames.take('pusher_internal:member_removed');
    await assertSilent(watcher, 'pusher_internal:member_removed');
  });

  for (const prefix of ['cache-', 'private-cache-', 'presence-cache-']) {
    const options = prefix.startsWith('presence-') ? member('1') : {};

    check(`${prefix} replays [can receive a cached message when joining a cache, a private cache, a presence cache channel]`, async () => {
      const channel = `${prefix}replay`;
      const early = await open();
      await early.subscribed(channel, options);
      await publish(channel);
      await early.frames.take('App\\Events\\TestEvent');
      const late = await open();
      await late.subscribed(channel, options);
      assert.deepEqual(await late.frames.take('App\\Events\\TestEvent'), {
        event: 'App\\Events\\TestEvent',
        channel,
        data: '{"foo":"bar"}',
      });
      await assertSilent(late, 'pusher:cache_miss');
    });

    check(`${prefix} misses [can receive a cache missed message when joining a ... channel with an empty cache]`, async () => {
      const socket = await open();
      await socket.subscribed(`${prefix}empty`, options);
      assert.deepEqual(await socket.frames.take('pusher:cache_miss'), {
        event: 'pusher:cache_miss',
        channel: `${prefix}empty`,
      });
    });
  }

  check('an event from the server [can receive a message broadcast from the server, can broadcast to all connections of a channel]', async () => {
    const sockets = await Promise.all([open(), open(), open()]);
    for (const socket of sockets) await socket.subscribed('broadcast');
    await publish('broadcast');
    for (const socket of sockets) await socket.frames.take('App\\Events\\TestEvent');
  });

  check('a ping [can respond to a ping]', async () => {
    const socket = await open();
    socket.send({ event: 'pusher:ping' });
    assert.deepEqual(await socket.frames.take('pusher:pong'), { event: 'pusher:pong' });
  });

  check('a ping control frame [can handle a ping control frame]', async () => {
    const socket = await open();
    socket.ws.ping('are you there');
    assert.equal((await socket.controls.take('pong')).payload, 'are you there');
  });

  check('a pong control frame nobody asked for [can handle a pong control frame]', async () => {
    const socket = await open();
    socket.ws.pong('here I am');
    await socket.pong();
  });

  for (const channel of ['private-whisper', 'presence-whisper']) {
    check(`${channel}: others hear it [can handle a client whisper, can publish and subscribe to a client whisper, does not forward a message to itself]`, async () => {
      const [one, two] = await Promise.all([open(), open()]);
      const presence = channel.startsWith('presence-');
      await one.subscribed(channel, presence ? member('1') : {});
      await two.subscribed(channel, presence ? member('2') : {});
      const whisper = { event: 'client-start-typing', channel, data: { id: 123, name: 'Joe Dixon' } };
      one.send(whisper);
      const heard = await two.frames.take('client-start-typing');
      assert.deepEqual(heard, presence ? { ...whisper, user_id: '1' } : whisper);
      await assertSilent(one, 'client-start-typing');
    });
  }

  check('a stranger whispers [does not forward unauthenticated client message when in members mode]', async () => {
    const [stranger, reader] = await Promise.all([open(), open()]);
    await reader.subscribed('private-strangers');
    stranger.send({ event: 'client-hello', channel: 'private-strangers', data: {} });
    await stranger.frames.take('pusher:error');
    await assertSilent(reader, 'client-hello');
  });

  check('a whisper without data [allow receiving client event with empty data]', async () => {
    const [one, two] = await Promise.all([open(), open()]);
    await one.subscribed('private-bare');
    await two.subscribed('private-bare');
    one.send({ event: 'client-empty', channel: 'private-bare', data: {} });
    assert.deepEqual((await two.frames.take('client-empty')).data, {});
    one.send({ event: 'client-bare', channel: 'private-bare' });
    assert.equal((await two.frames.take('client-bare')).data ?? null, null);
  });

  check('many channels on one socket [can subscribe a connection to multiple channels]', async () => {
    const socket = await open();
    const names = ['multi-1', 'multi-2', 'private-multi-3', 'multi-4'];
    for (const name of names) await socket.subscribed(name);
    await socket.subscribed('presence-multi-5', member('1'));
    for (const name of [...names, 'presence-multi-5']) {
      await publish(name);
      assert.equal((await socket.frames.take('App\\Events\\TestEvent')).channel, name);
    }
  });

  check('many sockets on many channels [can subscribe multiple connections to multiple channels]', async () => {
    const [one, two] = await Promise.all([open(), open()]);
    await one.subscribed('mm-both');
    await one.subscribed('mm-one');
    await two.subscribed('mm-both');
    await publish('mm-one');
    await publish('mm-both');
    assert.equal((await one.frames.take('App\\Events\\TestEvent')).channel, 'mm-one');
    assert.equal((await one.frames.take('App\\Events\\TestEvent')).channel, 'mm-both');
    assert.equal((await two.frames.take('App\\Events\\TestEvent')).channel, 'mm-both');
    await assertSilent(two, 'App\\Events\\TestEvent');
  });

  for (const channel of ['private-bad', 'presence-bad', 'private-cache-bad', 'presence-cache-bad']) {
    for (const [situation, auth] of [
      ['invalid auth signature', 'clients-key:invalid-signature'],
      ['no auth token', null],
      ['an empty auth token', ''],
    ]) {
      check(`${channel} with ${situation} is refused and the socket lives [fails to subscribe to a ... channel with ${situation}]`, async () => {
        const socket = await open();
        const channelData = channel.startsWith('presence-') ? JSON.stringify(member('1').member) : undefined;
        const data = { channel, channel_data: channelData, ...(auth === null ? {} : { auth }) };
        socket.send({ event: 'pusher:subscribe', data });
        const refusal = await socket.frames.take('pusher:subscription_error');
        assert.equal(refusal.channel, channel);
        assert.equal(refusal.data.status, 401);
        assert.equal((await socket.frames.take('pusher:error')).data.code, 4009);
        await publish(channel);
        await assertSilent(socket, 'App\\Events\\TestEvent');
      });
    }
  }

  for (const [situation, frame] of [
    ['no JSON', 'hello'],
    ['JSON that is no object', '[1]'],
    ['no event', '{"data":{}}'],
    ['an event that is no string', { event: 5 }],
    ['data that is no object', { event: 'pusher:subscribe', data: 5 }],
    ['a channel that is no string', { event: 'pusher:subscribe', data: { channel: ['a'] } }],
    ['auth that is no string', { event: 'pusher:subscribe', data: { channel: 'private-a', auth: ['a'] } }],
    ['channel_data that is no string', { event: 'pusher:subscribe', data: { channel: 'presence-a', channel_data: [1] } }],
    [
      'channel_data that is no JSON, well signed',
      (socket) => ({
        event: 'pusher:subscribe',
        data: { channel: 'presence-a', auth: socket.sign('presence-a', 'x'), channel_data: 'x' },
      }),
    ],
    ['a top-level channel that is no string', { event: 'client-x', channel: { a: 1 }, data: {} }],
    ['an event the protocol does not know', { event: 'pusher:foo', data: {} }],
  ]) {
    check(`${situation} is answered with 4200 [sends an error if something fails, fails on unsupported message]`, async () => {
      const socket = await open();
      socket.send(typeof frame === 'function' ? frame(socket) : frame);
      assert.equal((await socket.frames.take('pusher:error')).data.code, 4200);
      await socket.subscribed('still-usable');
    });
  }

  check('a subscription to the empty name is refused here [can subscribe to an empty channel]', async () => {
    const socket = await open();
    socket.send({ event: 'pusher:subscribe', data: { channel: '' } });
    await socket.frames.take(({ event }) => event === 'pusher:subscription_error' || event === 'pusher:error');
    await socket.pong();
  });

  check('an unsubscribed channel is silent [can unsubscribe from a channel, can unsubscribe a connection from a channel]', async () => {
    const socket = await open();
    await socket.subscribed('unsub');
    socket.unsubscribe('unsub');
    await socket.pong();
    await publish('unsub');
    await assertSilent(socket, 'App\\Events\\TestEvent');
  });

  for (const [channel, options] of [['gone', {}], ['private-gone', {}], ['presence-gone', member('1')]]) {
    check(`${channel} is empty once its socket is gone [unsubscribes a user from a ... channel on disconnection]`, async () => {
      const socket = await open();
      await socket.subscribed(channel, options);
      await socket.drop();
      const vacated = async () => !(await here.server.request('GET', `/channels/${channel}`)).json.occupied;
      await until(vacated, `${channel} to be vacated`);
    });
  }
});

describe('reverb, server with a message limit', () => {
  const here = fixture({ settings: { max_message_bytes: 1_000 } });

  const sized = (bytes) => {
    const frame = (padding) => JSON.stringify({ event: 'pusher:ping', data: { padding } });
    return frame('x'.repeat(bytes - frame('').length));
  };

  check('a message of the limit passes [allows message within the max allowed size]', async () => {
    const socket = await Socket.open(here.server);
    socket.send(sized(1_000));
    await socket.frames.take('pusher:pong');
  });

  check('a longer one ends the socket with 1009 [limits the size of messages, rejects messages over the max allowed size]', async () => {
    const socket = await Socket.open(here.server);
    socket.send(sized(1_001));
    assert.equal((await socket.closed()).code, 1009);
  });
});

describe('reverb, server with allowed origins', () => {
  const here = fixture({ settings: { allowed_origins: 'school.example,*.campus.example' } });

  for (const origin of ['http://school.example', 'https://school.example:8443', 'https://a.campus.example']) {
    check(`${origin} connects [can connect from a valid origin]`, async () => {
      await Socket.open(here.server, { origin });
    });
  }

  for (const origin of ['http://elsewhere.example', 'http://school.example.elsewhere.example', undefined]) {
    check(`${origin ?? 'no origin'} is closed with 4009 [cannot connect from an invalid origin]`, async () => {
      const socket = new Socket(here.server.socketUrl(), { origin });
      assert.equal((await socket.frames.take('pusher:error')).data.code, 4009);
      assert.equal((await socket.closed()).code, 4009);
      assert.deepEqual(socket.frames.named('pusher:connection_established'), []);
    });
  }
});

describe('reverb, server with a limit of one connection', () => {
  const here = fixture({ settings: { max_connections: 1 } });

  check('the second is closed with 4004, subscribed or not [cannot connect when over the max connection limit]', async () => {
    const inside = await Socket.open(here.server);
    const outside = new Socket(here.server.socketUrl());
    assert.equal((await outside.frames.take('pusher:error')).data.code, 4004);
    assert.equal((await outside.closed()).code, 4004);
    await inside.pong();
  });
});

describe('reverb, server with a second app', () => {
  const second = { id: '2002', key: 'second-key', secret: 'b6a8d0c2e4f60718' };
  const here = fixture({
    prepare: (server) =>
      server.command('app', 'create', '--id', second.id, '--key', second.key, '--secret', second.secret),
  });

  check('the same channel of two apps is two channels [can handle connections to different applications]', async () => {
    const one = await Socket.open(here.server);
    const two = await Socket.open(here.server, { key: second.key });
    await one.subscribed('shared');
    await two.subscribed('shared');
    const body = { name: 'posted', data: '"first"', channel: 'shared' };
    assert.equal((await here.server.request('POST', '/events', { body })).status, 200);
    const other = { ...body, data: '"second"' };
    assert.equal((await here.server.request('POST', '/events', { body: other, app: second })).status, 200);
    assert.equal((await one.frames.take('posted')).data, '"first"');
    assert.equal((await two.frames.take('posted')).data, '"second"');
    for (const socket of [one, two]) {
      await socket.pong();
      assert.deepEqual(socket.frames.named('posted'), []);
    }
  });

  check('the secret of one app signs nothing of the other', async () => {
    const crossed = { ...second, secret: here.server.app.secret };
    assert.equal((await here.server.request('GET', '/channels', { app: crossed })).status, 401);
  });
});

describe('reverb, server with a path prefix', () => {
  const here = fixture({ path: '/ws' });

  check('the prefix leads to the server [server listens on a specific path]', async () => {
    await Socket.open(here.server);
    const answer = await fetch(`${here.server.url}/up`);
    assert.equal(answer.status, 200);
    await answer.text();
  });

  check('without it there is nothing [returns an error when the path prefix is not included in the request]', async () => {
    const url = here.server.socketUrl().replace('/ws/app/', '/app/');
    const socket = new Socket(url);
    await assert.rejects(within(socket.upgraded, () => 'an answer'), /404/);
  });

  check('a request may be signed with the prefix or without [can verify signature when using a custom server path]', async () => {
    assert.equal((await here.server.request('GET', '/channels')).status, 200);
    const { key, id } = here.server.app;
    const query = `auth_key=${key}&auth_timestamp=${Math.floor(Date.now() / 1000)}&auth_version=1.0`;
    const signature = here.server.auth(`GET\n/apps/${id}/channels\n${query}`).split(':')[1];
    const answer = await fetch(`${here.server.url}/apps/${id}/channels?${query}&auth_signature=${signature}`);
    assert.equal(answer.status, 200);
    await answer.text();
  });
});

describe('reverb, client events', () => {
  describe('from members, public channels too', () => {
    const here = fixture({ settings: { client_events_on_public: true } });

    check('a subscriber of a public channel is heard [can forward a client message, can handle an event]', async () => {
      const [one, two] = [await Socket.open(here.server), await Socket.open(here.server)];
      await one.subscribed('open');
      await two.subscribed('open');
      one.send({ event: 'client-test', channel: 'open', data: { foo: 'bar' } });
      assert.deepEqual(await two.frames.take('client-test'), {
        event: 'client-test',
        channel: 'open',
        data: { foo: 'bar' },
      });
    });
  });

  describe('from all', () => {
    const here = fixture({ settings: { client_events: 'all', client_events_on_public: true } });

    check('somebody who is not subscribed is heard [forwards a client message for unauthenticated client when set to all]', async () => {
      const [one, two] = [await Socket.open(here.server), await Socket.open(here.server)];
      await two.subscribed('open');
      one.send({ event: 'client-test', channel: 'open', data: { foo: 'bar' } });
      assert.deepEqual((await two.frames.take('client-test')).data, { foo: 'bar' });
    });
  });

  describe('from nobody', () => {
    const here = fixture({ settings: { client_events: 'none' } });

    check('a member is refused with 4301 [does not forward client message when set to none]', async () => {
      const [one, two] = [await Socket.open(here.server), await Socket.open(here.server)];
      await one.subscribed('private-closed');
      await two.subscribed('private-closed');
      one.send({ event: 'client-test', channel: 'private-closed', data: {} });
      assert.equal((await one.frames.take('pusher:error')).data.code, 4301);
      await two.pong();
      assert.deepEqual(two.frames.named('client-test'), []);
    });
  });
});

describe('reverb, frame limit', () => {
  describe('that only refuses', () => {
    const here = fixture({ settings: { frame_limit: 2, frame_limit_seconds: 60 } });

    check('the third frame is refused with 4301 [rejects a message when the rate limit is exceeded]', async () => {
      const socket = await Socket.open(here.server);
      for (let n = 0; n < 3; n += 1) socket.send({ event: 'pusher:ping', data: {} });
      assert.equal((await socket.frames.take('pusher:error')).data.code, 4301);
      assert.equal(socket.frames.named('pusher:pong').length, 2);
    });
  });

  describe('that closes', () => {
    const here = fixture({ settings: { frame_limit: 2, frame_limit_seconds: 60, frame_limit_closes: true } });

    check('the third frame ends the socket [terminates the connection when rate limit is exceeded and configured to terminate]', async () => {
      const socket = await Socket.open(here.server);
      for (let n = 0; n < 3; n += 1) socket.send({ event: 'pusher:ping', data: {} });
      assert.equal((await socket.frames.take('pusher:error')).data.code, 4301);
      await socket.closed();
    });
  });

  describe('that is off', () => {
    const here = fixture();

    check('a hundred frames pass [allows unlimited messages when no rate limit is configured]', async () => {
      const socket = await Socket.open(here.server);
      for (let n = 0; n < 100; n += 1) socket.send({ event: 'pusher:ping', data: {} });
      for (let n = 0; n < 100; n += 1) await socket.frames.take('pusher:pong');
      assert.deepEqual(socket.frames.named('pusher:error'), []);
    });
  });
});

describe('reverb, server that pings after a second', () => {
  const here = fixture({ settings: { ping_interval: 1 }, env: { CAMPANILE_PONG_TIMEOUT: '3' } });
  const query = 'protocol=7&client=js&version=8.6.0';

  check('a silent browser gets pusher:ping [it can ping inactive subscribers, pings inactive connections, uses pusher control messages by default]', async () => {
    const socket = await Socket.open(here.server, { query });
    assert.equal((await socket.frames.take('pusher:ping')).event, 'pusher:ping');
    socket.send({ event: 'pusher:pong', data: {} });
    await socket.frames.take('pusher:ping');
  });

  check('a client that uses control frames gets one [uses control frames when the client prefers]', async () => {
    const socket = await Socket.open(here.server, { query });
    socket.ws.ping();
    await socket.controls.take('pong');
    await socket.controls.take('ping');
    assert.deepEqual(socket.frames.named('pusher:ping'), []);
  });

  check('one that stays silent is closed with 4201 [it can disconnect inactive subscribers, cleans up stale connections]', async () => {
    const socket = await Socket.open(here.server, { query, autoPong: false });
    await socket.subscribed('stale');
    await socket.frames.take('pusher:ping');
    assert.equal((await socket.closed()).code, 4201);
    assert.equal(socket.frames.named('pusher:error')[0].data.code, 4201);
    assert.equal((await here.server.request('GET', '/channels/stale')).json.occupied, false);
  });
});
