// Seed 002_07242690cbebba55.txt, "React Hooks": the four hooks with the channels, events, results and clean-up that it names.
import { useEffect, useState } from 'react';
import { pusherClient } from '@/lib/pusher-client';

interface Options {
  organizationId?: string;
  enabled?: boolean;
}

function useChannel(name: string | null, bindings: Record<string, (data: any) => void>) {
  const [isConnected, setIsConnected] = useState(pusherClient.connection.state === 'connected');

  useEffect(() => {
    const watch = (states: { current: string }) => setIsConnected(states.current === 'connected');
    pusherClient.connection.bind('state_change', watch);
    return () => {
      pusherClient.connection.unbind('state_change', watch);
    };
  }, []);

  useEffect(() => {
    if (!name) return;
    const channel = pusherClient.subscribe(name);
    for (const [event, binding] of Object.entries(bindings)) channel.bind(event, binding);
    return () => {
      for (const [event, binding] of Object.entries(bindings)) channel.unbind(event, binding);
    };
  }, [name]);

  return isConnected;
}

const orgChannel = ({ organizationId, enabled = true }: Options) =>
  enabled && organizationId ? `private-org-${organizationId}` : null;

export function useRealtimeThread(threadId: string, options: Options) {
  const [threadUpdate, setThreadUpdate] = useState<any>(null);
  const ours = (data: any) => data.threadId === threadId;
  const isConnected = useChannel(orgChannel(options), {
    'thread:updated': (data) => ours(data) && setThreadUpdate(data),
    'thread:status_changed': (data) => ours(data) && setThreadUpdate({ status: data.newStatus }),
  });
  return { threadUpdate, isConnected };
}

export function useRealtimeComments(threadId: string, options: Options) {
  const [newComment, setNewComment] = useState<any>(null);
  useChannel(orgChannel(options), {
    'comment:created': (data) => data.threadId === threadId && setNewComment(data.comment),
  });
  return { newComment };
}

export function useRealtimeActivity(options: Options) {
  const [activityFeed, setActivityFeed] = useState<any[]>([]);
  const add = (activity: any) => setActivityFeed((prev) => [activity, ...prev].slice(0, 50));
  useChannel(orgChannel(options), {
    'activity:new': (data) => add(data.activity),
    'item:added': (data) => add(data.item),
    'comment:created': (data) => add(data.comment),
  });
  return { latestActivity: activityFeed[0] ?? null, activityFeed };
}

export function usePresence(threadId: string) {
  const [members, setMembers] = useState<any[]>([]);
  const isConnected = useChannel(`presence-thread-${threadId}`, {
    'pusher:subscription_succeeded': (all) => {
      const list: any[] = [];
      all.each((member: any) => list.push({ id: member.id, ...member.info }));
      setMembers(list);
    },
    'pusher:member_added': (member) =>
      setMembers((prev) => [...prev.filter((m) => m.id !== member.id), { id: member.id, ...member.info }]),
    'pusher:member_removed': (member) => setMembers((prev) => prev.filter((m) => m.id !== member.id)),
  });
  return { members, memberCount: members.length, isConnected };
}
