// laravel-echo 2 over pusher-js 8, with both broadcasters that speak this protocol, as a Laravel front end uses it.

import assert from 'node:assert/strict';
import { after, afterEach, before, describe } from 'node:test';

import Echo from 'laravel-echo';

import { startAuth } from './support/auth.mjs';
import { check } from './support/check.mjs';
import { Latest, options, reached, settled } from './support/pusher-js.mjs';
import { startServer } from './support/server.mjs';
import { Inbox } from './support/wait.mjs';

const NOTIFICATION = 'Illuminate\\Notifications\\Events\\BroadcastNotificationCreated';

for (const broadcaster of ['reverb', 'pusher']) {
  describe(`laravel-echo, broadcaster ${broadcaster}`, () => {
    const open = [];
    let server;
    let auth;
    let sdk;

    before(async () => {
      server = await startServer();
      auth = await startAuth(server);
      sdk = server.sdk();
    });
    afterEach(() => {
      for (const echo of open.splice(0)) echo.disconnect();
    });
    after(async () => {
      await auth?.stop();
      await server?.stop();
    });

    /** An Echo of `user`, connected. `more` goes to its constructor. */
    async function login(user, more = {}) {
      // Echo puts the token and the two endpoints together in its own way, so only the address is taken over.
      const echo = new Echo({
        broadcaster,
        key: server.app.key,
        Pusher: Latest,
        ...options(server),
        authEndpoint: auth.channelEndpoint,
        auth: { headers: {} },
        userAuthentication: { endpoint: auth.userEndpoint, headers: {} },
        ...(user ? { bearerToken: user } : {}),
        ...more,
      });
      open.push(echo);
      await reached(echo.connector.pusher, 'connected');
      return echo;
    }

    /** Waits until the server has accepted `channel`. */
    async function ready(channel) {
      const inbox = new Inbox(`subscription of ${channel.name}`);
      channel.subscribed(() => inbox.put({ event: 'subscribed' }));
      if (!channel.subscription.subscribed) await inbox.take('subscribed');
      return channel;
    }

    const quiet = (echo) => settled(echo.connector.pusher, sdk);

    /** A callback that keeps what it is called with in `.inbox`. */
    function recorder(name) {
      const inbox = new Inbox(name);
      const callback = (...args) => inbox.put({ event: name, data: args[0], args });
      callback.inbox = inbox;
      return callback;
    }

    check('the socket id of Echo is the one of the connection', async () => {
      const echo = await login();
      assert.match(echo.socketId(), /^\d+\.\d+$/);
    });

    check('listen on a public channel hears an event of the application namespace', async () => {
      const echo = await login();
      const shipped = recorder('OrderShipped');
      await ready(echo.channel('orders').listen('OrderShipped', shipped));
      await sdk.trigger('orders', 'App\\Events\\OrderShipped', { id: 1 });
      assert.deepEqual((await shipped.inbox.take('OrderShipped')).data, { id: 1 });
    });

    check('a namespace with dots becomes backslashes and a leading dot takes the name as it is', async () => {
      const echo = await login('1');
      const [nested, named, escaped] = ['nested', 'named', 'escaped'].map(recorder);
      const channel = echo.private('orders.1');
      channel.listen('Shop.OrderShipped', nested).listen('.order.shipped', named).listen('\\Other\\Paid', escaped);
      await ready(channel);
      await sdk.trigger('private-orders.1', 'App\\Events\\Shop\\OrderShipped', { n: 1 });
      await sdk.trigger('private-orders.1', 'order.shipped', { n: 2 });
      await sdk.trigger('private-orders.1', 'Other\\Paid', { n: 3 });
      assert.deepEqual((await nested.inbox.take('nested')).data, { n: 1 });
      assert.deepEqual((await named.inbox.take('named')).data, { n: 2 });
      assert.deepEqual((await escaped.inbox.take('escaped')).data, { n: 3 });
    });

    check('namespace false adds no prefix', async () => {
      const echo = await login('1', { namespace: false });
      const paid = recorder('paid');
      await ready(echo.channel('orders').listen('Shop.Paid', paid));
      await sdk.trigger('orders', 'Shop\\Paid', {});
      await paid.inbox.take('paid');
    });

    check('stopListening ends one listener and leaves the others', async () => {
      const echo = await login();
      const [stopped, kept] = ['stopped', 'kept'].map(recorder);
      const channel = await ready(echo.channel('orders').listen('.paid', stopped).listen('.paid', kept));
      channel.stopListening('.paid', stopped);
      await sdk.trigger('orders', 'paid', {});
      await kept.inbox.take('kept');
      assert.deepEqual(stopped.inbox.items, []);
    });

    check('a channel of a model is private and its dots are legal', async () => {
      const echo = await login('1');
      const updated = recorder('updated');
      await ready(echo.private('App.Models.User.1').listen('.UserUpdated', updated));
      await sdk.trigger('private-App.Models.User.1', 'UserUpdated', { model: { id: 1 } });
      assert.deepEqual((await updated.inbox.take('updated')).data, { model: { id: 1 } });
    });

    check('notification hears a broadcast notification', async () => {
      const echo = await login('1');
      const notified = recorder('notified');
      await ready(echo.private('App.Models.User.1').notification(notified));
      await sdk.trigger('private-App.Models.User.1', NOTIFICATION, { id: 'a', type: 'Paid' });
      assert.deepEqual((await notified.inbox.take('notified')).data, { id: 'a', type: 'Paid' });
    });

    check('listenToAll hears every event and none of the protocol itself', async () => {
      const echo = await login('1');
      const all = recorder('all');
      await ready(echo.private('feed').listenToAll(all));
      await sdk.trigger('private-feed', 'App\\Events\\One', { n: 1 });
      await sdk.trigger('private-feed', 'two', { n: 2 });
      const first = await all.inbox.take('all');
      const second = await all.inbox.take('all');
      assert.deepEqual([first.args, second.args], [['One', { n: 1 }], ['.two', { n: 2 }]]);
      assert.deepEqual(all.inbox.items, []);
    });

    check('here, joining and leaving follow who is in a presence channel', async () => {
      auth.people.set('1', { id: 1, name: 'Ada' });
      auth.people.set('2', { id: 2, name: 'Bob' });
      const [here, joining, leaving] = ['here', 'joining', 'leaving'].map(recorder);
      const ada = await login('1');
      ada.join('lesson').here(here).joining(joining).leaving(leaving);
      assert.deepEqual((await here.inbox.take('here')).data, [{ id: 1, name: 'Ada' }]);

      const bob = await login('2');
      const bobHere = recorder('here');
      bob.join('lesson').here(bobHere);
      const both = (await bobHere.inbox.take('here')).data;
      assert.deepEqual(both.map(({ name }) => name).sort(), ['Ada', 'Bob']);
      assert.deepEqual((await joining.inbox.take('joining')).data, { id: 2, name: 'Bob' });

      bob.leave('lesson');
      assert.deepEqual((await leaving.inbox.take('leaving')).data, { id: 2, name: 'Bob' });
      await quiet(ada);
      assert.deepEqual(here.inbox.items, [], 'here ran twice');
    });

    check('leaving runs when the browser of the other one goes away', async () => {
      const leaving = recorder('leaving');
      const ada = await login('1');
      const joining = recorder('joining');
      await ready(ada.join('lesson').joining(joining).leaving(leaving));
      const bob = await login('2');
      await ready(bob.join('lesson'));
      await joining.inbox.take('joining');
      bob.disconnect();
      await leaving.inbox.take('leaving');
    });

    for (const [kind, name] of [['private', 'private'], ['join', 'presence']]) {
      check(`a whisper on a ${name} channel reaches the others and not the one who whispers`, async () => {
        const [ada, bob] = await Promise.all([login('1'), login('2')]);
        const [own, others] = ['own', 'others'].map(recorder);
        const speaking = await ready(ada[kind]('chat').listenForWhisper('typing', own));
        await ready(bob[kind]('chat').listenForWhisper('typing', others));
        speaking.whisper('typing', { name: 'Ada' });
        assert.deepEqual((await others.inbox.take('others')).data, { name: 'Ada' });
        await quiet(ada);
        assert.deepEqual(own.inbox.items, []);
      });
    }

    check('encryptedPrivate decrypts what the application encrypted', async () => {
      const echo = await login('1');
      const paid = recorder('paid');
      await ready(echo.encryptedPrivate('vault').listen('Paid', paid));
      await sdk.trigger('private-encrypted-vault', 'App\\Events\\Paid', { amount: 10 });
      assert.deepEqual((await paid.inbox.take('paid')).data, { amount: 10 });
    });

    for (const [kind, channel] of [['channel', 'cache-x'], ['private', 'private-cache-x'], ['join', 'presence-cache-x']]) {
      check(`a late listener on ${channel} hears the last event`, async () => {
        const echo = await login('1');
        const last = recorder('last');
        await sdk.trigger(channel, 'App\\Events\\Price', { n: 1 });
        await sdk.trigger(channel, 'App\\Events\\Price', { n: 2 });
        echo[kind]('cache-x').listen('Price', last);
        assert.deepEqual((await last.inbox.take('last')).data, { n: 2 });
      });
    }

    check('error runs when the application refuses a channel', async () => {
      auth.refused.add('private-closed');
      const echo = await login('1');
      const refused = recorder('refused');
      echo.private('closed').error(refused);
      assert.equal((await refused.inbox.take('refused')).data.status, 403);
    });

    check('error runs when the server refuses the signature', async () => {
      auth.forged.add('private-forged');
      const echo = await login('1');
      const refused = recorder('refused');
      echo.private('forged').error(refused);
      const { data } = await refused.inbox.take('refused');
      assert.deepEqual([data.type, data.status], ['AuthError', 401]);
    });

    check('leave drops the channel in all its forms and leaveChannel only the one named', async () => {
      const echo = await login('1');
      const [open_, closed, members] = ['open', 'closed', 'members'].map(recorder);
      await ready(echo.channel('hall').listen('.said', open_));
      await ready(echo.private('hall').listen('.said', closed));
      await ready(echo.join('hall').listen('.said', members));
      const channels = ['hall', 'private-hall', 'presence-hall'];

      echo.leaveChannel('private-hall');
      await quiet(echo);
      await sdk.trigger(channels, 'said', { n: 1 });
      await open_.inbox.take('open');
      await members.inbox.take('members');
      await quiet(echo);
      assert.deepEqual(closed.inbox.items, []);

      echo.leave('hall');
      await quiet(echo);
      await sdk.trigger(channels, 'said', { n: 2 });
      await quiet(echo);
      assert.deepEqual([...open_.inbox.items, ...closed.inbox.items, ...members.inbox.items], []);
      const { json } = await server.request('GET', '/channels');
      assert.deepEqual(Object.keys(json.channels).filter((name) => name.endsWith('hall')), []);
    });

    check('toOthers reaches everybody but the page whose X-Socket-ID came with the request', async () => {
      const [ada, bob] = await Promise.all([login('1'), login('2')]);
      const [own, others] = ['own', 'others'].map(recorder);
      await ready(ada.private('posts').listen('Posted', own));
      await ready(bob.private('posts').listen('Posted', others));
      // What Laravel does with the header: the header becomes `socket_id` of the trigger.
      const header = ada.socketId();
      await sdk.trigger('private-posts', 'App\\Events\\Posted', { id: 5 }, { socket_id: header });
      assert.deepEqual((await others.inbox.take('others')).data, { id: 5 });
      await quiet(ada);
      assert.deepEqual(own.inbox.items, []);
    });

    check('signin makes private messages to the user arrive', async () => {
      const echo = await login('9');
      const { pusher } = echo.connector;
      const notice = recorder('notice');
      pusher.user.bind('notice', notice);
      echo.connector.signin();
      await pusher.user.signinDonePromise;
      await quiet(echo);
      await sdk.sendToUser('9', 'notice', { n: 1 });
      assert.deepEqual((await notice.inbox.take('notice')).data, { n: 1 });
    });

    check('channels are still there after the connection was lost and found again', async () => {
      const echo = await login('1');
      const paid = recorder('paid');
      const channel = await ready(echo.private('orders').listen('.paid', paid));
      const { pusher } = echo.connector;
      pusher.disconnect();
      await reached(pusher, 'disconnected');
      const again = new Inbox('second subscription');
      channel.subscribed(() => again.put({ event: 'subscribed' }));
      pusher.connect();
      await again.take('subscribed');
      await sdk.trigger('private-orders', 'paid', {});
      await paid.inbox.take('paid');
    });
  });
}
