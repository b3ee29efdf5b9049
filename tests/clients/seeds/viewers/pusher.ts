// Seed 001_b7bc075fc5824100.txt, "Server-Side Setup": lib/pusher.ts. Added: host and port.
import Pusher from 'pusher';
import { auth } from '@clerk/nextjs';

export const pusherServer = new Pusher({
  appId: process.env.PUSHER_APP_ID!,
  key: process.env.PUSHER_KEY!,
  secret: process.env.PUSHER_SECRET!,
  cluster: process.env.PUSHER_CLUSTER!,
  host: process.env.PUSHER_HOST!,
  port: process.env.PUSHER_PORT!,
  useTLS: false,
});

export const authorizeUser = async (socketId: string, channelName: string) => {
  const { userId } = auth();

  if (!userId) {
    return new Response('Unauthorized', { status: 401 });
  }

  if (channelName.startsWith('presence-')) {
    const user = { id: userId };
    const authResponse = pusherServer.authorizeChannel(socketId, channelName, { user_id: userId, user_info: user });
    return new Response(JSON.stringify(authResponse));
  }

  if (channelName.startsWith('private-')) {
    const authResponse = pusherServer.authorizeChannel(socketId, channelName, { user_id: userId });
    return new Response(JSON.stringify(authResponse));
  }

  return new Response('Unauthorized', { status: 401 });
};
