// The cases of the pusher-js repository (`spec/javascripts`) that can be seen from the outside, written anew and run
// with every client version. The name of the case there stands in brackets.
//
// Left out:
// - unit/core/connection/protocol_spec: codes 4000, 4099, 4100, 4199, 4200, 4299, 4300, 4399 and 1002 to 1004 as such;
//   they test the client against codes that a healthy server has no reason to send. 4001 and 4004 are in
//   ../pusher-js.test.mjs, 4200 by the restart there, 4009 by terminated users.
// - "should throw an exception when activity timeout is unspecified", "on invalid handshake": faults of a server.
// - connection_manager_spec "should close the connection after pong timeout": needs a server that is silent.
// - connection_manager_spec "losing the connection": the restart in ../pusher-js.test.mjs.
// - encrypted_channel_spec "should request new key from authorizer": nothing of it reaches the server.
// - cluster_config_spec, "eu" cluster: names of hosted data centres; its two other cases are in the list below.
// - sockjs, xhr and timeline cases: other transports, which this server does not offer.

import assert from 'node:assert/strict';
import { after, afterEach, before, describe } from 'node:test';

import { startAuth } from '../support/auth.mjs';
import { check } from '../support/check.mjs';
import {
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
} from '../support/pusher-js.mjs';
import { startServer } from '../support/server.mjs';
import { until } from '../support/wait.mjs';

/** Steps on one channel, and how often an event sent afterwards has to arrive. */
const SEQUENCES = [
  ['sub-sub = sub', ['sub', 'sub'], 1],
  ['sub-wait-sub = sub', ['sub', 'wait', 'sub'], 1],
  ['sub-unsub = NOP', ['sub', 'unsub'], 0],
  ['sub-wait-unsub = NOP', ['sub', 'wait', 'unsub'], 0],
  ['sub-unsub-sub = sub', ['sub', 'unsub', 'sub'], 1],
  ['sub-unsub-wait-sub = sub', ['sub', 'unsub', 'wait', 'sub'], 1],
  ['sub-unsub-unsub = NOP', ['sub', 'unsub', 'unsub'], 0],
];

let server;
let auth;
let sdk;

before(async () => {
  server = await startServer();
  auth = await startAuth(server);
  sdk = server.sdk();
});
afterEach(disconnectAll);
after(async () => {
  await auth?.stop();
  await server?.stop();
});

