// Seed 003_6408df0b98db9f3d.txt, "Using the WebSocket Context": contexts/WebSocketContext, with all that the seed takes from
// `useWebSocket()`. The variables are the seed's; host and port are taken from VITE_WS_URL, which is an http address there.
import { createContext, useContext, useSyncExternalStore } from 'react';
import type { ReactNode } from 'react';
import Pusher from 'pusher-js';
import { PusherService } from './pusher-service.mjs';

const { hostname, port } = new URL(import.meta.env.VITE_WS_URL);

export const pusherService = new PusherService(Pusher, {
  key: import.meta.env.VITE_PUSHER_KEY,
  api: import.meta.env.VITE_API_BASE_URL,
  cluster: import.meta.env.VITE_PUSHER_CLUSTER,
  wsHost: hostname,
  wsPort: Number(port),
  forceTLS: false,
  enabledTransports: ['ws'],
});

const actions = {
  // What goes wrong is told by `error`.
  connect: (token?: string) => pusherService.connect(token).catch(() => {}),
  disconnect: () => pusherService.disconnect(),
  send: (type: string, payload: object) => pusherService.send(type, payload),
  subscribe: (channel: string, callback: (message: any) => void) => pusherService.subscribe(channel, callback),
  unsubscribe: (id: number) => pusherService.unsubscribe(id),
};

const WebSocketContext = createContext<any>(null);

export function WebSocketProvider({ children }: { children: ReactNode }) {
  const now = useSyncExternalStore(pusherService.watch, () => pusherService.now);
  const value = { ...actions, ...now, isConnected: now.state === 'CONNECTED' };
  return <WebSocketContext.Provider value={value}>{children}</WebSocketContext.Provider>;
}

export const useWebSocket = () => useContext(WebSocketContext);
