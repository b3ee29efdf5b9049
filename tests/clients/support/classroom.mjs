// A school on a server: an API key, a course with people, and tokens for them, all made as an operator makes them.

import { WAIT_MS } from './wait.mjs';

class Classroom {
  #server;
  #key;

  constructor(server, key) {
    this.#server = server;
    this.#key = key;
  }

  /** A request of the learning platform; answers `{ status, json }`. */
  async ask(method, path, body, headers = {}) {
    const answer = await fetch(`${this.#server.url}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${this.#key}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(WAIT_MS),
    });
    return { status: answer.status, json: await answer.json() };
  }

  /** Puts an object that must be taken. */
  async put(path, body) {
    const { status, json } = await this.ask('PUT', path, body);
    if (status !== 200 && status !== 201) throw new Error(`PUT ${path}: ${status} ${JSON.stringify(json)}`);
    return json;
  }

  /** Enrolls a user in course 101; the enrollment has the user's id. */
  async enroll(user, role = 'student') {
    await this.put(`/api/users/${user}`, { name: `User ${user}` });
    return this.put(`/api/enrollments/${user}`, { user, course: '101', role });
  }

  /** Drops a user from course 101; answers whose access that ended. */
  async drop(user) {
    return (await this.ask('DELETE', `/api/enrollments/${user}`)).json.revoked;
  }

  /** A session token for a user. */
  async token(user) {
    return (await this.#server.command('token', 'issue', '--user', user)).trim();
  }
}

/** Makes an API key and course 101 with the student 7 and the instructor 8; 9 is known and not enrolled. */
export async function openClassroom(server, scopes = 'roster:write,access:write,chat:write') {
  const key = await server.command('api-key', 'create', '--name', 'platform', '--scope', scopes);
  const classroom = new Classroom(server, key.trim());
  await classroom.put('/api/courses/101', { title: 'Computing' });
  await classroom.enroll('7');
  await classroom.enroll('8', 'instructor');
  await classroom.put('/api/users/9', { name: 'User 9' });
  return classroom;
}
