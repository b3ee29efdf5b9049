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

const dropped = await good('drop', office.DELETE('/api/enrollments/{id}', at('900-1')));
check(dropped.outcome === 'deleted', 'the enrollment is dropped');
const after = await good('explain', student.GET('/api/access/explain', { params: { query: { channel } } }));
check(!after.allow, 'and with it the access');
const changes = await good('changes', office.GET('/api/roster/changes', { params: { query: { since_seq: 0 } } }));
check(changes.data.some((change) => change.kind === 'enrollment' && change.action === 'deleted'), 'the log tells of it');
await good('delete', office.DELETE('/api/courses/{id}', at('900')));

console.log('the story holds in TypeScript');
