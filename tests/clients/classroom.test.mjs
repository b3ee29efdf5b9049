// Stock clients against the server's own auth endpoint: who is enrolled joins, a stranger hears why not, and a student who is
// dropped is cut off at once, in front of the whole class.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, afterEach, before, describe } from 'node:test';

import Echo from 'laravel-echo';

import { check } from './support/check.mjs';
import { openClassroom } from './support/classroom.mjs';
import { Latest, connected, disconnectAll, gone, options, reached, record, recordEvent, settled, subscribed, versions } from './support/pusher-js.mjs';
import { startServer } from './support/server.mjs';
import { Inbox } from './support/wait.mjs';

const COURSE = 'presence-course.101.users';
const CHANNEL_PATHS = ['/broadcasting/auth', '/api/broadcasting/auth', '/pusher/auth', '/api/pusher/auth'];
const USER_PATHS = ['/broadcasting/user-auth', '/api/broadcasting/user-auth', '/pusher/user-auth', '/api/pusher/user-auth'];

/** Endpoints of the server as the options of the clients name them. */
function endpoints(server, channel = CHANNEL_PATHS[0], user = USER_PATHS[0]) {
  return { channelEndpoint: `${server.url}${channel}`, userEndpoint: `${server.url}${user}` };
}

for (const broadcaster of ['reverb', 'pusher']) {
  describe(`a classroom, laravel-echo, broadcaster ${broadcaster}`, () => {
    const open = [];
    let server;
    let classroom;
    let sdk;

    before(async () => {
      server = await startServer();
      classroom = await openClassroom(server);
      sdk = server.sdk();
    });
    afterEach(async () => {
      for (const echo of open.splice(0)) echo.disconnect();
      await classroom.enroll('7');
    });
    after(() => server?.stop());

    /** An Echo of `user` with the token of the server, connected. */
    async function login(user) {
      const bearerToken = await classroom.token(user);
      const { channelEndpoint, userEndpoint } = endpoints(server);
      const echo = new Echo({
        broadcaster,
        key: server.app.key,
        Pusher: Latest,
        ...options(server),
        authEndpoint: channelEndpoint,
        userAuthentication: { endpoint: userEndpoint, headers: {} },
        bearerToken,
      });
      open.push(echo);
      await reached(echo.connector.pusher, 'connected');
      return echo;
    }

    /** Joins the course and records what its people see. */
    async function join(echo, name = 'course.101.users') {
      const inbox = new Inbox(name);
      const put = (event) => (data) => inbox.put({ event, data });
      const channel = echo.join(name).here(put('here')).joining(put('joining')).leaving(put('leaving')).error(put('error'));
      channel.inbox = inbox;
      return channel;
    }

    check('enrolled people join with the names and roles of the roster', async () => {
      const instructor = await join(await login('8'));
      const alone = await instructor.inbox.take('here');
      assert.deepEqual(alone.data, [{ id: '8', name: 'User 8', avatar: null, role: 'instructor' }]);
      const student = await join(await login('7'));
      assert.equal((await student.inbox.take('here')).data.length, 2);
      const joined = await instructor.inbox.take('joining');
      assert.deepEqual(joined.data, { id: '7', name: 'User 7', avatar: null, role: 'student' });
    });

    check('a stranger gets a 403 that explains itself, and nobody sees them', async () => {
      const instructor = await join(await login('8'));
      await instructor.inbox.take('here');
      const stranger = await join(await login('9'));
      const refused = await stranger.inbox.take('error');
      assert.equal(refused.data.status, 403);
      const body = await classroom.ask(
        'POST',
        '/broadcasting/auth',
        { socket_id: '1.2', channel_name: COURSE },
        { authorization: `Bearer ${await classroom.token('9')}` },
      );
      assert.equal(body.status, 403);
      assert.equal(body.json.code, 'not_enrolled');
      assert.ok(body.json.detail && body.json.error);
      assert.deepEqual(instructor.inbox.items, []);
    });

    check('a student who is dropped by REST gets .error() and the others get leaving', async () => {
      const instructor = await join(await login('8'));
      const echo = await login('7');
      const student = await join(echo);
      await student.inbox.take('here');
      await instructor.inbox.take('joining');
      const bells = new Inbox('bells');
      student.listen('.bell', (data) => bells.put({ event: 'bell', data }));

      const revoked = await classroom.drop('7');
      assert.deepEqual(revoked, [{ user: '7', channels: [COURSE], sockets: 1 }]);
      const error = await student.inbox.take('error');
      assert.equal(error.data.type, 'AccessRevoked');
      assert.equal(error.data.status, 403);
      assert.equal((await instructor.inbox.take('leaving')).data.id, '7');

      await sdk.trigger(COURSE, 'bell', {});
      await settled(echo.connector.pusher, sdk);
      assert.deepEqual(bells.items, []);
      assert.equal(echo.connector.pusher.connection.state, 'connected', 'the socket stays, other channels go on');
    });

    check('.error() of a private channel fires on revocation too', async () => {
      const echo = await login('7');
      const inbox = new Inbox('course.101');
      const channel = echo.private('course.101').error((error) => inbox.put({ event: 'error', data: error }));
      channel.subscribed(() => inbox.put({ event: 'subscribed' }));
      await inbox.take('subscribed');
      await classroom.drop('7');
      assert.equal((await inbox.take('error')).data.type, 'AccessRevoked');
    });

    check('a student who was dropped and is enrolled again joins again', async () => {
      const echo = await login('7');
      await (await join(echo)).inbox.take('here');
      await classroom.drop('7');
      await classroom.enroll('7');
      echo.leave('course.101.users');
      await (await join(echo)).inbox.take('here');
    });
  });
}

