//! What waits to be written to one socket: bounded in bytes, empty when idle.
//!
//! Anybody may push; only the connection's own task takes. A push wakes that task only when the queue goes from empty to
//! non-empty, so a burst costs one wake-up and one vectored write. A full outbox ends the socket (the slow-consumer rule):
//! nobody else ever waits for a slow reader.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    task::{Context, Waker},
};

use parking_lot::Mutex;

use super::{Frame, Queue};
use crate::protocol::CloseReason;

/// Most frames handed to the writer at once: what one vectored write takes.
pub const MAX_BATCH: usize = 64;

/// What became of a pushed frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pushed {
    /// It will be written.
    Queued,
    /// There was no room: the queue is dropped and the socket will be closed. Reported once per socket.
    Overflow,
    /// The socket is ending; the frame is dropped.
    Ended,
}

/// What the writer gets.
#[derive(Debug, PartialEq, Eq)]
pub enum Taken {
    /// The batch holds at least one frame.
    Frames,
    /// Nothing waits; the task is woken by the next push.
    Nothing,
    /// Nothing waits and the socket shall end for this reason.
    End(CloseReason),
}

#[derive(Debug, Default)]
struct State {
    /// Frames not yet taken.
    queue: Queue,
    /// Bytes queued or taken and not yet reported as written.
    bytes: usize,
    /// The connection's task, once it has asked for frames.
    waker: Option<Waker>,
    /// The task saw an empty queue and sleeps: the next push wakes it.
    asleep: bool,
    /// Set once, by whoever ends the socket.
    end: Option<CloseReason>,
}

/// The queue of one socket.
#[derive(Debug)]
pub struct Outbox {
    /// Guards the queue. Held for a few instructions, never across an await.
    state: Mutex<State>,
    /// The end is set in the state; for the connection to see without the lock.
    is_ending: AtomicBool,
    max_bytes: usize,
}

impl Outbox {
    /// Makes an outbox that holds at most `max_bytes` bytes of frames, taken but unwritten ones included; or one frame,
    /// however large, so that a client that reads can be sent anything.
    #[must_use]
    pub fn new(max_bytes: usize) -> Self {
        Self { state: Mutex::default(), is_ending: AtomicBool::new(false), max_bytes }
    }

    /// Queues a frame. Never waits.
    pub fn push(&self, frame: &Frame) -> Pushed {
        let mut state = self.state.lock();
        if state.end.is_some() {
            return Pushed::Ended;
        }
        if state.bytes > 0 && state.bytes + frame.len() > self.max_bytes {
            state.bytes -= state.queue.iter().map(Frame::len).sum::<usize>();
            state.queue = Queue::default();
            self.set_end(&mut state, CloseReason::SlowConsumer);
            return Pushed::Overflow;
        }
        state.bytes += frame.len();
        state.queue.push_back(frame.clone());
        wake(&mut state);
        Pushed::Queued
    }

    /// Ends the socket after what is queued. The first reason counts; returns whether this was it.
    pub fn end(&self, reason: CloseReason) -> bool {
        let mut state = self.state.lock();
        if state.end.is_some() {
            return false;
        }
        self.set_end(&mut state, reason);
        true
    }

    /// The task is woken even if it waits for the peer to read: it must hear that this is the end.
    fn set_end(&self, state: &mut State, reason: CloseReason) {
        state.end = Some(reason);
        self.is_ending.store(true, Ordering::Release);
        state.asleep = false;
        if let Some(waker) = &state.waker {
            waker.wake_by_ref();
        }
    }

    /// Tells whether the socket shall end, without taking the lock.
    #[must_use]
    pub fn is_ending(&self) -> bool {
        self.is_ending.load(Ordering::Acquire)
    }

    /// Why the socket shall end, if it shall.
    #[must_use]
    pub fn ending(&self) -> Option<CloseReason> {
        self.state.lock().end
    }

    /// Moves up to [`MAX_BATCH`] frames into `batch`, after `written` bytes of earlier ones went out.
    pub fn take(&self, context: &Context<'_>, written: usize, batch: &mut Queue) -> Taken {
        let mut state = self.state.lock();
        state.bytes = state.bytes.saturating_sub(written);
        if !state.waker.as_ref().is_some_and(|waker| waker.will_wake(context.waker())) {
            state.waker = Some(context.waker().clone());
        }
        if state.queue.is_empty() {
            if let Some(reason) = state.end {
                return Taken::End(reason);
            }
            state.queue.shrink();
            batch.shrink();
            state.asleep = true;
            return Taken::Nothing;
        }
        state.queue.move_to(batch, MAX_BATCH);
        Taken::Frames
    }

