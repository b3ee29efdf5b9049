// Stock pusher-js 7.0, 7.6 and 8.x against the server: what an application sees through the client it already has.

import assert from 'node:assert/strict';
import { after, afterEach, before, describe } from 'node:test';

import { startAuth } from './support/auth.mjs';
import { check } from './support/check.mjs';
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
  versions,
} from './support/pusher-js.mjs';
import { startServer } from './support/server.mjs';
import { Inbox, within } from './support/wait.mjs';

// pusher-js comes back 1 s after a connection it lost. Longer than that, and a client that is quiet stays quiet.
const RETRY_WINDOW_MS = 1_600;
// A first attempt that meets a closed port makes pusher-js wait out its 15 s before it tries again.
const COME_BACK_MS = 45_000;

/** Starts a server and its auth endpoint for one `describe`; both are in the object from the first test on. */
function fixture(options) {
  const here = {};
  before(async () => {
    here.server = await startServer(options);
    here.auth = await startAuth(here.server);
    here.sdk = here.server.sdk();
  });
  afterEach(disconnectAll);
  after(async () => {
    await here.auth?.stop();
    await here.server?.stop();
  });
  return here;
}

/** Passes when the client is `disconnected` and does not try to connect again. */
async function staysDisconnected(pusher) {
  await reached(pusher, 'disconnected');
  pusher.states.clear();
  await assert.rejects(
    pusher.states.take(() => true, RETRY_WINDOW_MS),
    /waited/,
    'the client tried to connect again',
  );
  assert.equal(pusher.connection.state, 'disconnected');
}

