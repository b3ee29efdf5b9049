// Seed 003_6408df0b98db9f3d.txt: the component of "Using the WebSocket Context" as it stands there, and beside it what
// "Monitoring" looks at. `window.wire` is the client.
import { useEffect } from 'react';
import { createRoot } from 'react-dom/client';
import { WebSocketProvider, pusherService, useWebSocket } from './web-socket-context';

function MyComponent() {
  const { state, isConnected, connect, disconnect, send, subscribe, unsubscribe } = useWebSocket();

  useEffect(() => {
    connect();

    const subscriptionId = subscribe('my-channel', (message: any) => {
      console.log('Received message:', message);
    });

    return () => {
      unsubscribe(subscriptionId);
      disconnect();
    };
  }, []);

  const handleSendMessage = () => {
    send('MESSAGE', { text: 'Hello World' });
  };

  return (
    <div>
      <p>Status: {state}</p>
      <p>Connected: {isConnected ? 'Yes' : 'No'}</p>
      <button onClick={handleSendMessage}>Send Message</button>
    </div>
  );
}

function Monitor() {
  const { stats, error } = useWebSocket();
  return (
    <ul>
      <li>Messages sent: {stats.messagesSent}</li>
      <li>Messages received: {stats.messagesReceived}</li>
      <li>Reconnected: {stats.reconnectionAttempts > 0 ? 'Yes' : 'No'}</li>
      <li>Last error: {error ?? 'none'}</li>
    </ul>
  );
}

const root = createRoot(document.getElementById('root')!);
Object.defineProperty(globalThis, 'wire', { get: () => pusherService.socket });
(globalThis as any).leave = () => root.unmount();
root.render(
  <WebSocketProvider>
    <MyComponent />
    <Monitor />
  </WebSocketProvider>,
);
