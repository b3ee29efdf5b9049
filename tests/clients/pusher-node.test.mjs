// Every method of the stock node server SDK, and the refusals an application has to expect from the HTTP API.

import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { after, afterEach, before, describe } from 'node:test';

import PusherHttp from 'pusher';

import { startAuth } from './support/auth.mjs';
import { check } from './support/check.mjs';
import { Latest, connected, disconnectAll, reached, record, settled, subscribed } from './support/pusher-js.mjs';
import { startServer } from './support/server.mjs';
import { Socket, dropAll } from './support/socket.mjs';

describe('pusher (node)', () => {
  let server;
  let auth;
  let sdk;

  before(async () => {
    server = await startServer();
    auth = await startAuth(server);
    sdk = server.sdk();
  });
  afterEach(() => {
    disconnectAll();
    dropAll();
  });
  after(async () => {
    await auth?.stop();
    await server?.stop();
  });

  const join = (user) => connected(Latest, server, { auth, user });

  /** Status and decoded body of an answered request. */
  async function answer(response) {
    const { status } = await response;
    assert.equal(status, 200);
    return (await response).json();
  }

  /** Passes when the request is refused with `status`; answers the body. */
  async function refused(request, status) {
    const error = await request.then(
      () => assert.fail(`accepted, ${status} expected`),
      (reason) => reason,
    );
    assert.ok(error instanceof PusherHttp.RequestError, String(error));
    assert.equal(error.status, status, error.body);
    assert.ok(error.body.length > 0, 'the answer gives no reason');
    return error.body;
  }

  describe('trigger', () => {
    check('one channel gets the event and the answer is an empty object', async () => {
      const channel = await subscribed(await join(), 'news');
      assert.deepEqual(await answer(sdk.trigger('news', 'posted', { id: 1 })), {});
      assert.deepEqual((await channel.inbox.take('posted')).data, { id: 1 });
    });

    check('many channels get the event, once each although one is named twice', async () => {
      const pusher = await join('1');
      const names = ['many-a', 'private-many-b', 'presence-many-c'];
      const channels = await Promise.all(names.map((name) => subscribed(pusher, name)));
      await sdk.trigger([...names, 'many-a'], 'posted', { id: 2 });
      for (const channel of channels) assert.deepEqual((await channel.inbox.take('posted')).data, { id: 2 });
      await settled(pusher, sdk);
      for (const channel of channels) assert.deepEqual(channel.inbox.named('posted'), []);
    });

    check('a hundred channels are accepted and a hundred and one are refused', async () => {
      const names = Array.from({ length: 101 }, (_, index) => `wide-${index}`);
      assert.deepEqual(await answer(sdk.trigger(names.slice(0, 100), 'posted', {})), {});
      await refused(sdk.post({ path: '/events', body: { name: 'posted', data: '{}', channels: names } }), 400);
    });

    check('socket_id leaves that socket out and an unknown one leaves nobody out', async () => {
      const [one, two] = await Promise.all([join(), join()]);
      const [own, others] = await Promise.all([subscribed(one, 'others'), subscribed(two, 'others')]);
      await sdk.trigger('others', 'posted', { n: 1 }, { socket_id: one.connection.socket_id });
      await sdk.trigger('others', 'posted', { n: 2 }, { socket_id: '1.1' });
      assert.deepEqual((await own.inbox.take('posted')).data, { n: 2 });
      assert.deepEqual((await others.inbox.take('posted')).data, { n: 1 });
      assert.deepEqual((await others.inbox.take('posted')).data, { n: 2 });
    });

    check('info gives the counts of each channel with the answer', async () => {
      await subscribed(await join('1'), 'presence-info');
      await subscribed(await join('1'), 'presence-info');
      await subscribed(await join('1'), 'info');
      const names = ['presence-info', 'info', 'info-empty'];
      const { channels } = await answer(sdk.trigger(names, 'posted', {}, { info: 'user_count,subscription_count' }));
      assert.deepEqual(channels, {
        'presence-info': { user_count: 1, subscription_count: 2 },
        info: { subscription_count: 1 },
        'info-empty': { subscription_count: 0 },
      });
    });

    check('data arrives byte for byte', async () => {
      const socket = await Socket.open(server);
      await socket.subscribed('bytes');
      const data = '{"path":"a\\/b","name":"J\\u00fcrgen Jürgen 🔔","line":"1\\n2"}';
      await sdk.trigger('bytes', 'posted', data);
      assert.deepEqual(await socket.frames.take('posted'), { event: 'posted', channel: 'bytes', data });
    });

    check('an encrypted event is decrypted by pusher-js', async () => {
      const channel = await subscribed(await join('1'), 'private-encrypted-node');
      await sdk.trigger('private-encrypted-node', 'posted', { secret: true });
      assert.deepEqual((await channel.inbox.take('posted')).data, { secret: true });
    });

    check('events of one channel arrive in the order they were sent', async () => {
      const channel = await subscribed(await join(), 'ordered');
      const numbers = Array.from({ length: 50 }, (_, n) => n);
      for (const n of numbers) await sdk.trigger('ordered', 'posted', n);
      const seen = [];
      while (seen.length < numbers.length) seen.push((await channel.inbox.take('posted')).data);
      assert.deepEqual(seen, numbers);
    });
  });

  describe('triggerBatch', () => {
    check('every event of a batch arrives, in order', async () => {
      const pusher = await join('1');
      const [open, closed] = [await subscribed(pusher, 'batch'), await subscribed(pusher, 'private-encrypted-batch')];
      const batch = Array.from({ length: 9 }, (_, n) => ({ channel: 'batch', name: 'posted', data: { n } }));
      batch.push({ channel: 'private-encrypted-batch', name: 'posted', data: { n: 9 } });
      assert.deepEqual(await answer(sdk.triggerBatch(batch)), {});
      for (let n = 0; n < 9; n += 1) assert.deepEqual((await open.inbox.take('posted')).data, { n });
      assert.deepEqual((await closed.inbox.take('posted')).data, { n: 9 });
    });

    check('info is answered for each event that asks for it, at its place', async () => {
      await subscribed(await join('1'), 'presence-batch-info');
      const { batch } = await answer(
        sdk.triggerBatch([
          { channel: 'batch-info', name: 'posted', data: {}, info: 'subscription_count' },
          { channel: 'batch-info', name: 'posted', data: {} },
          { channel: 'presence-batch-info', name: 'posted', data: {}, info: 'user_count' },
        ]),
      );
      assert.deepEqual(batch, [{ subscription_count: 0 }, {}, { user_count: 1 }]);
    });

    check('socket_id works for a single event of a batch', async () => {
      const pusher = await join();
      const channel = await subscribed(pusher, 'batch-others');
      await sdk.triggerBatch([
        { channel: 'batch-others', name: 'hidden', data: {}, socket_id: pusher.connection.socket_id },
        { channel: 'batch-others', name: 'shown', data: {} },
      ]);
      await channel.inbox.take('shown');
      assert.deepEqual(channel.inbox.named('hidden'), []);
    });

    check('eleven events are refused and none of them is sent', async () => {
      const pusher = await join();
      const channel = await subscribed(pusher, 'eleven');
      await refused(
        sdk.triggerBatch(Array.from({ length: 11 }, () => ({ channel: 'eleven', name: 'posted', data: {} }))),
        400,
      );
      await settled(pusher, sdk);
      assert.deepEqual(channel.inbox.named('posted'), []);
    });

    check('one bad event refuses the whole batch', async () => {
      const pusher = await join();
      const channel = await subscribed(pusher, 'one-bad');
      await refused(
        sdk.triggerBatch([
          { channel: 'one-bad', name: 'posted', data: {} },
          { channel: 'not a name', name: 'posted', data: {} },
        ]),
        400,
      );
      await settled(pusher, sdk);
      assert.deepEqual(channel.inbox.named('posted'), []);
    });
  });

  describe('users', () => {
    check('sendToUser reaches the user who signed in', async () => {
      const pusher = await join('5');
      const inbox = record(pusher.user, 'user');
      pusher.signin();
      await pusher.user.signinDonePromise;
      assert.deepEqual(await answer(sdk.sendToUser('5', 'notice', { n: 1 })), {});
      assert.deepEqual((await inbox.take('notice')).data, { n: 1 });
    });

    check('terminateUserConnections ends the sockets of the user, and of nobody is no error', async () => {
      const pusher = await join('6');
      pusher.signin();
      await pusher.user.signinDonePromise;
      assert.deepEqual(await answer(sdk.terminateUserConnections('6')), {});
      await reached(pusher, 'disconnected');
      assert.deepEqual(await answer(sdk.terminateUserConnections('no-such-user')), {});
    });

    check('authenticateUser is accepted and the answer carries what was signed', async () => {
      const socket = await Socket.open(server);
      const { auth: signature, user_data: text } = sdk.authenticateUser(socket.id, { id: '7', user_info: { n: 1 } });
      socket.signin(JSON.parse(text), signature);
      assert.deepEqual((await socket.frames.take('pusher:signin_success')).data, { user_data: text });
    });
  });

  describe('authorizeChannel', () => {
    for (const [channel, member] of [
      ['private-signed'],
      ['private-encrypted-signed'],
      ['presence-signed', { user_id: '8', user_info: { name: 'Grüße / "8"' } }],
    ]) {
      check(`a signature for ${channel} is accepted`, async () => {
        const socket = await Socket.open(server);
        const { auth: signature, channel_data: channelData } = sdk.authorizeChannel(socket.id, channel, member);
        const { data } = await socket.subscribed(channel, { auth: signature, channelData });
        if (member) assert.deepEqual(data.presence, { count: 1, ids: ['8'], hash: { 8: member.user_info } });
      });
    }

    check('a signature for another socket, channel or member is refused', async () => {
      const socket = await Socket.open(server);
      const member = { user_id: '8' };
      const signed = [
        ['private-stolen', sdk.authorizeChannel('1.1', 'private-stolen').auth],
        ['private-stolen', sdk.authorizeChannel(socket.id, 'private-mine').auth],
        ['presence-stolen', sdk.authorizeChannel(socket.id, 'presence-stolen', member).auth, '{"user_id":"9"}'],
      ];
      for (const [channel, signature, channelData] of signed) {
        socket.subscribe(channel, { auth: signature, channelData });
        const error = await socket.frames.take('pusher:subscription_error');
        assert.equal(error.channel, channel);
        assert.equal(error.data.status, 401);
      }
      await socket.pong();
    });
  });

  describe('get', () => {
    check('channels lists occupied channels, by prefix and with counts', async () => {
      const member = await join('1');
      await subscribed(member, 'presence-listed');
      await subscribed(member, 'listed');
      await subscribed(member, 'private-listed');
      const all = await answer(sdk.get({ path: '/channels' }));
      for (const name of ['presence-listed', 'listed', 'private-listed']) assert.deepEqual(all.channels[name], {});
      assert.equal(all.channels['presence-empty'], undefined);

      const params = { filter_by_prefix: 'presence-l', info: 'user_count' };
      assert.deepEqual(await answer(sdk.get({ path: '/channels', params })), {
        channels: { 'presence-listed': { user_count: 1 } },
      });
      const nothing = { filter_by_prefix: 'no-such-prefix-' };
      assert.deepEqual(await answer(sdk.get({ path: '/channels', params: nothing })), { channels: {} });
    });

    check('channel tells whether it is occupied and how many are there', async () => {
      await subscribed(await join('1'), 'presence-one');
      await subscribed(await join('1'), 'presence-one');
      await subscribed(await join('2'), 'presence-one');
      assert.deepEqual(await answer(sdk.get({ path: '/channels/presence-one' })), { occupied: true });
      const params = { info: 'user_count,subscription_count' };
      assert.deepEqual(await answer(sdk.get({ path: '/channels/presence-one', params })), {
        occupied: true,
        user_count: 2,
        subscription_count: 3,
      });
      assert.deepEqual(await answer(sdk.get({ path: '/channels/nobody' })), { occupied: false });
    });

    check('channel shows what a cache channel keeps', async () => {
      const params = { info: 'cache' };
      assert.equal((await answer(sdk.get({ path: '/channels/cache-shown', params }))).cache, null);
      await sdk.trigger('cache-shown', 'posted', { n: 1 });
      const { cache } = await answer(sdk.get({ path: '/channels/cache-shown', params }));
      assert.equal(cache.data, '{"n":1}');
      assert.ok(Number.isInteger(cache.ttl) && cache.ttl > 0 && cache.ttl <= 1800, `ttl ${cache.ttl}`);
    });

    check('users lists every user of a presence channel once, ids as strings', async () => {
      await subscribed(await join('1'), 'presence-users');
      await subscribed(await join('1'), 'presence-users');
      await subscribed(await join('2'), 'presence-users');
      const { users } = await answer(sdk.get({ path: '/channels/presence-users/users' }));
      assert.deepEqual(users.map(({ id }) => id).sort(), ['1', '2']);
      assert.deepEqual(await answer(sdk.get({ path: '/channels/presence-nobody/users' })), { users: [] });
    });

    check('a channel name may be escaped in the path', async () => {
      await subscribed(await join('1'), 'presence-a@b');
      const { users } = await answer(sdk.get({ path: '/channels/presence-a@b/users' }));
      assert.deepEqual(users, [{ id: '1' }]);
      const escaped = await server.request('GET', '/channels/presence-a%40b/users');
      assert.deepEqual([escaped.status, escaped.json], [200, { users: [{ id: '1' }] }]);
    });
  });

  check('webhook accepts what was signed with the secret and nothing else', () => {
    const rawBody = '{"time_ms":1700000000123,"events":[{"name":"channel_occupied","channel":"room"}]}';
    const headers = {
      'x-pusher-key': server.app.key,
      'x-pusher-signature': createHmac('sha256', server.app.secret).update(rawBody).digest('hex'),
      'content-type': 'application/json',
    };
    assert.equal(sdk.webhook({ headers, rawBody }).isValid(), true);
    assert.equal(sdk.webhook({ headers, rawBody: `${rawBody} ` }).isValid(), false);
  });

  describe('refusals', () => {
    check('a wrong secret is 401', async () => {
      const stranger = server.sdk({ secret: 'another-secret-0123' });
      await refused(stranger.trigger('news', 'posted', {}), 401);
      await refused(stranger.get({ path: '/channels' }), 401);
    });

    check('a wrong key is 401', async () => {
      await refused(server.sdk({ key: 'another-key' }).trigger('news', 'posted', {}), 401);
    });

    check('an unknown app is 404', async () => {
      await refused(server.sdk({ appId: '4711' }).trigger('news', 'posted', {}), 404);
    });

    check('a request without signature, or with a changed parameter, is 401', async () => {
      const bare = await fetch(`${server.url}/apps/${server.app.id}/channels`);
      assert.equal(bare.status, 401);
      await bare.text();
      const tamper = (params) => ({ ...params, filter_by_prefix: 'b' });
      const changed = await server.request('GET', '/channels', { query: { filter_by_prefix: 'a' }, tamper });
      assert.equal(changed.status, 401);
    });

    check('a body that is not the signed one is 401', async () => {
      const body = JSON.stringify({ name: 'posted', data: '{}', channels: ['news'] });
      const query = sdk.createSignedQueryString({ method: 'POST', path: `/apps/${server.app.id}/events`, body });
      const answered = await fetch(`${server.url}/apps/${server.app.id}/events?${query}`, {
        method: 'POST',
        body: body.replace('news', 'else'),
      });
      assert.equal(answered.status, 401);
      await answered.text();
    });

    for (const [age, status] of [[550, 200], [700, 401]]) {
      check(`a request signed ${age} s ago is answered with ${status}`, async () => {
        const timestamp = Math.floor(Date.now() / 1000) - age;
        const path = `/apps/${server.app.id}/channels`;
        const query = `auth_key=${server.app.key}&auth_timestamp=${timestamp}&auth_version=1.0`;
        const signature = createHmac('sha256', server.app.secret).update(`GET\n${path}\n${query}`).digest('hex');
        const answered = await fetch(`${server.url}${path}?${query}&auth_signature=${signature}`);
        assert.equal(answered.status, status);
        await answered.text();
      });
    }

    check('10240 bytes of data pass, one byte more is 413, counted in bytes', async () => {
      const post = (data) => server.request('POST', '/events', { body: { name: 'posted', data, channels: ['big'] } });
      assert.equal((await post('x'.repeat(10_240))).status, 200);
      const over = await post('x'.repeat(10_241));
      assert.equal(over.status, 413);
      assert.match(over.text, /10.?240/, 'the answer does not name the limit');
      assert.equal((await post('ü'.repeat(5_120))).status, 200);
      assert.equal((await post('ü'.repeat(5_121))).status, 413);
    });

    check('data over the limit inside a batch is 413 and nothing of the batch is sent', async () => {
      const pusher = await join();
      const channel = await subscribed(pusher, 'big-batch');
      const batch = [
        { channel: 'big-batch', name: 'posted', data: '{}' },
        { channel: 'big-batch', name: 'posted', data: 'x'.repeat(10_241) },
      ];
      assert.equal((await server.request('POST', '/batch_events', { body: { batch } })).status, 413);
      await settled(pusher, sdk);
      assert.deepEqual(channel.inbox.named('posted'), []);
    });

    const event = { name: 'posted', data: '{}', channels: ['news'] };
    const without = (field) => Object.fromEntries(Object.entries(event).filter(([name]) => name !== field));
    for (const [situation, body] of [
      ['a body that is not JSON', 'abc'],
      ['a body that is JSON but no object', '[1]'],
      ['an event without name', without('name')],
      ['an event without data', without('data')],
      ['an event without channel', without('channels')],
      ['an empty list of channels', { ...event, channels: [] }],
      ['data that is no string', { ...event, data: { a: 1 } }],
      ['a channel name with a space', { ...event, channels: ['a b'] }],
      ['a channel name of 201 characters', { ...event, channels: ['c'.repeat(201)] }],
      ['an event name of 201 characters', { ...event, name: 'e'.repeat(201) }],
      ['an event name of the protocol itself', { ...event, name: 'pusher:error' }],
      ['an internal event name', { ...event, name: 'pusher_internal:member_added' }],
    ]) {
      check(`${situation} is 400`, async () => {
        assert.equal((await server.request('POST', '/events', { body })).status, 400);
      });
    }

    check('an empty body is 400', async () => {
      assert.equal((await server.request('POST', '/events')).status, 400);
    });

    check('users of a channel without presence is 400', async () => {
      await refused(sdk.get({ path: '/channels/news/users' }), 400);
    });

    check('user_count of a channel without presence is 400', async () => {
      await refused(sdk.get({ path: '/channels/news', params: { info: 'user_count' } }), 400);
      await refused(sdk.get({ path: '/channels', params: { info: 'user_count' } }), 400);
    });

    check('an unknown route is 404 and a wrong method is 405', async () => {
      assert.equal((await server.request('GET', '/no-such-thing')).status, 404);
      assert.equal((await server.request('GET', '/events')).status, 405);
    });
  });
});
