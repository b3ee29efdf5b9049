// Notifications, broadcasts and triggers as stock clients hear them: laravel-echo under both of Laravel's names (seed
// 004_34840c1156e14591.txt, phase 6), and the curl lines and the page of seed 003_6408df0b98db9f3d.txt.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { after, afterEach, before, describe } from 'node:test';
import { promisify } from 'node:util';

import Echo from 'laravel-echo';

import { PusherService } from './seeds/context/pusher-service.mjs';
import { check } from './support/check.mjs';
import { openClassroom } from './support/classroom.mjs';
import { Latest, disconnectAll, options, reached, settled, subscribed, connected } from './support/pusher-js.mjs';
import { startServer } from './support/server.mjs';
import { Inbox, WAIT_MS } from './support/wait.mjs';

const run = promisify(execFile);

/** A program that may send. */
async function sender(server) {
  const output = await server.command('api-key', 'create', '--name', 'sender', '--scope', 'notifications:send');
  const key = /ck_[0-9a-f]{12}_[0-9a-f]{40}/.exec(output)[0];
  return async (path, body) => {
    const answer = await fetch(`${server.url}${path}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(WAIT_MS),
    });
    return { status: answer.status, json: await answer.json() };
  };
}

for (const broadcaster of ['reverb', 'pusher']) {
  describe(`notifications, laravel-echo, broadcaster ${broadcaster}`, () => {
    const open = [];
    let server;
    let classroom;
    let post;
    let sdk;

    before(async () => {
      server = await startServer();
      classroom = await openClassroom(server);
      post = await sender(server);
      sdk = server.sdk();
    });
    afterEach(() => {
      for (const echo of open.splice(0)) echo.disconnect();
    });
    after(() => server?.stop());

    /** An Echo of `user` with the token of the server, connected. */
    async function login(user) {
      const echo = new Echo({
        broadcaster,
        key: server.app.key,
        Pusher: Latest,
        ...options(server),
        authEndpoint: `${server.url}/broadcasting/auth`,
        // Echo would share these between its instances, and with them the token.
        auth: { headers: {} },
        userAuthentication: { endpoint: `${server.url}/broadcasting/user-auth`, headers: {} },
        bearerToken: await classroom.token(user),
      });
      open.push(echo);
      await reached(echo.connector.pusher, 'connected');
      return echo;
    }

    async function ready(channel) {
      const inbox = new Inbox(`subscription of ${channel.name}`);
      channel.subscribed(() => inbox.put({ event: 'subscribed' }));
      if (!channel.subscription.subscribed) await inbox.take('subscribed');
      return channel;
    }

    check('NotificationSent and .notification.sent fire once each, with the same event (T14)', async () => {
      const echo = await login('7');
      const heard = new Inbox('notifications');
      const userId = '7';
      const channel = echo.private('user.' + userId);
      channel.listen('NotificationSent', (e) => heard.put({ event: 'class', data: e }));
      channel.listen('.notification.sent', (e) => heard.put({ event: 'alias', data: e }));
      await ready(channel);
      const { status, json } = await post('/api/notifications', { user: '7', category: 'grade', title: 'Sheet 5: 18/20' });
      assert.equal(status, 201);
      const { data } = await heard.take('class');
      assert.deepEqual(data.notification, json);
      assert.equal((await heard.take('alias')).data.event_id, data.event_id);
      await settled(echo.connector.pusher, sdk);
      assert.deepEqual(heard.items, []);
    });

    check("Laravel's own notification channel gets it through .notification()", async () => {
      const echo = await login('7');
      const heard = new Inbox('notifications');
      const channel = echo.private('App.Models.User.7');
      channel.notification((data) => heard.put({ event: 'notification', data }));
      await ready(channel);
      await post('/api/notifications', { user: '7', category: 'live', title: 'We begin' });
      assert.equal((await heard.take('notification')).data.notification.title, 'We begin');
      await settled(echo.connector.pusher, sdk);
      assert.deepEqual(heard.items, []);
    });

    check('a course that is notified and told hears both, and a stranger neither', async () => {
      const [student, stranger] = [await login('7'), await login('9')];
      const heard = new Inbox('student');
      const own = student.private('user.7').listen('.notification.sent', (data) => heard.put({ event: 'note', data }));
      const course = student.private('course.101').listen('.exam.started', (data) => heard.put({ event: 'exam', data }));
      await ready(own);
      await ready(course);
      const silent = new Inbox('stranger');
      const other = stranger.private('user.9').listen('.notification.sent', (data) => silent.put({ event: 'note', data }));
      await ready(other);
      const refused = new Inbox('refused');
      stranger.private('course.101').error((error) => refused.put({ event: 'error', data: error }));
      assert.equal((await refused.take('error')).data.status, 403);

      const audience = { type: 'course', ids: ['101'] };
      const sent = await post('/api/notifications/broadcast', { audience, category: 'content', title: 'Sheet 6' });
      assert.equal(sent.status, 202);
      assert.equal((await heard.take('note')).data.notification.title, 'Sheet 6');
      const told = await post('/api/broadcasts', { audience, event: 'exam.started', data: { room: 'B 12' } });
      assert.equal(told.json.receivers, 2);
      const { data } = await heard.take('exam');
      assert.equal(data.room, 'B 12');
      assert.equal(data.event_id, told.json.broadcast_id);
      await settled(stranger.connector.pusher, sdk);
      assert.deepEqual(silent.items, []);
    });
  });
}

describe('seed D', () => {
  let server;
  let classroom;
  let post;
  const services = [];

  before(async () => {
    server = await startServer();
    classroom = await openClassroom(server);
    post = await sender(server);
  });
  afterEach(() => {
    for (const service of services.splice(0)) service.disconnect();
    disconnectAll();
  });
  after(() => server?.stop());

  function pusherService() {
    const service = new PusherService(Latest, { key: server.app.key, api: server.url, ...options(server) });
    services.push(service);
    return service;
  }

  check('its curl line reaches a subscriber on a development server (T12)', async () => {
    const pusher = await connected(Latest, server);
    const channel = await subscribed(pusher, 'test');
    const { stdout } = await run('curl', [
      '--silent',
      '-X',
      'POST',
      `${server.url}/realtime/trigger`,
      '-H',
      'Content-Type: application/json',
      '-d',
      '{"channel": "test", "event": "message", "data": {"text": "Hello"}}',
    ]);
    const answer = JSON.parse(stdout);
    assert.deepEqual([answer.ok, answer.mode, answer.receivers], [true, 'development', 1]);
    const { data } = await channel.inbox.take('message');
    assert.deepEqual(data, { text: 'Hello', event_id: answer.event_ids.test });
  });

  check('its second curl line fails and says why', async () => {
    const { stdout } = await run('curl', [
      '--silent',
      '-X',
      'POST',
      `${server.url}/pusher/auth?socket_id=test&channel_name=test`,
    ]);
    const problem = JSON.parse(stdout);
    assert.equal(problem.status, 400);
    assert.match(problem.detail, /socket_id/);
  });

  check('its page shows the notifications of whoever is signed in, and none of others', async () => {
    const heard = new Inbox('notifications');
    const service = pusherService();
    await service.connect(await classroom.token('7'));
    const subscriptionId = service.subscribe('notifications', (message) => {
      if (message.type === 'NOTIFICATION') heard.put({ event: 'shown', data: message.payload });
    });
    const nobodys = new Inbox('notifications of nobody');
    const anonymous = pusherService();
    await anonymous.connect();
    anonymous.subscribe('notifications', (message) => nobodys.put({ event: message.type, data: message.payload }));
    await settled(service.socket, server.sdk());
    await settled(anonymous.socket, server.sdk());

    await post('/api/notifications', { user: '8', category: 'system', title: 'Not for you' });
    await post('/api/notifications', { user: '7', category: 'system', title: 'For you' });
    assert.equal((await heard.take('shown')).data.notification.title, 'For you');
    const announcement = { audience: { type: 'all' }, category: 'system', title: 'To all', public: true };
    assert.equal((await post('/api/notifications/broadcast', announcement)).status, 202);
    assert.equal((await heard.take('shown')).data.notification.title, 'To all');
    assert.equal((await nobodys.take('NOTIFICATION')).data.notification.title, 'To all');
    service.unsubscribe(subscriptionId);
    await settled(service.socket, server.sdk());
    assert.deepEqual([heard.items, nobodys.items], [[], []]);
  });

  check('its service sends a message, and whoever hears the channel receives it', async () => {
    const heard = new Inbox('messages');
    const [one, other] = [pusherService(), pusherService()];
    await one.connect(await classroom.token('7'));
    await other.connect();
    for (const service of [one, other]) {
      service.subscribe('my-channel', (message) => heard.put({ event: message.type, data: message.payload }));
      await settled(service.socket, server.sdk());
    }
    await one.send('MESSAGE', { text: 'Hello' });
    for (const _service of [one, other]) assert.equal((await heard.take('MESSAGE')).data.text, 'Hello');
    assert.deepEqual(one.now.stats, { messagesSent: 1, messagesReceived: 1, reconnectionAttempts: 0 });
    assert.deepEqual([one.now.state, one.now.error], ['CONNECTED', null]);
    one.disconnect();
    assert.equal(one.now.state, 'DISCONNECTED');
  });

  check('its service says why it cannot connect', async () => {
    const service = new PusherService(Latest, { key: 'nobody', api: server.url, ...options(server) });
    services.push(service);
    await assert.rejects(service.connect(), /nobody|app/i);
    assert.equal(service.now.state, 'DISCONNECTED');
    assert.match(service.now.error, /app/i);
  });
});
