// How long a socket of stock pusher-js lives on a token, where the app says `session_lease=token`: T18, token refresh without
// reconnect.

import assert from 'node:assert/strict';
import { generateKeyPairSync, sign } from 'node:crypto';
import { after, afterEach, before, describe } from 'node:test';

import { check } from './support/check.mjs';
import { openClassroom } from './support/classroom.mjs';
import { connected, disconnectAll, reached, settled, subscribed, versions } from './support/pusher-js.mjs';
import { startServer } from './support/server.mjs';

const ISSUER = 'https://issuer.example';
const { publicKey, privateKey } = generateKeyPairSync('ed25519');

/** A token of user 7 that ends in so many seconds. One that has ended is taken for 30 s; a socket lives on it for 25 s. */
function token(seconds) {
  const now = Math.floor(Date.now() / 1000);
  const claims = { iss: ISSUER, aud: 'campus', sub: '7', iat: now - 60, exp: now + seconds };
  const text = [{ alg: 'EdDSA', typ: 'JWT' }, claims]
    .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
    .join('.');
  return `${text}.${sign(null, Buffer.from(text), privateKey).toString('base64url')}`;
}

describe('token refresh without reconnect (T18)', () => {
  let server;

  before(async () => {
    server = await startServer({
      settings: { session_lease: 'token' },
      env: {
        CAMPANILE_JWT_ISSUER: ISSUER,
        CAMPANILE_JWT_ALGORITHM: 'EdDSA',
        CAMPANILE_JWT_AUDIENCE: 'campus',
        CAMPANILE_JWT_PUBLIC_KEY: publicKey.export({ type: 'spki', format: 'pem' }),
      },
    });
    await openClassroom(server);
  });
  afterEach(disconnectAll);
  after(() => server?.stop());

  /** A window that shows `page.token`, whatever that is then. */
  async function visit(Pusher, page) {
    const headersProvider = () => ({ Authorization: `Bearer ${page.token}` });
    const endpoint = `${server.url}/pusher/auth`;
    const pusher = await connected(Pusher, server, {
      channelAuthorization: { endpoint, transport: 'ajax', headersProvider },
      userAuthentication: { endpoint: `${server.url}/pusher/user-auth`, transport: 'ajax', headersProvider },
      authEndpoint: endpoint,
    });
    // 7.0 reads the headers here for each request.
    pusher.config.auth = {
      headers: {
        get Authorization() {
          return headersProvider().Authorization;
        },
      },
    };
    return pusher;
  }

  for (const { name, Pusher } of versions) {
    check(`pusher-js ${name} stays when it has another channel authorised with a newer token, and ends when it has not`, async () => {
      const page = { token: token(-20) };
      const renewed = await visit(Pusher, page);
      await subscribed(renewed, 'private-user-7');
      // It lives a second longer than the other one would.
      page.token = token(-19);
      const old = await visit(Pusher, page);
      await subscribed(old, 'private-course-101');
      page.token = token(600);
      await subscribed(renewed, 'private-course-101');

      await reached(old, 'disconnected');
      assert.equal((await old.errors.take((error) => error.error)).error.data.code, 4009);
      await settled(renewed, server.sdk());
      assert.deepEqual(renewed.states.named('disconnected'), []);
    });
  }

  for (const { name, Pusher } of versions.filter(({ users }) => users)) {
    check(`pusher-js ${name} asks no second time when signin() is called again, and ends with its first token`, async () => {
      const page = { token: token(-20) };
      const pusher = await visit(Pusher, page);
      pusher.signin();
      await pusher.frames.take('pusher:signin_success');
      page.token = token(600);
      pusher.signin();
      await reached(pusher, 'disconnected');
      assert.equal((await pusher.errors.take((error) => error.error)).error.data.code, 4009);
      assert.deepEqual(pusher.frames.named('pusher:signin_success'), []);
    });
  }
});
