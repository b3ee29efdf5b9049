// What seeds 001_b7bc075fc5824100.txt (viewers of a chapter, counter of the platform, user:active) and
// 002_07242690cbebba55.txt (presence of a thread, typing) do with presence, with stock pusher-js against the server's own auth
// endpoint; only host and port are added. T6, T7, T10, T15.

import assert from 'node:assert/strict';
import { after, afterEach, before, describe } from 'node:test';

import { check } from './support/check.mjs';
import { openClassroom } from './support/classroom.mjs';
import { Latest, connected, disconnectAll, gone, record, subscribe, subscribed, versions } from './support/pusher-js.mjs';
import { startServer } from './support/server.mjs';
import { Inbox, until } from './support/wait.mjs';

/** Server, its own auth endpoint and a course with chapter 5. */
function classroom(settings = {}) {
  const here = {};
  before(async () => {
    here.server = await startServer({ settings });
    here.classroom = await openClassroom(here.server);
    await here.classroom.put('/api/chapters/5', { course: '101', title: 'Loops' });
    const path = (path) => `${here.server.url}${path}`;
    here.auth = { channelEndpoint: path('/api/pusher/auth'), userEndpoint: path('/api/pusher/user-auth') };
  });
  afterEach(disconnectAll);
  after(() => here.server?.stop());
  /** A window of a user, who is logged in. */
  here.window = async (user, Pusher = Latest) =>
    connected(Pusher, here.server, { auth: here.auth, user: await here.classroom.token(user) });
  return here;
}

/** Seed 001: a list of viewers from `subscription_succeeded`, `member_added` and `member_removed`, without duplicates. */
function viewers(channel) {
  const seen = { list: [], notices: [] };
  channel.bind('pusher:subscription_succeeded', (members) => {
    seen.list = [];
    members.each((member) => seen.list.push({ id: member.id, ...member.info }));
    seen.count = members.count;
  });
  channel.bind('pusher:member_added', (member) => {
    seen.list = [...seen.list.filter((viewer) => viewer.id !== member.id), { id: member.id, ...member.info }];
    seen.notices.push(`${member.info.name} joined`);
    seen.count = channel.members.count;
  });
  channel.bind('pusher:member_removed', (member) => {
    seen.list = seen.list.filter((viewer) => viewer.id !== member.id);
    seen.count = channel.members.count;
  });
  return seen;
}

for (const { name, Pusher } of versions) {
  describe(`viewers of a chapter, pusher-js ${name}`, () => {
    const here = classroom();

    check('two people are two viewers, and one after a window is closed', async () => {
      const [one, other] = [await here.window('7', Pusher), await here.window('8', Pusher)];
      const seen = viewers(one.subscribe('presence-chapter-5'));
      await until(() => seen.count === 1, 'alone');
      await subscribed(other, 'presence-chapter-5');
      await until(() => seen.count === 2, '2 viewing');
      assert.deepEqual(seen.notices, ['User 8 joined'], 'the notice has a name');
      assert.deepEqual(seen.list.at(-1), { id: '8', name: 'User 8', avatar: null, role: 'instructor' });
      await gone(other);
      await until(() => seen.count === 1, '1 viewing');
    });

    check('two tabs of one user are one member, and closing one tells nobody', async () => {
      const [watcher, tab, second] = await Promise.all(['8', '7', '7'].map((user) => here.window(user, Pusher)));
      const seen = viewers(watcher.subscribe('presence-chapter-5'));
      await until(() => seen.count === 1, 'alone');
      await subscribed(tab, 'presence-chapter-5');
      await subscribed(second, 'presence-chapter-5');
      await until(() => seen.count === 2, 'two people');
      await gone(tab);
      const later = await here.window('7', Pusher);
      await subscribed(later, 'presence-chapter-5');
      assert.deepEqual([seen.count, seen.notices], [2, ['User 7 joined']]);
    });
  });

  describe(`typing in a thread, pusher-js ${name}`, () => {
    // Threads have no rules yet; the operator says who hears them.
    const here = classroom({ channel_routes: 'presence-thread-{id}=org:5' });
    before(async () => {
      await here.classroom.put('/api/orgs/5', { name: 'School' });
      for (const user of ['7', '8']) await here.classroom.put(`/api/users/${user}`, { name: `User ${user}`, org: '5' });
    });

    check('typing shows once, under the true name, and disappears when the tab is killed', async () => {
      const [reader, writer] = [await here.window('7', Pusher), await here.window('8', Pusher)];
      const channel = await subscribed(reader, 'presence-thread-t1');
      let typingUsers = [];
      // Seed 002 appends a name on every such event.
      channel.bind('client-typing', (data) => {
        typingUsers = [...typingUsers, data.userName];
      });
      const stopped = new Inbox('stopped');
      channel.bind('client-typing-stopped', (data) => {
        typingUsers = typingUsers.filter((name) => name !== data.userName);
        stopped.put({ event: 'stopped', data });
      });
      const own = await subscribed(writer, 'presence-thread-t1');
      for (let key = 0; key < 5; key += 1) own.trigger('client-typing', { userId: '7', userName: 'Somebody else' });
      await until(() => typingUsers.length > 0, 'typing');
      assert.deepEqual(typingUsers, ['User 8']);
      await gone(writer);
      const { data } = await stopped.take('stopped');
      assert.equal(data.userId, '8');
      assert.deepEqual(typingUsers, []);
    });

    check('who does not belong to the org is refused with 403', async () => {
      const inbox = record((await here.window('9', Pusher)).subscribe('presence-thread-t1'), 'of a stranger');
      assert.equal((await inbox.take('pusher:subscription_error')).data.status, 403);
    });
  });
}

