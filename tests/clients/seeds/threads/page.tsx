// Seed 002_07242690cbebba55.txt, "UI Integration": src/pages/threads/[id].tsx, with its merging of updates, the newest comment
// first, "n viewing" and the feed.
import { useEffect, useState } from 'react';
import { createRoot } from 'react-dom/client';
import { pusherClient } from '@/lib/pusher-client';
import { usePresence, useRealtimeActivity, useRealtimeComments, useRealtimeThread } from './hooks';

function ThreadPage({ threadId, organizationId }: { threadId: string; organizationId: string }) {
  const [localThread, setLocalThread] = useState<any>({ title: 'First title', status: 'open' });
  const [localComments, setLocalComments] = useState<any[]>([]);

  const { threadUpdate, isConnected } = useRealtimeThread(threadId, { organizationId });
  const { members: viewers } = usePresence(threadId);
  const { newComment } = useRealtimeComments(threadId, { organizationId });
  const { latestActivity, activityFeed } = useRealtimeActivity({ organizationId });

  useEffect(() => {
    if (threadUpdate) {
      setLocalThread((prev: any) => ({ ...prev, ...threadUpdate }));
    }
  }, [threadUpdate]);

  useEffect(() => {
    if (newComment) {
      setLocalComments((prev) => [newComment, ...prev]);
    }
  }, [newComment]);

  return (
    <div>
      <h1>{localThread.title}</h1>
      <p id="status">{localThread.status}</p>
      <p id="connected">{String(isConnected)}</p>
      {viewers.length > 0 && <p id="viewing">{viewers.length} viewing</p>}
      <p id="viewers">{viewers.slice(0, 3).map((viewer) => viewer.name).join(', ')}</p>
      <ul id="comments">{localComments.map((comment) => <li key={comment.id}>{comment.content}</li>)}</ul>
      <p id="latest">{latestActivity ? latestActivity.text : ''}</p>
      <ol id="feed">{activityFeed.map((activity, index) => <li key={index}>{activity.text ?? activity.content}</li>)}</ol>
    </div>
  );
}

(globalThis as any).wire = pusherClient;
createRoot(document.getElementById('root')!).render(<ThreadPage threadId="31" organizationId="5" />);