describe('seed 004: Echo.presence', () => {
  let server;
  let classroom;
  let echo;

  before(async () => {
    server = await startServer();
    classroom = await openClassroom(server);
  });
  afterEach(disconnectAll);
  after(() => {
    echo?.disconnect();
    return server?.stop();
  });

  check('its snippet runs with the three lines of the README, which stock Echo lacks', async () => {
    const readme = await readFile(new URL('../../README.md', import.meta.url), 'utf8');
    const [alias] = /Echo\.prototype\.presence = [^}]*};/.exec(readme);
    const Page = class extends Echo {};
    assert.equal(Page.prototype.presence, undefined);
    new Function('Echo', alias)(Page);
    echo = new Page({
      broadcaster: 'reverb',
      key: server.app.key,
      Pusher: Latest,
      ...options(server),
      authEndpoint: `${server.url}/broadcasting/auth`,
      bearerToken: await classroom.token('8'),
    });
    await reached(echo.connector.pusher, 'connected');

    const inbox = new Inbox('presence');
    const console = { log: (what, data) => inbox.put({ event: what, data }) };
    // As the seed has it; its `Echo` is the instance of the page.
    await (async (Echo, courseId) => {
      Echo.presence('course.' + courseId + '.users')
        .here((users) => console.log('Online users:', users))
        .joining((user) => console.log('User joined:', user))
        .leaving((user) => console.log('User left:', user));
    })(echo, '101');
    assert.deepEqual((await inbox.take('Online users:')).data.map(({ id, name }) => [id, name]), [['8', 'User 8']]);
    const student = await connected(Latest, server, { auth: endpoints(server), user: await classroom.token('7') });
    await subscribed(student, COURSE);
    assert.equal((await inbox.take('User joined:')).data.name, 'User 7');
    await gone(student);
    assert.equal((await inbox.take('User left:')).data.id, '7');
  });
});

describe('the auth endpoint of the server, pusher-js', () => {
  let server;
  let classroom;
  let token;

  before(async () => {
    server = await startServer();
    classroom = await openClassroom(server);
    token = await classroom.token('7');
  });
  afterEach(disconnectAll);
  after(() => server?.stop());

  for (const { name, Pusher, users } of versions) {
    for (const path of CHANNEL_PATHS) {
      check(`pusher-js ${name} joins in both grammars through ${path}`, async () => {
        const pusher = await connected(Pusher, server, { auth: endpoints(server, path), user: token });
        const course = await subscribed(pusher, COURSE);
        assert.equal(course.members.me.id, '7');
        assert.equal(course.members.me.info.name, 'User 7');
        await subscribed(pusher, 'presence-course-101');
        await subscribed(pusher, 'private-user-7');
      });
    }
    for (const path of USER_PATHS.filter(() => users)) {
      check(`pusher-js ${name} signs in through ${path}`, async () => {
        const auth = endpoints(server, CHANNEL_PATHS[0], path);
        const pusher = await connected(Pusher, server, { auth, user: token });
        const success = recordEvent(pusher, 'pusher:signin_success');
        pusher.signin();
        await success.take('pusher:signin_success');
        assert.equal(pusher.user.user_data.id, '7');
      });
    }
  }

  /** Asks the endpoint as a page does that brings its own handler. */
  const encodings = {
    json: (endpoint, params) => ({
      url: endpoint,
      body: JSON.stringify(params),
      headers: { 'content-type': 'application/json' },
    }),
    form: (endpoint, params) => ({ url: endpoint, body: new URLSearchParams(params) }),
    query: (endpoint, params) => ({ url: `${endpoint}?${new URLSearchParams(params)}` }),
  };

  for (const [encoding, encode] of Object.entries(encodings)) {
    for (const path of CHANNEL_PATHS) {
      check(`a handler of the page's own sends ${encoding} to ${path}`, async () => {
        const handler = async ({ socketId, channelName }, callback) => {
          const params = { socket_id: socketId, channel_name: channelName, last_event_id: 'E1' };
          const { url, body, headers } = encode(`${server.url}${path}`, params);
          const answer = await fetch(url, {
            method: 'POST',
            body,
            headers: { ...headers, authorization: `Bearer ${token}` },
          });
          callback(answer.ok ? null : new Error(String(answer.status)), await answer.json());
        };
        const channelAuthorization = { customHandler: handler };
        const pusher = await connected(Latest, server, { auth: endpoints(server), channelAuthorization });
        await subscribed(pusher, COURSE);
      });
    }
  }

  check('extra parameters of the page do no harm', async () => {
    const auth = endpoints(server);
    const channelAuthorization = {
      endpoint: auth.channelEndpoint,
      transport: 'ajax',
      headers: { Authorization: `Bearer ${token}` },
      params: { last_event_id: 'E1', tenant: 'a b&c' },
    };
    await subscribed(await connected(Latest, server, { auth, channelAuthorization }), COURSE);
  });

  check('a page without a token is refused with 401', async () => {
    const pusher = await connected(Latest, server, { auth: endpoints(server) });
    const inbox = record(pusher.subscribe(COURSE), COURSE);
    assert.equal((await inbox.take('pusher:subscription_error')).data.status, 401);
  });
});
