// Live polls with stock clients: laravel-echo hears Laravel's names, pusher-js those with colons, both the same poll; who is
// not enrolled hears nothing and finds nothing.

import assert from 'node:assert/strict';
import { after, afterEach, before, describe } from 'node:test';

import Echo from 'laravel-echo';

import { check } from './support/check.mjs';
import { openClassroom } from './support/classroom.mjs';
import { Latest, connected, disconnectAll, options, reached, record, subscribed, versions } from './support/pusher-js.mjs';
import { startServer } from './support/server.mjs';
import { Inbox } from './support/wait.mjs';

const QUESTION = {
  course_id: '101',
  kind: 'single',
  question: 'Tabs or spaces?',
  options: [{ label: 'Tabs' }, { label: 'Spaces', is_correct: true }],
  settings: { results_visibility: 'live' },
};

describe('live polls with stock clients', () => {
  const open = [];
  let server;
  let classroom;
  let endpoints;

  before(async () => {
    server = await startServer();
    classroom = await openClassroom(server);
    endpoints = {
      channelEndpoint: `${server.url}/broadcasting/auth`,
      userEndpoint: `${server.url}/broadcasting/user-auth`,
    };
  });
  afterEach(() => {
    for (const echo of open.splice(0)) echo.disconnect();
    disconnectAll();
  });
  after(() => server?.stop());

  /** A request of a person. */
  async function as(user, method, path, body) {
    return classroom.ask(method, path, body, { authorization: `Bearer ${await classroom.token(user)}` });
  }

  /** Makes a poll and opens it; answers its path. */
  async function openPoll(more = {}) {
    const made = await as('8', 'POST', '/api/polls', { ...QUESTION, ...more });
    assert.equal(made.status, 201, JSON.stringify(made.json));
    const path = `/api/polls/${made.json.id}`;
    assert.equal((await as('8', 'POST', `${path}/open`)).status, 200);
    return path;
  }

  /** An Echo of `user` with the token of the server, connected. */
  async function login(user) {
    const echo = new Echo({
      broadcaster: 'reverb',
      key: server.app.key,
      Pusher: Latest,
      ...options(server),
      authEndpoint: endpoints.channelEndpoint,
      userAuthentication: { endpoint: endpoints.userEndpoint, headers: {} },
      bearerToken: await classroom.token(user),
    });
    open.push(echo);
    await reached(echo.connector.pusher, 'connected');
    return echo;
  }

  check('laravel-echo hears a poll open, its results and its end, by class and by alias', async () => {
    const echo = await login('7');
    const inbox = new Inbox('course.101');
    const put = (event) => (data) => inbox.put({ event, data });
    const channel = echo.private('course.101').subscribed(put('subscribed'));
    channel.listen('PollOpened', put('PollOpened')).listen('.poll.opened', put('poll.opened'));
    channel.listen('PollResults', put('PollResults')).listen('.poll.closed', put('poll.closed'));
    await inbox.take('subscribed');

    const path = await openPoll();
    const { data } = await inbox.take('PollOpened');
    assert.equal(data.poll.question, QUESTION.question);
    assert.equal(data.poll.results_visibility ?? data.poll.settings.results_visibility, 'live');
    assert.equal((await inbox.take('poll.opened')).data.event_id, data.event_id);

    assert.equal((await as('7', 'PUT', `${path}/vote`, { option_ids: ['2'] })).status, 201);
    const results = await inbox.take(({ event, data: { total } }) => event === 'PollResults' && total === 1);
    assert.deepEqual(
      results.data.tallies.map(({ option_id, count }) => [option_id, count]),
      [['1', 0], ['2', 1]],
    );
    assert.equal((await as('8', 'POST', `${path}/close`)).status, 200);
    const closed = await inbox.take('poll.closed');
    assert.equal(closed.data.poll.options[1].is_correct, true);
    assert.equal((await as('7', 'PUT', `${path}/vote`, { option_ids: ['1'] })).status, 410);
  });

  for (const { name, Pusher } of versions) {
    check(`pusher-js ${name} hears poll:opened, poll:results and poll:closed in camelCase`, async () => {
      const pusher = await connected(Pusher, server, { auth: endpoints, user: await classroom.token('7') });
      const channel = await subscribed(pusher, 'private-course-101');
      const inbox = record(channel);
      const path = await openPoll();
      const opened = await inbox.take('poll:opened');
      assert.equal(opened.data.poll.courseId, '101');
      assert.equal(opened.data.actor.role, 'instructor');
      assert.equal((await as('7', 'PUT', `${path}/vote`, { option_ids: ['1'] })).status, 201);
      const { id } = opened.data.poll;
      const results = await inbox.take(({ event, data }) => event === 'poll:results' && data.pollId === id && data.total === 1);
      assert.deepEqual(
        results.data.tallies.map(({ optionId, count }) => [optionId, count]),
        [['1', 1], ['2', 0]],
      );
      assert.equal((await as('8', 'POST', `${path}/close`)).status, 200);
      const closed = await inbox.take(({ event, data }) => event === 'poll:closed' && data.poll.id === id);
      assert.equal(closed.data.poll.state, 'closed');
    });
  }

  check('a second tab hears of the vote, and the second vote is refused where votes are final', async () => {
    const pusher = await connected(Latest, server, { auth: endpoints, user: await classroom.token('7') });
    const inbox = record(await subscribed(pusher, 'private-user-7'));
    const path = await openPoll({ settings: { change_vote: false } });
    assert.equal((await as('7', 'PUT', `${path}/vote`, { option_ids: ['1'] })).status, 201);
    const voted = await inbox.take('poll:voted');
    assert.deepEqual([voted.data.voted, voted.data.ballot.optionIds], [true, ['1']]);
    const again = await as('7', 'PUT', `${path}/vote`, { option_ids: ['2'] });
    assert.deepEqual([again.status, again.json.code], [409, 'already_voted']);
  });

  check('a stranger hears nothing, finds nothing and is told why', async () => {
    const pusher = await connected(Latest, server, { auth: endpoints, user: await classroom.token('9') });
    const inbox = record(pusher.subscribe('private-course-101'));
    assert.equal((await inbox.take('pusher:subscription_error')).data.status, 403);
    const path = await openPoll();
    const vote = await as('9', 'PUT', `${path}/vote`, { option_ids: ['1'] });
    assert.deepEqual([vote.status, vote.json.code], [404, 'not_found']);
    const made = await as('9', 'POST', '/api/polls', QUESTION);
    assert.deepEqual([made.status, made.json.code], [403, 'not_enrolled']);
    assert.ok(made.json.detail);
    assert.deepEqual(inbox.items, []);
  });
});
