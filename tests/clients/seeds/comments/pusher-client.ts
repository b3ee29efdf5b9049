// Seed 000_0b446b11c2f9ad4b.txt, section 5: lib/pusher-client.ts. Added: host, port and how to tell who is here.
import PusherClient from 'pusher-js';

const pusherKey = process.env.NEXT_PUBLIC_PUSHER_KEY;
const pusherCluster = process.env.NEXT_PUBLIC_PUSHER_CLUSTER;

if (!pusherKey || !pusherCluster) {
  console.error('Pusher client environment variables not set!');
}

export const pusherClient = new PusherClient(pusherKey!, {
  cluster: pusherCluster!,
  wsHost: process.env.NEXT_PUBLIC_PUSHER_HOST,
  wsPort: Number(process.env.NEXT_PUBLIC_PUSHER_PORT),
  forceTLS: false,
  enabledTransports: ['ws'],
  ...(globalThis as any).identity,
});
