// Seed 002_07242690cbebba55.txt, "Server-side Infrastructure": src/lib/pusher.ts. The seed names its functions and the payload
// of each event; this is what they do. Added: host and port.
import Pusher from 'pusher';

const pusher = new Pusher({
  appId: process.env.PUSHER_APP_ID!,
  key: process.env.PUSHER_KEY!,
  secret: process.env.PUSHER_SECRET!,
  cluster: process.env.PUSHER_CLUSTER!,
  host: process.env.PUSHER_HOST!,
  port: process.env.PUSHER_PORT!,
  useTLS: false,
});

function broadcast(organizationId: string, event: string, payload: object) {
  const timestamp = new Date().toISOString();
  return pusher.trigger(`private-org-${organizationId}`, event, { ...payload, timestamp });
}

export const broadcastThreadUpdate = (organizationId: string, threadId: string, changes: object) =>
  broadcast(organizationId, 'thread:updated', { threadId, ...changes });

export const broadcastThreadStatusChange = (organizationId: string, threadId: string, oldStatus: string, newStatus: string) =>
  broadcast(organizationId, 'thread:status_changed', { threadId, oldStatus, newStatus });

export const broadcastCommentCreated = (organizationId: string, threadId: string, comment: object) =>
  broadcast(organizationId, 'comment:created', { threadId, comment });

export const broadcastItemAdded = (organizationId: string, threadId: string, item: object) =>
  broadcast(organizationId, 'item:added', { threadId, item });

export const broadcastActivity = (organizationId: string, activity: object) =>
  broadcast(organizationId, 'activity:new', { activity });