for (const { name, Pusher, users } of versions) {
  const newer = users ? {} : { skip: 'this version has no sign-in' };

  describe(`pusher-js ${name}`, () => {
    const here = fixture();
    const join = (user) => connected(Pusher, here.server, { auth: here.auth, user });

    check('a client connects and is told its socket id', async () => {
      const pusher = await join();
      assert.match(pusher.connection.socket_id, /^\d+\.\d+$/);
      assert.deepEqual(pusher.errors.items, []);
    });

    check('two clients get different socket ids', async () => {
      const [one, two] = await Promise.all([join(), join()]);
      assert.notEqual(one.connection.socket_id, two.connection.socket_id);
    });

    check('an event published on a public channel arrives with its data decoded', async () => {
      const channel = await subscribed(await join(), 'room');
      const data = { id: 1, text: 'Grüße / «1» 🔔', list: [1, null, true] };
      await here.sdk.trigger('room', 'App\\Events\\OrderShipped', data);
      assert.deepEqual((await channel.inbox.take('App\\Events\\OrderShipped')).data, data);
    });

    check('data that is not JSON arrives as the string it is', async () => {
      const channel = await subscribed(await join(), 'room');
      await here.sdk.trigger('room', 'plain', 'no JSON: {');
      assert.equal((await channel.inbox.take('plain')).data, 'no JSON: {');
    });

    check('an event excludes the socket that caused it', async () => {
      const [cause, other] = await Promise.all([join(), join()]);
      const [own, others] = await Promise.all([subscribed(cause, 'room'), subscribed(other, 'room')]);
      await here.sdk.trigger('room', 'changed', {}, { socket_id: cause.connection.socket_id });
      await others.inbox.take('changed');
      await settled(cause, here.sdk);
      assert.deepEqual(own.inbox.named('changed'), []);
    });

    check('an unsubscribed channel delivers nothing more, and a second unsubscribe is harmless', async () => {
      const pusher = await join();
      const channel = await subscribed(pusher, 'room');
      pusher.unsubscribe('room');
      pusher.unsubscribe('room');
      pusher.unsubscribe('never-subscribed');
      await settled(pusher, here.sdk);
      await here.sdk.trigger('room', 'late', {});
      await settled(pusher, here.sdk);
      assert.deepEqual(channel.inbox.named('late'), []);
    });

    check('an event reaches a private channel', async () => {
      const channel = await subscribed(await join('1'), 'private-App.Models.User.1');
      await here.sdk.trigger('private-App.Models.User.1', 'told', { n: 7 });
      assert.deepEqual((await channel.inbox.take('told')).data, { n: 7 });
    });

    check('a guest is refused by the auth endpoint and hears of it as subscription_error', async () => {
      const channel = subscribe(await join(), 'private-room');
      const { data } = await channel.inbox.take('pusher:subscription_error');
      assert.equal(data.status, 403);
    });

    check('a wrong signature ends in subscription_error 401 and the client stays connected', async () => {
      const pusher = await join('1');
      here.auth.forged.add('private-forged');
      const channel = subscribe(pusher, 'private-forged');
      const { data } = await channel.inbox.take('pusher:subscription_error');
      assert.equal(data.type, 'AuthError');
      assert.equal(data.status, 401);
      const error = await pusher.errors.take(() => true);
      assert.equal(error.error?.data?.code ?? error.data?.code, 4009);
      await here.sdk.trigger('private-forged', 'secret', {});
      await settled(pusher, here.sdk);
      assert.deepEqual(channel.inbox.named('secret'), []);
    });

    check('a presence member sees who is there, itself included', async () => {
      here.auth.people.set('41', { name: 'Bob', tags: ['a', 'b'] });
      await subscribed(await join('41'), 'presence-list');
      const channel = await subscribed(await join('42'), 'presence-list');
      assert.equal(channel.members.count, 2);
      assert.deepEqual(channel.members.me, { id: '42', info: { name: 'User 42' } });
      assert.equal(channel.members.myID, '42');
      const seen = {};
      channel.members.each(({ id, info }) => {
        seen[id] = info;
      });
      assert.deepEqual(seen, { 41: { name: 'Bob', tags: ['a', 'b'] }, 42: { name: 'User 42' } });
    });

    check('only the first socket of a user is announced and only the last one is missed', async () => {
      const watcher = await subscribed(await join('1'), 'presence-tabs');
      const first = await join('2');
      const second = await join('2');
      await subscribed(first, 'presence-tabs');
      const added = await watcher.inbox.take('pusher:member_added');
      assert.deepEqual(added.data, { id: '2', info: { name: 'User 2' } });
      const tab = await subscribed(second, 'presence-tabs');
      assert.equal(tab.members.count, 2);

      first.unsubscribe('presence-tabs');
      await settled(first, here.sdk);
      await settled(watcher.pusher, here.sdk);
      assert.deepEqual(watcher.inbox.named('pusher:member_added'), []);
      assert.deepEqual(watcher.inbox.named('pusher:member_removed'), []);
      assert.equal(watcher.members.count, 2);

      await gone(second);
      const removed = await watcher.inbox.take('pusher:member_removed');
      assert.equal(removed.data.id, '2');
      assert.equal(watcher.members.count, 1);
    });

    check('a presence member who unsubscribes is missed at once', async () => {
      const watcher = await subscribed(await join('1'), 'presence-leave');
      const leaver = await join('2');
      await subscribed(leaver, 'presence-leave');
      await watcher.inbox.take('pusher:member_added');
      leaver.unsubscribe('presence-leave');
      assert.equal((await watcher.inbox.take('pusher:member_removed')).data.id, '2');
    });

    check('an encrypted event is decrypted by the client', async () => {
      const channel = await subscribed(await join('1'), 'private-encrypted-vault');
      await here.sdk.trigger('private-encrypted-vault', 'balance', { amount: 10 });
      assert.deepEqual((await channel.inbox.take('balance')).data, { amount: 10 });
    });

    for (const prefix of ['cache', 'private-cache', 'presence-cache', 'private-encrypted-cache']) {
      check(`an empty ${prefix} channel reports a miss, a used one replays its last event`, async () => {
        const channel = `${prefix}-prices`;
        const early = await subscribed(await join('1'), channel);
        await early.inbox.take('pusher:cache_miss');
        await here.sdk.trigger(channel, 'older', { price: 1 });
        await here.sdk.trigger(channel, 'newer', { price: 2 });
        await early.inbox.take('newer');
        const pusher = await join('2');
        const late = await subscribed(pusher, channel);
        assert.deepEqual((await late.inbox.take('newer')).data, { price: 2 });
        await settled(pusher, here.sdk);
        assert.deepEqual(late.inbox.named('older'), []);
        assert.deepEqual(late.inbox.named('pusher:cache_miss'), []);
      });
    }

    check('an event published before anybody listens is replayed by a cache channel', async () => {
      await here.sdk.trigger('cache-early', 'first', { n: 1 });
      const channel = await subscribed(await join(), 'cache-early');
      assert.deepEqual((await channel.inbox.take('first')).data, { n: 1 });
    });

    check('a client event on a private channel reaches the others and not its sender', async () => {
      const [sender, reader] = await Promise.all([join('1'), join('2')]);
      const own = await subscribed(sender, 'private-chat');
      const others = await subscribed(reader, 'private-chat');
      assert.equal(own.trigger('client-typing', { who: 'Ada', at: [1, 2] }), true);
      assert.deepEqual((await others.inbox.take('client-typing')).data, { who: 'Ada', at: [1, 2] });
      await settled(sender, here.sdk);
      assert.deepEqual(own.inbox.named('client-typing'), []);
    });

    check('a client event on a presence channel names the user who sent it', async () => {
      const [sender, reader] = await Promise.all([join('7'), join('8')]);
      const own = await subscribed(sender, 'presence-chat');
      const others = await subscribed(reader, 'presence-chat');
      const inbox = recordEvent(others, 'client-typing');
      own.trigger('client-typing', { a: 1 });
      const seen = await inbox.take('client-typing');
      assert.deepEqual(seen.data, { a: 1 });
      assert.deepEqual(seen.metadata, { user_id: '7' });
    });

    check('a client event on a public channel is refused and the client stays connected', async () => {
      const [sender, reader] = await Promise.all([join(), join()]);
      const own = await subscribed(sender, 'open-chat');
      const others = await subscribed(reader, 'open-chat');
      // Later versions refuse to send it by themselves; the frame is what matters here.
      sender.send_event('client-typing', {}, 'open-chat');
      assert.equal(own.name, 'open-chat');
      const { data } = await sender.frames.take('pusher:error');
      assert.equal(data.code, 4301);
      await settled(reader, here.sdk);
      assert.deepEqual(others.inbox.named('client-typing'), []);
      assert.equal(sender.connection.state, 'connected');
    });

    check('a signed-in user gets what is sent to the user, on every socket, and nobody else does', newer, async () => {
      const inboxes = [];
      const pushers = await Promise.all(['42', '42', '43'].map((user) => join(user)));
      for (const pusher of pushers) {
        inboxes.push(record(pusher.user, 'user'));
        pusher.signin();
        await pusher.frames.take('pusher:signin_success');
        await pusher.frames.take('pusher_internal:subscription_succeeded');
      }
      assert.equal(pushers[0].user.user_data.id, '42');
      await here.sdk.sendToUser('42', 'notice', { text: 'hi' });
      assert.deepEqual((await inboxes[0].take('notice')).data, { text: 'hi' });
      assert.deepEqual((await inboxes[1].take('notice')).data, { text: 'hi' });
      for (const pusher of pushers) await settled(pusher, here.sdk);
      for (const inbox of inboxes) assert.deepEqual(inbox.named('notice'), [], 'delivered twice or to a stranger');
    });

    check('a guest cannot sign in and stays connected', newer, async () => {
      const pusher = await join();
      const inbox = new Inbox('sign-in errors');
      pusher.bind('pusher:signin_error', (data) => inbox.put({ event: 'pusher:signin_error', data }));
      pusher.connection.bind('pusher:signin_error', (data) => inbox.put({ event: 'pusher:signin_error', data }));
      const before = here.auth.requests.length;
      pusher.signin();
      await within(
        (async () => {
          while (!here.auth.requests.slice(before).some(({ status }) => status === 403)) await settled(pusher, here.sdk);
        })(),
        () => 'the refusal by the auth endpoint',
      );
      assert.equal(pusher.user.user_data, null);
      assert.equal(pusher.connection.state, 'connected');
    });

    check('a watch list tells who is online, who comes and who goes', newer, async () => {
      here.auth.watchlists.set('60', ['61', '62']);
      const present = await join('61');
      present.signin();
      await present.frames.take('pusher:signin_success');
      const pusher = await join('60');
      const online = recordEvent(pusher.user.watchlist, 'online');
      const offline = recordEvent(pusher.user.watchlist, 'offline');
      pusher.signin();
      assert.deepEqual((await online.take('online')).data.user_ids, ['61']);
      assert.deepEqual((await offline.take('offline')).data.user_ids, ['62']);

      const second = await join('62');
      second.signin();
      assert.deepEqual((await online.take('online')).data.user_ids, ['62']);
      await gone(second);
      assert.deepEqual((await offline.take('offline')).data.user_ids, ['62']);
    });

    check('terminated connections of a user are gone for good, those of others stay', newer, async () => {
      const [target, twin, other] = await Promise.all([join('70'), join('70'), join('71')]);
      for (const pusher of [target, twin, other]) {
        pusher.signin();
        await pusher.frames.take('pusher:signin_success');
      }
      await here.sdk.terminateUserConnections('70');
      await reached(twin, 'disconnected');
      await staysDisconnected(target);
      await settled(other, here.sdk);
    });

    check('terminated connections include presence members who never signed in', async () => {
      const target = await join('80');
      await subscribed(target, 'presence-terminate');
      await here.sdk.terminateUserConnections('80');
      await staysDisconnected(target);
    });

    check('an unknown key is refused with 4001 and the client gives up', async () => {
      const pusher = client(Pusher, here.server, { key: 'no-such-key' });
      const error = await pusher.errors.take(() => true);
      assert.equal(error.error?.data?.code ?? error.data?.code, 4001);
      await staysDisconnected(pusher);
    });

    check('a client with a short activity timeout keeps itself alive by pings', async () => {
      const pusher = await connected(Pusher, here.server, { activityTimeout: 1_000, pongTimeout: 5_000 });
      pusher.states.clear();
      for (let round = 0; round < 3; round += 1) await pusher.frames.take('pusher:pong');
      assert.equal(pusher.connection.state, 'connected');
      assert.deepEqual(pusher.states.items, []);
    });

    check('a client that disconnects and connects again gets its channels back', async () => {
      const pusher = await join('1');
      const channel = await subscribed(pusher, 'private-again');
      pusher.disconnect();
      await reached(pusher, 'disconnected');
      pusher.connect();
      await channel.inbox.take('pusher:subscription_succeeded');
      await here.sdk.trigger('private-again', 'back', {});
      await channel.inbox.take('back');
    });
  });
}

