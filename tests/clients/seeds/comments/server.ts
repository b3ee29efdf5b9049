// Seed 000_0b446b11c2f9ad4b.txt, sections 3 and 4: lib/pusher.ts and the route of comments with the three verbs that it
// names. Added: host and port. The table of comments is a map.
import PusherServer from 'pusher';

export const pusherServer = new PusherServer({
  appId: process.env.PUSHER_APP_ID!,
  key: process.env.PUSHER_KEY!,
  secret: process.env.PUSHER_SECRET!,
  cluster: process.env.PUSHER_CLUSTER!,
  host: process.env.PUSHER_HOST!,
  port: process.env.PUSHER_PORT!,
  useTLS: false,
});

interface Params {
  params: { courseId: string; chapterId: string; commentId?: string };
}

const comments = new Map<string, any>();

export async function POST(req: Request, { params }: Params) {
  const { text, parentId } = await req.json();
  const id = String(comments.size + 1);
  const newComment = { id, text, userId: 'user', chapterId: params.chapterId, parentId: parentId ?? null };
  comments.set(id, newComment);

  const channelName = `chapter-${params.chapterId}-comments`;
  await pusherServer.trigger(channelName, 'comment:new', { comment: newComment });
  return Response.json(newComment);
}

export async function PATCH(req: Request, { params }: Params) {
  const comment = { ...comments.get(params.commentId!), ...(await req.json()) };
  comments.set(params.commentId!, comment);
  await pusherServer.trigger(`chapter-${params.chapterId}-comments`, 'comment:update', { comment });
  return Response.json(comment);
}

export async function DELETE(_req: Request, { params }: Params) {
  await pusherServer.trigger(`chapter-${params.chapterId}-comments`, 'comment:delete', { commentId: params.commentId });
  return new Response(null, { status: 204 });
}
