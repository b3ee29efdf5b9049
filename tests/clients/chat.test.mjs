// The chat of the seed document 004_34840c1156e14591.txt (phases 6 and 7) with stock clients, in both grammars:
// `Echo.private('chat.' + chatId).listen('ChatMessageSent', …)` and `pusher.subscribe('private-chat-…')`, fed by
// `POST /api/chat/messages`.

import assert from 'node:assert/strict';
import { after, afterEach, before, describe } from 'node:test';

import Echo from 'laravel-echo';

import { check } from './support/check.mjs';
import { openClassroom } from './support/classroom.mjs';
import { Latest, connected, disconnectAll, options, reached, settled, subscribed } from './support/pusher-js.mjs';
import { startServer } from './support/server.mjs';
import { Inbox } from './support/wait.mjs';

describe('a chat', () => {
  const open = [];
  let server;
  let classroom;
  let chatId;

  before(async () => {
    server = await startServer();
    classroom = await openClassroom(server);
    const made = await classroom.ask('POST', '/api/chats', { kind: 'course', course: '101', title: 'Questions' });
    assert.equal(made.status, 201, JSON.stringify(made.json));
    chatId = made.json.id;
  });
  afterEach(() => {
    for (const echo of open.splice(0)) echo.disconnect();
    disconnectAll();
  });
  after(() => server?.stop());

  async function login(user) {
    const echo = new Echo({
      broadcaster: 'reverb',
      key: server.app.key,
      Pusher: Latest,
      ...options(server),
      authEndpoint: `${server.url}/broadcasting/auth`,
      bearerToken: await classroom.token(user),
    });
    open.push(echo);
    await reached(echo.connector.pusher, 'connected');
    return echo;
  }

  /** Somebody says something as a page does: with their token, and with the id of their socket if they have one. */
  async function say(user, message, socketId) {
    const authorization = `Bearer ${await classroom.token(user)}`;
    const headers = { authorization, ...(socketId ? { 'x-socket-id': socketId } : {}) };
    const answer = await classroom.ask('POST', '/api/chat/messages', { chat_id: chatId, message }, headers);
    return answer;
  }

  check('Echo hears ChatMessageSent and .chat.message.sent once each, and the sender hears neither', async () => {
    const [student, teacher] = [await login('7'), await login('8')];
    const inbox = new Inbox('chat');
    const hear = (echo, of) =>
      new Promise((resolve) => {
        echo
          .private('chat.' + chatId)
          .listen('ChatMessageSent', (e) => inbox.put({ event: `${of} class`, data: e.message }))
          .listen('.chat.message.sent', (e) => inbox.put({ event: `${of} alias`, data: e.message }))
          .subscribed(resolve);
      });
    await Promise.all([hear(student, 'student'), hear(teacher, 'teacher')]);
    const said = await say('7', 'Does the loop end?', student.socketId());
    assert.equal(said.status, 201, JSON.stringify(said.json));
    for (const name of ['teacher class', 'teacher alias']) {
      const { data } = await inbox.take(name);
      assert.deepEqual(data, said.json);
      assert.equal(data.text, 'Does the loop end?');
    }
    await settled(teacher.connector.pusher, server.sdk());
    await settled(student.connector.pusher, server.sdk());
    assert.deepEqual(inbox.items, []);
  });

  check('pusher-js hears message:new in camelCase on private-chat-{id}', async () => {
    const channelAuthorization = {
      endpoint: `${server.url}/pusher/auth`,
      transport: 'ajax',
      headers: { authorization: `Bearer ${await classroom.token('7')}` },
    };
    const pusher = await connected(Latest, server, { channelAuthorization });
    const channel = await subscribed(pusher, `private-chat-${chatId}`);
    const inbox = new Inbox('message:new');
    channel.bind('message:new', (data) => inbox.put({ event: 'message:new', data }));
    const said = await say('8', 'It does.');
    const { data } = await inbox.take('message:new');
    assert.deepEqual(
      [data.message.id, data.message.chatId, data.message.authorId, data.message.content],
      [said.json.id, chatId, '8', 'It does.'],
    );
    assert.match(data.event_id, /^[0-9A-HJKMNP-TV-Z]{26}$/);
  });

  check('a stranger is refused on the channel and by the route', async () => {
    const stranger = await login('9');
    const refused = await new Promise((resolve) => stranger.private('chat.' + chatId).error(resolve));
    assert.equal(refused.status, 403);
    const said = await say('9', 'Let me in');
    assert.equal(said.status, 404);
    assert.match(said.json.detail, /not yours/);
  });
});