describe('pusher-js, server with subscription counts', () => {
  const here = fixture({ settings: { subscription_counts: true } });

  for (const { name, Pusher, users } of versions) {
    const newer = users ? {} : { skip: 'this version does not know subscription counts' };
    check(`pusher-js ${name}: subscribers are told how many they are`, newer, async () => {
      const channel = `counted-${name}`;
      const one = await subscribed(await connected(Pusher, here.server), channel);
      assert.equal((await one.inbox.take('pusher:subscription_count')).data.subscription_count, 1);
      const leaver = await connected(Pusher, here.server);
      const two = await subscribed(leaver, channel);
      assert.equal((await two.inbox.take('pusher:subscription_count')).data.subscription_count, 2);
      assert.equal((await one.inbox.take('pusher:subscription_count')).data.subscription_count, 2);
      assert.equal(one.subscriptionCount, 2);
      await gone(leaver);
      assert.equal((await one.inbox.take('pusher:subscription_count')).data.subscription_count, 1);
    });

    check(`pusher-js ${name}: presence channels have no subscription count`, newer, async () => {
      const pusher = await connected(Pusher, here.server, { auth: here.auth, user: '1' });
      const channel = await subscribed(pusher, `presence-counted-${name}`);
      const other = await connected(Pusher, here.server, { auth: here.auth, user: '2' });
      await subscribed(other, `presence-counted-${name}`);
      await channel.inbox.take('pusher:member_added');
      await settled(pusher, here.sdk);
      assert.deepEqual(channel.inbox.named('pusher:subscription_count'), []);
    });
  }
});

