// The page around the seed's component. `window.show(chapter)` moves to another chapter, `window.wire` is the client.
import { createRoot } from 'react-dom/client';
import CommentSection from './comment-section';
import { pusherClient } from '@/lib/pusher-client';

const root = createRoot(document.getElementById('root')!);
const page = window as any;
page.wire = pusherClient;
page.show = (chapterId: string) => root.render(<CommentSection chapterId={chapterId} initialComments={[]} />);
page.show('11');