describe('counter of the platform', () => {
  const here = classroom({ presence_full_member_limit: 3, presence_listed_members: 2, presence_grace: 0 });

  check('the counter is exact beyond the limit of the list, and oneself stays in it', async () => {
    for (const user of ['20', '21', '22', '23', '24']) await here.classroom.enroll(user);
    const watcher = await here.window('20');
    const channel = watcher.subscribe('presence-global');
    const seen = viewers(channel);
    await until(() => seen.count === 1, 'alone');
    const others = [];
    for (const user of ['21', '22', '23', '24', '8']) {
      const pusher = await here.window(user);
      subscribe(pusher, 'presence-global');
      others.push(pusher);
    }
    await until(() => seen.count === 6, 'all are counted');
    assert.equal(channel.members.me.id, '20');
    assert.ok(channel.members.get('8'), 'staff is listed');
    assert.equal(channel.members.get('21'), null, 'not everybody is');
    for (const pusher of others.splice(0, 4)) await gone(pusher);
    await until(() => seen.count === 2, 'those who left are not');
    assert.deepEqual(Object.keys(channel.members.members).sort(), ['20', '8'], 'everybody is listed again');
  });

  check('a course hears who comes, is away, active again, and goes', async () => {
    const watcher = await here.window('8');
    const channel = await subscribed(watcher, 'private-course-101');
    const inbox = record(channel, 'course');
    const token = await here.classroom.token('7');
    const say = (method, path, body) =>
      fetch(`${here.server.url}${path}`, {
        method,
        headers: { authorization: `Bearer ${token}`, ...(body ? { 'content-type': 'application/json' } : {}) },
        ...(body ? { body: JSON.stringify(body) } : {}),
      });
    const online = await (await say('POST', '/api/realtime/presence/online')).json();
    assert.equal(online.interval, 30);
    // Windows of the test before may still be told to have gone.
    const told = async (event) => (await inbox.take((item) => item.event === event && item.data.user.id === '7')).data;
    assert.deepEqual((await told('user:online')).user, {
      id: '7', name: 'User 7', role: 'student', status: 'online',
    });
    await say('PATCH', '/api/me/status', { status: 'away' });
    assert.equal((await told('user:away')).user.status, 'away');
    await say('PATCH', '/api/me/status', { status: 'online' });
    assert.equal((await told('user:active')).user.status, 'online');
    assert.equal((await say('POST', '/api/realtime/presence/offline')).status, 204);
    assert.equal((await told('user:offline')).user.status, 'offline');
  });
});
