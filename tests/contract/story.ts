// A classroom, told with the client that openapi-typescript makes of the description: it compiles with --strict, so every path,
// parameter, body and answer below is one that the description promises.

import createClient from 'openapi-fetch';

import type { components, paths } from './schema.js';

type Problem = components['schemas']['Problem'];

const need = (name: string): string => {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is missing`);
  return value;
};

const client = (proof: string) =>
  createClient<paths>({ baseUrl: need('SCHOOL_URL'), headers: { authorization: `Bearer ${proof}` } });

const office = client(need('SCHOOL_KEY'));
const student = client(need('SCHOOL_STUDENT'));
const teacher = client(need('SCHOOL_TEACHER'));

function check(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Error(what);
}

/** What was asked for; a refusal ends the story. */
async function good<T>(what: string, asked: Promise<{ data?: T; error?: Problem; response: Response }>): Promise<T> {
  const { data, error, response } = await asked;
  check(response.ok && data !== undefined, `${what}: ${response.status} ${JSON.stringify(error)}`);
  return data;
}

/** The refusal, which must have this code. */
async function refused(code: string, asked: Promise<{ error?: Problem; response: Response }>): Promise<Problem> {
  const { error, response } = await asked;
  check(error?.code === code, `expected ${code}, got ${response.status} ${JSON.stringify(error)}`);
  return error;
}

const at = (id: string) => ({ params: { path: { id } } });

const status = await good('status', student.GET('/api/realtime/status'));
check(status.me?.id === '1', 'the student is known');
check(Math.abs(Date.parse((await good('time', office.GET('/api/time'))).time) - Date.now()) < 60_000, 'clocks agree');

const users = await good('users', office.GET('/api/users', { params: { query: { limit: 2 } } }));
check(users.data.length === 2 && users.page.has_more, 'the example roster is there');
const cursor = users.page.next_cursor ?? '';
const rest = await good('users', office.GET('/api/users', { params: { query: { cursor } } }));
check(rest.data.every((user) => user.id !== users.data[0]?.id), 'the second page goes on');

const course = await good('course', office.PUT('/api/courses/{id}', { ...at('900'), body: { title: 'Story' } }));
check(course.visibility === 'enrolled' && course.version === 1, 'what is left out has its default');
const stale = office.PUT('/api/courses/{id}', {
  params: { path: { id: '900' }, header: { 'If-Match': '"7"' } },
  body: { title: 'Too late' },
});
await refused('version_mismatch', stale);
const enrollment = { user: '1', course: '900', role: 'student' } as const;
await good('enrollment', office.PUT('/api/enrollments/{id}', { ...at('900-1'), body: enrollment }));
const wrong = await refused(
  'invalid_fields',
  office.PUT('/api/enrollments/{id}', { ...at('900-2'), body: { ...enrollment, user: 'nobody' } }),
);
check(wrong.errors[0]?.pointer === '/user', 'the fault is named');

const channel = 'presence-course.900.users';
const explained = await good('explain', student.GET('/api/access/explain', { params: { query: { channel } } }));
check(explained.allow && explained.role === 'student', 'the student may hear the course');
const signed = await good(
  'authorize',
  student.POST('/broadcasting/auth', { body: { socket_id: '1.2', channel_name: channel } }),
);
check(signed.auth.includes(':'), 'the subscription is signed');
await refused('missing_scope', student.GET('/api/orgs'));

await good('teacher', office.PUT('/api/enrollments/{id}', { ...at('900-2'), body: { user: '10', course: '900', role: 'instructor' } }));
const here = await good('online', student.POST('/api/realtime/presence/online', { body: {} }));
check(here.interval === 30, 'the student says it again every 30 s');
await good('status', student.PATCH('/api/me/status', { body: { status: 'busy', text: 'Learning' } }));
const people = await good('people', teacher.GET('/api/presence/users', { params: { query: { ids: ['1'] } } }));
check(people.data[0]?.status === 'busy', 'the teacher sees the student');
const typed = await student.POST('/api/typing', { body: { channel: 'private-course-900', typing: true } });
check(typed.response.status === 204, 'the student types');

await good('chat', office.POST('/api/chats', { body: { id: 'story', kind: 'course', course: '900', title: 'Story' } }));
const said = await good(
  'message',
  student.POST('/api/chat/messages', { body: { chat_id: 'story', body: 'Does it end?', client_id: 'tmp-1' } }),
);
await good('reaction', teacher.PUT('/api/messages/{id}/reactions/{emoji}', { params: { path: { id: said.id, emoji: '👍' } } }));
const messages = await good('messages', teacher.GET('/api/chats/{id}/messages', at('story')));
check(messages.data[0]?.body === 'Does it end?' && messages.stream.topic === 'chat.story', 'the chat can be read and followed');
const events = await good('events', student.GET('/api/streams/{topic}/events', { params: { path: { topic: 'chat.story' } } }));
check(events.data.length > 0, 'what was said can be caught up with');

const audience: components['schemas']['AudienceBody'] = { type: 'course', ids: ['900'] };
await good(
  'announcement',
  teacher.POST('/api/notifications/broadcast', { body: { audience, category: 'live', title: 'We begin' } }),
);
const news = await good('news', student.GET('/api/notifications/realtime'));
check(typeof news !== 'string' && news.items.some((one) => one.title === 'We begin'), 'the student is notified');
const begun = { audience, event: 'exam.started', data: { room: 'B 12' }, durable: true, require_ack: true };
const sent = await good('broadcast', teacher.POST('/api/broadcasts', { body: begun }));
await good('ack', student.POST('/api/broadcasts/{id}/ack', at(sent.broadcast_id)));
await refused('not_enrolled', client(need('SCHOOL_STRANGER')).POST('/api/broadcasts', { body: begun }));

const poll = await good(
  'poll',
  teacher.POST('/api/polls', { body: { course_id: '900', kind: 'yes_no', question: 'Clear so far?' } }),
);
await good('open', teacher.POST('/api/polls/{id}/open', at(poll.id)));
await good('vote', student.PUT('/api/polls/{id}/vote', { ...at(poll.id), body: { option_ids: ['1'] } }));
await good('close', teacher.POST('/api/polls/{id}/close', at(poll.id)));
const results = await good('results', student.GET('/api/polls/{id}/results', at(poll.id)));
check(results.total === 1 && results.tallies[0]?.count === 1, 'the vote is counted');

const dropped = await good('drop', office.DELETE('/api/enrollments/{id}', at('900-1')));
check(dropped.outcome === 'deleted', 'the enrollment is dropped');
const after = await good('explain', student.GET('/api/access/explain', { params: { query: { channel } } }));
check(!after.allow, 'and with it the access');
const changes = await good('changes', office.GET('/api/roster/changes', { params: { query: { since_seq: 0 } } }));
check(changes.data.some((change) => change.kind === 'enrollment' && change.action === 'deleted'), 'the log tells of it');
await good('delete', office.DELETE('/api/courses/{id}', at('900')));

console.log('the story holds in TypeScript');
