// Stock pusher-js that loses its connection: with `last_event_id` among its auth parameters it gets what it has missed, once.

import assert from 'node:assert/strict';
import { after, afterEach, before, describe } from 'node:test';

import { check } from './support/check.mjs';
import { openClassroom } from './support/classroom.mjs';
import { Latest, connected, disconnectAll, reached, record, settled, versions } from './support/pusher-js.mjs';
import { startServer } from './support/server.mjs';
import { Inbox, until } from './support/wait.mjs';

const CHAT = 'lesson';
const CHANNEL = `private-chat-${CHAT}`;

describe('a chat that is cut off and comes back', () => {
  let server;
  let classroom;
  let said = 0;

  before(async () => {
    server = await startServer();
    classroom = await openClassroom(server, 'roster:write,access:write,chat:write');
    const body = { id: CHAT, kind: 'course', course: '101', title: 'Lesson' };
    const made = await classroom.ask('POST', '/api/chats', body);
    assert.equal(made.status, 201, JSON.stringify(made.json));
  });
  afterEach(disconnectAll);
  after(() => server?.stop());

  /** Says something in the chat as a program, which nobody paces; said again under its number, it is said once. */
  async function say(number = (said += 1)) {
    const body = { chat_id: CHAT, message: `message ${number}`, client_id: `c${number}` };
    const answer = await classroom.ask('POST', '/api/chat/messages', body);
    assert.ok(answer.status < 300, JSON.stringify(answer.json));
  }

  /** A student's client that remembers what it has heard last, and tells it whenever it asks for the channel. */
  async function student(Pusher) {
    const memory = { last_event_id: '' };
    const auth = { channelEndpoint: `${server.url}/broadcasting/auth`, params: memory };
    const pusher = await connected(Pusher, server, { auth, user: (await classroom.token('7')).trim() });
    const channel = pusher.subscribe(CHANNEL);
    const inbox = new Inbox('messages of the chat');
    channel.bind_global((event, data) => {
      if (data?.event_id && data.epoch) memory.last_event_id = data.event_id;
      if (!event.startsWith('pusher:')) inbox.put({ event, data });
    });
    channel.answers = record(channel, 'answers');
    await channel.answers.take('pusher:subscription_succeeded');
    return { pusher, channel, inbox, memory };
  }

  /** Lets a student be seen typing. */
  async function type(user) {
    const answer = await fetch(`${server.url}/api/typing`, {
      method: 'POST',
      headers: { authorization: `Bearer ${(await classroom.token(user)).trim()}`, 'content-type': 'application/json' },
      body: JSON.stringify({ chat_id: CHAT, typing: true }),
    });
    assert.equal(answer.status, 204);
  }

  const seqs = (inbox) => inbox.items.map(({ data }) => data.seq);

  for (const { name, Pusher } of versions) {
    check(`pusher-js ${name} misses nothing and hears nothing twice when the server comes back after a crash`, async () => {
      const { pusher, channel, inbox } = await student(Pusher);
      for (let count = 0; count < 3; count += 1) await say();
      await until(() => inbox.items.length === 3, 'three messages');
      await server.kill();
      await until(() => pusher.connection.state !== 'connected', 'the loss of the connection');
      channel.answers.clear();
      await server.start();
      for (let count = 0; count < 5; count += 1) await say();
      // pusher-js waits longer and longer between attempts.
      await channel.answers.take('pusher:subscription_succeeded', 45_000);
      await say();
      await until(() => inbox.items.length >= 9, 'nine messages');
      await settled(pusher, server.sdk());
      const heard = seqs(inbox);
      assert.deepEqual(heard, Array.from({ length: 9 }, (_, at) => heard[0] + at));
      assert.ok(inbox.items.every(({ event }) => event === 'message:new'), JSON.stringify(inbox.items));
    });

    check(`pusher-js ${name} misses nothing when only its own connection breaks`, async () => {
      const { pusher, channel, inbox } = await student(Pusher);
      await say();
      await until(() => inbox.items.length === 1, 'a message');
      // What is heard last is not kept, and no place to go on from.
      await type('8');
      await until(() => inbox.items.length === 2, 'somebody who types');
      assert.equal(inbox.items.pop().event, 'client-typing');
      channel.answers.clear();
      pusher.disconnect();
      await reached(pusher, 'disconnected');
      for (let count = 0; count < 3; count += 1) await say();
      pusher.connect();
      await channel.answers.take('pusher:subscription_succeeded');
      await say();
      await until(() => inbox.items.length >= 5, 'five messages');
      await settled(pusher, server.sdk());
      const heard = seqs(inbox);
      assert.deepEqual(heard, Array.from({ length: 5 }, (_, at) => heard[0] + at));
    });

    check(`pusher-js ${name} is told of the gap when it has heard of nothing that is kept`, async () => {
      const { pusher, channel, inbox, memory } = await student(Pusher);
      await say();
      await until(() => inbox.items.length === 1, 'a message');
      pusher.disconnect();
      await reached(pusher, 'disconnected');
      memory.last_event_id = '01ARZ3NDEKTSV4RRFFQ69G5FAV';
      channel.answers.clear();
      pusher.connect();
      await channel.answers.take('pusher:subscription_succeeded');
      await settled(pusher, server.sdk());
      assert.deepEqual(inbox.items.slice(1).map(({ event }) => event), ['stream:gap']);
      assert.equal(inbox.items[1].data.topic, `chat.${CHAT}`);
    });
  }

  check('what is said while the server is killed is heard once, and by whoever was answered', async () => {
    const { pusher, channel, inbox } = await student(Latest);
    const numbers = Array.from({ length: 60 }, () => (said += 1));
    let answered = 0;
    // Gathered at once: what fails while the server is being killed is expected, not unhandled.
    const first = Promise.allSettled(numbers.map((number) => say(number).then(() => (answered += 1))));
    await until(() => answered >= 10, 'ten answers');
    channel.answers.clear();
    await server.kill();
    const outcomes = await first;
    await server.start();
    // Some of those without an answer are in the chat all the same: the number of each makes it one message.
    for (const [at, number] of numbers.entries()) if (outcomes[at].status === 'rejected') await say(number);
    await channel.answers.take('pusher:subscription_succeeded', 45_000);
    await until(() => inbox.items.length >= numbers.length, 'all messages');
    await settled(pusher, server.sdk());
    const bodies = inbox.items.map(({ data }) => data.message.body);
    assert.deepEqual([...bodies].sort(), numbers.map((number) => `message ${number}`).sort());
    const heard = seqs(inbox);
    assert.deepEqual(heard, Array.from({ length: heard.length }, (_, at) => heard[0] + at));
  });
});
