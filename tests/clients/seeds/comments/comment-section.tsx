// Seed 000_0b446b11c2f9ad4b.txt, section 6: components/comment-section.tsx.
import { useEffect, useState } from 'react';
import { pusherClient } from '@/lib/pusher-client';

interface Comment {
  id: string;
  text: string;
}

interface CommentSectionProps {
  chapterId: string;
  initialComments: Comment[];
}

export default function CommentSection({ chapterId, initialComments }: CommentSectionProps) {
  const [comments, setComments] = useState<Comment[]>(initialComments);

  useEffect(() => {
    if (!pusherClient) return;

    const channelName = `chapter-${chapterId}-comments`;
    const channel = pusherClient.subscribe(channelName);

    channel.bind('comment:new', (data: { comment: Comment }) => {
      setComments((prevComments) => [...prevComments, data.comment]);
    });

    channel.bind('comment:update', (data: { comment: Comment }) => {
      setComments((prevComments) => prevComments.map((c) => (c.id === data.comment.id ? data.comment : c)));
    });

    channel.bind('comment:delete', (data: { commentId: string }) => {
      setComments((prevComments) => prevComments.filter((c) => c.id !== data.commentId));
    });

    return () => {
      pusherClient.unsubscribe(channelName);
    };
  }, [chapterId]);

  return (
    <div>
      {comments.map((comment) => (
        <div key={comment.id} className="comment">
          {comment.text}
        </div>
      ))}
    </div>
  );
}
