// The service of seed 003_6408df0b98db9f3d.txt, `services/pusher`, over stock pusher-js: events of a channel arrive as
// { type, payload }. What is sent goes to the trigger endpoint, for all channels that it hears, without a token, as in the
// seed's curl line; servers in development mode let that in. Host and port are the only additions.

/** Types that the seed's pages look at, by the names of events. */
const TYPES = { 'notification:new': 'NOTIFICATION', 'notification:read': 'NOTIFICATION_READ' };

/** The seed's states, by those of pusher-js. */
const STATES = {
  initialized: 'CONNECTING',
  connecting: 'CONNECTING',
  connected: 'CONNECTED',
  unavailable: 'DISCONNECTED',
  disconnected: 'DISCONNECTED',
  failed: 'ERROR',
};

export class PusherService {
  #Pusher;
  #options;
  #pusher;
  #subscriptions = new Map();
  #next = 1;
  #watchers = new Set();
  #wasConnected = false;

  constructor(Pusher, { key, api, ...options }) {
    this.#Pusher = Pusher;
    this.#options = { key, api, options };
    /** How things stand: another object after each change. */
    this.now = {
      state: 'DISCONNECTED',
      error: null,
      stats: { messagesSent: 0, messagesReceived: 0, reconnectionAttempts: 0 },
    };
    /** Calls back after each change of `now`; answers how to end that. */
    this.watch = (watcher) => {
      this.#watchers.add(watcher);
      return () => this.#watchers.delete(watcher);
    };
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
    const { connection } = this.#pusher;
    this.#follow(connection);
    await new Promise((resolve, reject) => {
      connection.bind('connected', resolve);
      for (const end of ['failed', 'disconnected']) {
        connection.bind(end, () => reject(new Error(this.now.error ?? 'Connection failed')));
      }
    });
    if (!token) return;
    const signedIn = new Promise((resolve) => connection.bind('message', ({ event }) => {
      if (event === 'pusher:signin_success') resolve();
    }));
    this.#pusher.signin();
    await signedIn;
  }

  #follow(connection) {
    this.#change({ state: STATES[connection.state] });
    connection.bind('state_change', ({ current }) => {
      if (current === 'connecting' && this.#wasConnected) this.#count('reconnectionAttempts');
      if (current === 'connected') this.#wasConnected = true;
      this.#change({ state: STATES[current], ...(current === 'connected' ? { error: null } : {}) });
    });
    connection.bind('error', ({ error }) => this.#change({ error: error?.data?.message ?? 'Connection failed' }));
  }

  #change(changes) {
    this.now = { ...this.now, ...changes };
    for (const watcher of this.#watchers) watcher();
  }

  #count(what) {
    this.#change({ stats: { ...this.now.stats, [what]: this.now.stats[what] + 1 } });
  }

  subscribe(name, callback) {
    const id = this.#next++;
    const channel = this.#pusher.subscribe(name);
    const hear = (event, payload) => {
      if (event.startsWith('pusher:')) return;
      this.#count('messagesReceived');
      callback({ type: TYPES[event] ?? event, payload });
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

  /** Sends an event to the channels that it hears. */
  async send(type, payload) {
    for (const channel of new Set([...this.#subscriptions.values()].map(({ name }) => name))) {
      const answer = await fetch(`${this.#options.api}/realtime/trigger`, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify({ channel, event: type, data: payload }),
      });
      if (!answer.ok) throw new Error((await answer.json()).detail);
    }
    this.#count('messagesSent');
  }

  get socket() {
    return this.#pusher;
  }

  disconnect() {
    this.#pusher?.disconnect();
  }
}
