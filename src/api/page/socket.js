// One connection in the Pusher protocol, as far as the console needs it. It comes back by itself after a break, unless the
// server said that there is no use (close codes 4000 to 4099).

const RETRY_MS = [500, 1000, 2000, 5000];
// How long the answer to a ping may take.
const PONG_MS = 10_000;

function parse(text) {
  try {
    const frame = JSON.parse(text);
    return typeof frame?.event === 'string' ? frame : undefined;
  } catch {
    return undefined;
  }
}

/** The `data` of a frame, which is JSON within a string in frames of the server. */
function content(data) {
  if (typeof data !== 'string') return data;
  try {
    return JSON.parse(data);
  } catch {
    return data;
  }
}

export class Connection {
  #url;
  #on;
  #socket;
  #retry;
  #silence;
  #attempt = 0;
  #activityMs = 0;
  #complaint = '';

  /**
   * `on.state(name, more, socketId)` is called with `connecting`, `connected`, `waiting`, `refused` or `closed`;
   * `on.received(frame, text)` and `on.sent(frame, text)` with every frame.
   */
  constructor(url, on) {
    this.#url = url;
    this.#on = on;
  }

  /** Opens the connection, when there is none. */
  open() {
    if (this.#socket) return;
    clearTimeout(this.#retry);
    this.#attempt = 0;
    this.#dial();
  }

  close() {
    clearTimeout(this.#retry);
    clearTimeout(this.#silence);
    const socket = this.#socket;
    this.#socket = undefined;
    socket?.close(1000);
    this.#on.state('closed', '');
  }

  send(event, data) {
    if (this.#socket?.readyState !== WebSocket.OPEN) return;
    const frame = { event, data };
    const text = JSON.stringify(frame);
    this.#socket.send(text);
    this.#on.sent(frame, text);
  }

  #dial() {
    this.#complaint = '';
    this.#activityMs = 0;
    this.#on.state('connecting', '');
    const socket = new WebSocket(this.#url);
    this.#socket = socket;
    // Those of a socket that was left behind change nothing any more.
    const current = (act) => (event) => {
      if (socket === this.#socket) act(event);
    };
    socket.addEventListener('message', current(({ data }) => this.#receive(data)));
    socket.addEventListener('close', current((event) => this.#closed(event)));
  }

  #receive(text) {
    this.#listen();
    const frame = parse(text);
    if (!frame) return;
    const data = content(frame.data);
    switch (frame.event) {
      case 'pusher:connection_established':
        this.#attempt = 0;
        this.#activityMs = Number(data?.activity_timeout) * 1000 || 0;
        this.#listen();
        this.#on.received(frame, text);
        this.#on.state('connected', '', String(data?.socket_id ?? ''));
        return;
      case 'pusher:ping':
        this.send('pusher:pong', {});
        break;
      case 'pusher:error':
        this.#complaint = String(data?.message ?? '');
        break;
      default:
    }
    this.#on.received(frame, text);
  }

  /** After a long silence asks whether the server is still there, and starts anew when it is not. */
  #listen() {
    clearTimeout(this.#silence);
    if (!this.#activityMs) return;
    const ask = () => {
      this.send('pusher:ping', {});
      this.#silence = setTimeout(() => this.#lose(), PONG_MS);
    };
    this.#silence = setTimeout(ask, this.#activityMs);
  }

  #lose() {
    const socket = this.#socket;
    this.#again('The server does not answer.');
    socket?.close();
  }

  #closed({ code, reason }) {
    clearTimeout(this.#silence);
    const why = reason || this.#complaint;
    if (code >= 4000 && code <= 4099) {
      this.#socket = undefined;
      this.#on.state('refused', `${why || 'The server refused the connection'} (code ${code}).`);
      return;
    }
    this.#again(why ? `${why} (code ${code}).` : 'The connection is broken or the server is down.');
  }

  #again(why) {
    clearTimeout(this.#silence);
    this.#socket = undefined;
    const pause = RETRY_MS[Math.min(this.#attempt, RETRY_MS.length - 1)];
    this.#attempt += 1;
    this.#on.state('waiting', `${why} Trying again.`);
    this.#retry = setTimeout(() => this.#dial(), pause);
  }
}
