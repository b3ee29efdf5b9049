// What a student's page hears of a class, with stock Laravel Echo. Run it from the repository:
//   npm ci --prefix examples/class && node examples/class/listen.mjs $(campanile token issue --user 1)
import Echo from 'laravel-echo';
import Pusher from 'pusher-js';

const [token, url = 'http://127.0.0.1:8080'] = process.argv.slice(2);
const headers = { Authorization: `Bearer ${token}` };
const ask = async (path) => (await fetch(url + path, { headers })).json();
const { ws, me, detail } = await ask('/api/realtime/status');
if (!ws) throw new Error(detail);
const { hostname, port } = new URL(url);
const echo = new Echo({
  broadcaster: 'reverb', Pusher, key: ws.key,
  wsHost: hostname, wsPort: port, forceTLS: false, enabledTransports: ['ws'],
  authEndpoint: `${url}/broadcasting/auth`, auth: { headers },
});

const tell = (what) => (news) => console.log(what.padEnd(13), JSON.stringify(news));
const explain = ({ name }) => ask(`/api/access/explain?channel=${name}`).then(({ channel, detail }) => tell('refused')({ channel, detail }));
const hear = (channel, events) => {
  for (const [event, what] of Object.entries(events)) channel.listen(event, tell(what));
  return channel.error(() => explain(channel));
};
hear(echo.join('course.1.users'), {}).here(tell('here')).joining(tell('joining')).leaving(tell('leaving'));
hear(echo.private('course.1'), { UserOnline: 'online', UserOffline: 'offline' });
hear(echo.private('class.1'), { '.bell.rung': 'broadcast', PollOpened: 'poll', PollResults: 'results' }).listenForWhisper('typing', tell('typing'));
hear(echo.private('chat.monday'), { ChatMessageSent: 'chat' });
hear(echo.private(`user.${me.id}`), { NotificationSent: 'notification' });