describe('pusher-js, server with a limit of one connection', () => {
  const here = fixture({ settings: { max_connections: 1 } });

  /** Connects as soon as the place is free: the server may not have seen yet that the one before has left. */
  async function takePlace(Pusher) {
    for (;;) {
      const pusher = client(Pusher, here.server);
      const { event } = await pusher.states.take(({ event: state }) => /^(dis)?connected$/.test(state));
      if (event === 'connected') return pusher;
      await gone(pusher);
    }
  }

  for (const { name, Pusher } of versions) {
    check(`pusher-js ${name}: a connection over the limit is refused with 4004 and the client gives up`, async () => {
      const inside = await within(takePlace(Pusher), () => 'a free place');
      const outside = client(Pusher, here.server);
      const error = await outside.errors.take(() => true);
      assert.equal(error.error?.data?.code ?? error.data?.code, 4004);
      await staysDisconnected(outside);
      assert.equal(inside.connection.state, 'connected');
      await gone(inside);
      await within(takePlace(Pusher), () => 'the place of the one that left');
    });
  }
});

describe('pusher-js, server with a path prefix', () => {
  const here = fixture({ path: '/realtime' });

  for (const { name, Pusher } of versions) {
    check(`pusher-js ${name}: wsPath finds a server behind a path prefix`, async () => {
      const channel = await subscribed(await connected(Pusher, here.server), 'room');
      // The node SDK cannot be given a path.
      const body = { name: 'told', data: '{"n":1}', channels: ['room'] };
      assert.equal((await here.server.request('POST', '/events', { body })).status, 200);
      assert.deepEqual((await channel.inbox.take('told')).data, { n: 1 });
    });
  }
});

describe('pusher-js, server that restarts', () => {
  const here = fixture();

  // In node, 7.x takes every close for an unclean one and gives up after the second; in browsers all versions come back,
  // see browser.test.mjs.
  check('a client comes back by itself, with its channels', async () => {
    const pusher = await connected(Latest, here.server, { auth: here.auth, user: '1' });
    const rooms = [await subscribed(pusher, 'room'), await subscribed(pusher, 'presence-room')];
    const socketId = pusher.connection.socket_id;
    pusher.states.clear();
    await here.server.halt();
    await pusher.states.take('connecting');
    await here.server.start();
    await Promise.all(rooms.map((room) => room.inbox.take('pusher:subscription_succeeded', COME_BACK_MS)));
    assert.notEqual(pusher.connection.socket_id, socketId);
    await here.sdk.trigger(['room', 'presence-room'], 'after', {});
    for (const room of rooms) await room.inbox.take('after');
    assert.equal(rooms[1].members.count, 1);
  });
});