for (const { name, Pusher, users } of versions) {
  const newer = users ? {} : { skip: 'this version has no sign-in' };
  const join = (user) => connected(Pusher, server, { auth, user });

  describe(`pusher-js ${name}, integration`, () => {
    check('two clients have connections of their own [should open connections]', async () => {
      const [one, two] = await Promise.all([join('1'), join('2')]);
      assert.notEqual(one.connection.socket_id, two.connection.socket_id);
    });

    for (const prefix of ['', 'private-', 'presence-', 'private-encrypted-']) {
      const kind = prefix || 'public';
      check(`${kind}: an event sent over HTTP arrives [should subscribe and receive a message sent via REST API]`, async () => {
        const channel = await subscribed(await join('1'), `${prefix}rest`);
        await sdk.trigger(`${prefix}rest`, 'posted', { n: 1 });
        assert.deepEqual((await channel.inbox.take('posted')).data, { n: 1 });
      });

      check(`${kind}: silence after unsubscribing [should not receive messages after unsubscribing]`, async () => {
        const pusher = await join('1');
        const channel = await subscribed(pusher, `${prefix}silent`);
        pusher.unsubscribe(`${prefix}silent`);
        await settled(pusher, sdk);
        await sdk.trigger(`${prefix}silent`, 'posted', {});
        await settled(pusher, sdk);
        assert.deepEqual(channel.inbox.named('posted'), []);
      });

      check(`${kind}: two unsubscribes [should handle unsubscribing as an idempotent operation]`, async () => {
        const pusher = await join('1');
        await subscribed(pusher, `${prefix}twice`);
        pusher.unsubscribe(`${prefix}twice`);
        pusher.unsubscribe(`${prefix}twice`);
        pusher.send_event('pusher:unsubscribe', { channel: `${prefix}twice` });
        await settled(pusher, sdk);
        assert.deepEqual(pusher.errors.items, []);
      });

      check(`${kind}: a cancelled subscription [should handle cancelling pending subscription]`, async () => {
        const pusher = await join('1');
        const channel = subscribe(pusher, `${prefix}cancelled`);
        channel.cancelSubscription();
        await until(() => !channel.subscriptionPending, 'the end of the subscription');
        await settled(pusher, sdk);
        assert.equal(channel.subscribed, false);
        assert.deepEqual(channel.inbox.items, []);
        const { json } = await server.request('GET', `/channels/${prefix}cancelled`);
        assert.equal(json.occupied, false);
      });

      check(`${kind}: a reinstated one [should handle reinstating cancelled pending subscription]`, async () => {
        const pusher = await join('1');
        const channel = subscribe(pusher, `${prefix}reinstated`);
        channel.cancelSubscription();
        channel.reinstateSubscription();
        await channel.inbox.take('pusher:subscription_succeeded');
        assert.equal(channel.subscribed, true);
      });

      for (const [index, [title, steps, times]] of SEQUENCES.entries()) {
        check(`${kind}: events arrive ${times} times after this [${title}]`, async () => {
          const channelName = `${prefix}sequence-${index}`;
          const pusher = await join('1');
          const inbox = record(pusher, channelName);
          const quiet = async () => {
            const channel = pusher.channel(channelName);
            await until(() => !channel?.subscriptionPending, `the end of the subscription to ${channelName}`);
            await settled(pusher, sdk);
          };
          for (const step of steps) {
            if (step === 'sub') pusher.subscribe(channelName);
            if (step === 'unsub') pusher.unsubscribe(channelName);
            if (step === 'wait') await quiet();
          }
          await quiet();
          await sdk.trigger(channelName, 'posted', { n: 1 });
          await settled(pusher, sdk);
          assert.equal(inbox.named('posted').length, times);
          const { json } = await server.request('GET', `/channels/${channelName}`);
          assert.equal(json.occupied, times === 1);
        });
      }
    }

    for (const prefix of ['private-', 'presence-']) {
      const channelName = `${prefix}client-events`;
      check(`${prefix}: the other one hears it [should receive a client event sent by another connection]`, async () => {
        const own = await subscribed(await join('1'), channelName);
        const others = await subscribed(await join('2'), channelName);
        own.trigger('client-waved', { n: 1 });
        assert.deepEqual((await others.inbox.take('client-waved')).data, { n: 1 });
      });

      check(`${prefix}: the sender does not [should not receive a client event sent by itself]`, async () => {
        const pusher = await join('1');
        const own = await subscribed(pusher, channelName);
        own.trigger('client-waved', {});
        await settled(pusher, sdk);
        assert.deepEqual(own.inbox.named('client-waved'), []);
      });
    }

    check("the one who joins knows itself [should get connection's member data]", async () => {
      auth.people.set('m1', { name: 'Ada', level: 3 });
      const channel = await subscribed(await join('m1'), 'presence-members');
      assert.deepEqual(channel.members.me, { id: 'm1', info: { name: 'Ada', level: 3 } });
    });

    check('the second one is announced [should receive a member added event]', async () => {
      const channel = await subscribed(await join('1'), 'presence-added');
      await subscribed(await join('2'), 'presence-added');
      const { data } = await channel.inbox.take('pusher:member_added');
      assert.deepEqual(data, { id: '2', info: { name: 'User 2' } });
      assert.deepEqual(channel.members.get('2'), { id: '2', info: { name: 'User 2' } });
    });

    check('the one who goes is missed [should receive a member removed event]', async () => {
      const channel = await subscribed(await join('1'), 'presence-removed');
      const leaver = await join('2');
      await subscribed(leaver, 'presence-removed');
      await channel.inbox.take('pusher:member_added');
      await gone(leaver);
      assert.equal((await channel.inbox.take('pusher:member_removed')).data.id, '2');
      assert.equal(channel.members.get('2'), null);
    });

    check('counts and data agree everywhere [should maintain correct members count, ... members data]', async () => {
      const channels = [];
      for (const user of ['1', '2', '3']) channels.push(await subscribed(await join(user), 'presence-agree'));
      const [first, second, third] = channels;
      await first.inbox.take(({ event, data }) => event === 'pusher:member_added' && data.id === '3');
      await second.inbox.take(({ event, data }) => event === 'pusher:member_added' && data.id === '3');
      for (const { members } of channels) {
        assert.equal(members.count, 3);
        assert.deepEqual(Object.keys(members.members).sort(), ['1', '2', '3']);
      }
      await gone(third.pusher);
      for (const channel of [first, second]) {
        await channel.inbox.take('pusher:member_removed');
        assert.equal(channel.members.count, 2);
      }
    });

    check('each ends without the other [should disconnect second connection, ... first connection]', async () => {
      const [first, second] = await Promise.all([join('1'), join('2')]);
      await gone(second);
      await settled(first, sdk);
      await gone(first);
    });
  });

  describe(`pusher-js ${name}, connection and users`, () => {
    check('a silent connection is pinged and answered [should send a ping]', async () => {
      const pusher = await connected(Pusher, server, { activityTimeout: 1_000 });
      await pusher.frames.take('pusher:pong');
      assert.equal(pusher.connection.state, 'connected');
    });

    check('a signed-in client that comes back signs in again [should re-signin when the connection reconnects!]', newer, async () => {
      const pusher = await join('30');
      const inbox = record(pusher.user, 'user');
      pusher.signin();
      await pusher.user.signinDonePromise;
      pusher.disconnect();
      await reached(pusher, 'disconnected');
      assert.equal(pusher.user.user_data, null);
      pusher.frames.clear();
      pusher.connect();
      await pusher.frames.take('pusher:signin_success');
      await pusher.frames.take('pusher_internal:subscription_succeeded');
      await sdk.sendToUser('30', 'notice', { n: 2 });
      assert.deepEqual((await inbox.take('notice')).data, { n: 2 });
    });

    check('signin before the connection [should signin when the connection becomes connected]', newer, async () => {
      const pusher = client(Pusher, server, { auth, user: '31' });
      pusher.signin();
      await pusher.frames.take('pusher:signin_success');
      assert.equal(pusher.user.user_data.id, '31');
    });

    check('presence waits for the sign-in [should wait for the in-progress sign in and call the callback if signin succeeded]', newer, async () => {
      // With an authorizer that gives no channel_data pusher-js takes the member from the sign-in, as the server must.
      const channelAuthorization = {
        customHandler: ({ socketId, channelName }, callback) => callback(null, sdk.authorizeChannel(socketId, channelName)),
      };
      const pusher = await connected(Pusher, server, { auth, user: '32', channelAuthorization });
      pusher.signin();
      const channel = await subscribed(pusher, 'presence-signed-in');
      assert.deepEqual(channel.members.me, { id: '32', info: { name: 'User 32' } });
    });

    check('the watch list speaks [should bind to pusher_internal:watchlist_events]', newer, async () => {
      auth.watchlists.set('40', ['41']);
      const pusher = await join('40');
      const online = recordEvent(pusher.user.watchlist, 'online');
      pusher.signin();
      await pusher.user.signinDonePromise;
      const friend = await join('41');
      friend.signin();
      assert.deepEqual((await online.take('online')).data, { name: 'online', user_ids: ['41'] });
    });
  });
}

describe('pusher-js, server with a short activity timeout', () => {
  let quick;
  before(async () => {
    quick = await startServer({ settings: { activity_timeout: 1 } });
  });
  after(() => quick?.stop());

  for (const { name, Pusher } of versions) {
    check(`pusher-js ${name}: [should use the handshake activity timeout value, if it's the lowest]`, async () => {
      const pusher = await connected(Pusher, quick);
      await pusher.frames.take('pusher:pong');
    });
  }
});
