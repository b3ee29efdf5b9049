// The service of seed D (003_6408df0b98db9f3d.txt), `services/pusher`, over stock pusher-js: events of a channel arrive as
// { type, payload }, sending goes to the trigger endpoint. Host and port are the only additions.

/** Types that the seed's pages look at, by the names of events. */
const TYPES = { 'notification:new': 'NOTIFICATION', 'notification:read': 'NOTIFICATION_READ' };

export class PusherService {
  #Pusher;
  #options;
  #pusher;
  #subscriptions = new Map();
  #next = 1;

  constructor(Pusher, { key, api, ...options }) {
    this.#Pusher = Pusher;
    this.#options = { key, api, options };
  }

  /** Connects, with a token if there is one, and signs in with it. */
  async connect(token) {
    const { key, api, options } = this.#options;
    const headers = token ? { Authorization: `Bearer ${token}` } : {};
    this.#pusher = new this.#Pusher(key, {
      ...options,
      channelAuthorization: { endpoint: `${api}/pusher/auth`, transport: 'ajax', headers },
      userAuthentication: { endpoint: `${api}/pusher/user-auth`, transport: 'ajax', headers },
    });
    await new Promise((resolve, reject) => {
      this.#pusher.connection.bind('connected', resolve);
      this.#pusher.connection.bind('failed', reject);
    });
    if (!token) return;
    const signedIn = new Promise((resolve) => this.#pusher.connection.bind('message', ({ event }) => {
      if (event === 'pusher:signin_success') resolve();
    }));
    this.#pusher.signin();
    await signedIn;
  }

  subscribe(name, callback) {
    const id = this.#next++;
    const channel = this.#pusher.subscribe(name);
    const hear = (event, payload) => {
      if (!event.startsWith('pusher:')) callback({ type: TYPES[event] ?? event, payload });
    };
    channel.bind_global(hear);
    this.#subscriptions.set(id, { name, channel, hear });
    return id;
  }

  unsubscribe(id) {
    const { channel, hear, name } = this.#subscriptions.get(id);
    channel.unbind_global(hear);
    this.#subscriptions.delete(id);
    if (![...this.#subscriptions.values()].some((other) => other.name === name)) this.#pusher.unsubscribe(name);
  }

  get socket() {
    return this.#pusher;
  }

  disconnect() {
    this.#pusher?.disconnect();
  }
}