    /// Reports bytes that went out while more are on their way.
    pub fn wrote(&self, written: usize) {
        if written > 0 {
            let mut state = self.state.lock();
            state.bytes = state.bytes.saturating_sub(written);
        }
    }

    /// Bytes that may be queued now before the socket ends for it.
    #[must_use]
    pub fn room(&self) -> usize {
        self.max_bytes.saturating_sub(self.state.lock().bytes)
    }

    /// Bytes queued or taken and not yet written.
    #[must_use]
    pub fn queued_bytes(&self) -> usize {
        self.state.lock().bytes
    }
}

/// Waking a task only marks it as ready to run, so it is fine under the lock.
fn wake(state: &mut State) {
    if std::mem::take(&mut state.asleep)
        && let Some(waker) = &state.waker
    {
        waker.wake_by_ref();
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{
            Arc,
            atomic::{AtomicUsize, Ordering},
        },
        task::Wake,
    };

    use super::*;

    #[derive(Default)]
    struct Counter(AtomicUsize);

    impl Wake for Counter {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    fn frame(bytes: usize) -> Frame {
        Frame::text(|out| out.resize(out.len() + bytes - 2, b'x'))
    }

    #[test]
    fn a_burst_wakes_the_sleeping_task_once() {
        let counter = Arc::new(Counter::default());
        let waker = Waker::from(Arc::clone(&counter));
        let context = Context::from_waker(&waker);
        let outbox = Outbox::new(1_000);
        let mut batch = Queue::default();
        assert_eq!(outbox.push(&frame(10)), Pushed::Queued);
        assert_eq!(outbox.take(&context, 0, &mut batch), Taken::Frames);
        assert_eq!(outbox.take(&context, 10, &mut batch), Taken::Nothing);
        for _ in 0..3 {
            outbox.push(&frame(10));
        }
        assert_eq!(counter.0.load(Ordering::SeqCst), 1);
        assert_eq!(outbox.take(&context, 0, &mut batch), Taken::Frames);
        assert_eq!(batch.len(), 4);
    }

    #[test]
    fn the_bound_counts_unwritten_bytes_and_holds_at_the_limit_but_not_beyond() {
        let context = Context::from_waker(Waker::noop());
        let outbox = Outbox::new(100);
        let mut batch = Queue::default();
        assert_eq!(outbox.push(&frame(60)), Pushed::Queued);
        assert_eq!(outbox.take(&context, 0, &mut batch), Taken::Frames);
        assert_eq!(outbox.push(&frame(40)), Pushed::Queued);
        assert_eq!((outbox.queued_bytes(), outbox.room()), (100, 0));
        assert_eq!(outbox.push(&frame(2)), Pushed::Overflow);
        assert_eq!(outbox.push(&frame(2)), Pushed::Ended);
        assert_eq!(outbox.queued_bytes(), 60);
        assert_eq!(outbox.take(&context, 60, &mut batch), Taken::End(CloseReason::SlowConsumer));
        assert!(!outbox.end(CloseReason::Terminated));
    }

    #[test]
    fn one_frame_above_the_bound_passes_when_nothing_else_waits() {
        let outbox = Outbox::new(100);
        assert_eq!(outbox.push(&frame(500)), Pushed::Queued);
        assert_eq!(outbox.push(&frame(2)), Pushed::Overflow);
    }

    #[test]
    fn the_end_wakes_a_task_that_waits_for_the_peer_to_read() {
        let counter = Arc::new(Counter::default());
        let waker = Waker::from(Arc::clone(&counter));
        let outbox = Outbox::new(1_000);
        outbox.push(&frame(10));
        assert_eq!(outbox.take(&Context::from_waker(&waker), 0, &mut Queue::default()), Taken::Frames);
        assert!(!outbox.is_ending());
        outbox.end(CloseReason::Terminated);
        assert_eq!(counter.0.load(Ordering::SeqCst), 1);
        assert!(outbox.is_ending() && outbox.ending() == Some(CloseReason::Terminated));
    }

    #[test]
    fn what_is_queued_goes_out_before_the_end() {
        let context = Context::from_waker(Waker::noop());
        let outbox = Outbox::new(10_000);
        let mut batch = Queue::default();
        for _ in 0..=MAX_BATCH {
            outbox.push(&frame(10));
        }
        assert!(outbox.end(CloseReason::ServerStopping));
        assert_eq!(outbox.take(&context, 0, &mut batch), Taken::Frames);
        assert_eq!(batch.len(), MAX_BATCH);
        assert_eq!(outbox.take(&context, 0, &mut batch), Taken::Frames);
        assert_eq!(outbox.take(&context, 0, &mut batch), Taken::End(CloseReason::ServerStopping));
    }
}
