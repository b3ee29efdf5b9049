//! Frames in order, with room for one of them in place.
//!
//! Most of the time exactly one frame waits for a socket. Keeping it in place spares a buffer on the heap, and with it two
//! cache misses for each delivery; the buffer appears only when more than one frame waits.

use std::collections::VecDeque;

use super::Frame;

/// Buffer kept while empty, in frames; a larger one is given back.
const KEPT_CAPACITY: usize = 8;

/// A queue of frames.
#[derive(Debug, Default)]
pub struct Queue {
    /// The next one out. `None` only when the queue is empty.
    first: Option<Frame>,
    /// Those behind it.
    rest: VecDeque<Frame>,
}

impl Queue {
    /// Adds a frame at the end.
    pub fn push_back(&mut self, frame: Frame) {
        if self.first.is_none() {
            self.first = Some(frame);
        } else {
            self.rest.push_back(frame);
        }
    }

    /// The next frame.
    #[must_use]
    pub fn front(&self) -> Option<&Frame> {
        self.first.as_ref()
    }

    /// Takes the next frame.
    pub fn pop_front(&mut self) -> Option<Frame> {
        std::mem::replace(&mut self.first, self.rest.pop_front())
    }

    /// Number of frames.
    #[must_use]
    pub fn len(&self) -> usize {
        usize::from(self.first.is_some()) + self.rest.len()
    }

    /// Tells whether no frame waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    /// All frames in order.
    pub fn iter(&self) -> impl Iterator<Item = &Frame> {
        self.first.iter().chain(&self.rest)
    }

    /// Moves up to `max` frames to the end of `other`.
    pub fn move_to(&mut self, other: &mut Self, max: usize) {
        if other.is_empty() && self.len() <= max {
            std::mem::swap(self, other);
            return;
        }
        for _ in 0..max {
            let Some(frame) = self.pop_front() else { return };
            other.push_back(frame);
        }
    }

    /// Gives back the buffer of an empty queue when a burst has made it large.
    pub fn shrink(&mut self) {
        if self.is_empty() && self.rest.capacity() > KEPT_CAPACITY {
            self.rest = VecDeque::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn frame(number: u8) -> Frame {
        Frame::pong(&[number])
    }

    proptest! {
        #[test]
        fn frames_leave_in_the_order_they_came_however_they_are_moved(
            steps in proptest::collection::vec((0..3_u8, 0..6_usize), 0..60),
        ) {
            let (mut queue, mut other) = (Queue::default(), Queue::default());
            let (mut expected, mut moved) = (VecDeque::new(), VecDeque::new());
            for (number, (step, max)) in (0_u8..).zip(steps) {
                match step {
                    0 => {
                        queue.push_back(frame(number));
                        expected.push_back(frame(number));
                    }
                    1 => prop_assert_eq!(queue.pop_front(), expected.pop_front()),
                    _ => {
                        queue.move_to(&mut other, max);
                        for _ in 0..max.min(expected.len()) {
                            moved.extend(expected.pop_front());
                        }
                    }
                }
                queue.shrink();
                prop_assert_eq!(queue.len(), expected.len());
                prop_assert!(queue.iter().eq(&expected) && other.iter().eq(&moved));
                prop_assert_eq!(queue.front(), expected.front());
            }
        }
    }
}
