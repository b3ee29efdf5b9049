//! Frames in and out of one connection's byte stream.
//!
//! tungstenite reads (masks, fragments, UTF-8, control frames, limits); the writer is ours, because server frames are
//! ready-made and shared: everything queued goes out in one vectored write. tungstenite's own answers to pings and closes
//! are dropped, the connection queues them itself. No buffer is held while the socket is idle, but for a few hundred bytes.

use std::{
    io::{self, IoSlice, Read, Write},
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::io::AsyncWrite;
use tokio_tungstenite::tungstenite::{
    self, Message,
    error::CapacityError,
    protocol::{Role, WebSocketConfig, WebSocketContext},
};

use crate::{
    hub::{Frame, MAX_BATCH, Outbox, Queue, Taken},
    protocol::CloseReason,
};

/// Bytes read at once, into the stack.
pub(super) const READ_BYTES: usize = 4_096;

/// Buffer that stays with every socket for frames that arrive in parts.
const READ_BUFFER: usize = 256;

/// Bytes on the wire that one message may take beyond twice its limit. Fragments without payload add to no message, so
/// the limit alone would let them come for ever; real clients stay far below.
const FRAMING_BYTES: usize = 1_024;

/// Bytes just read from the stream, for tungstenite to take.
pub(super) struct Chunk<'a>(&'a [u8]);

impl<'a> Chunk<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// Bytes that were not taken yet.
    pub(super) const fn rest(&self) -> &'a [u8] {
        self.0
    }
}

impl Read for Chunk<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.0.is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        self.0.read(out)
    }
}

/// tungstenite's own answers end here.
impl Write for Chunk<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Reads messages out of chunks of bytes.
#[derive(Debug)]
pub(super) struct Reader {
    context: WebSocketContext,
    /// Bytes taken since a data message was complete, control frames not counted; 0 = no message has begun.
    unfinished: usize,
    /// The client has broken the protocol or the limit: where its next frame begins is no longer known.
    failed: bool,
}

impl Reader {
    /// Makes a reader that refuses messages and frames above `max_bytes` by their header, before memory is taken.
    pub(super) fn new(max_bytes: usize) -> Self {
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER)
            .max_frame_size(Some(max_bytes))
            .max_message_size(Some(max_bytes));
        Self { context: WebSocketContext::new(Role::Server, Some(config)), unfinished: 0, failed: false }
    }

    /// Takes the app's limit as it is now.
    pub(super) fn set_max_bytes(&mut self, max_bytes: usize) {
        if self.context.get_config().max_message_size != Some(max_bytes) {
            self.context.set_config(|config| {
                config.max_frame_size = Some(max_bytes);
                config.max_message_size = Some(max_bytes);
            });
        }
    }

    /// Counts bytes that are about to be taken.
    pub(super) fn begin(&mut self, bytes: usize) {
        self.unfinished += bytes;
    }

    /// Tells whether a message has begun and not ended.
    pub(super) fn is_unfinished(&self) -> bool {
        self.unfinished > 0
    }

    /// Tells whether an error has been returned: nothing can be read any more, not even the client's close.
    pub(super) fn has_failed(&self) -> bool {
        self.failed
    }

    /// The next message in the chunk; `None` when it is used up, and always after an error.
    ///
    /// # Errors
    /// When the client breaks RFC 6455 or the limit, with the reason to close for; `None` when it has closed already.
    pub(super) fn next(&mut self, chunk: &mut Chunk<'_>) -> Result<Option<Message>, Option<CloseReason>> {
        if self.failed {
            return Ok(None);
        }
        match self.context.read(chunk) {
            Ok(message) => {
                self.unfinished = match &message {
                    Message::Text(_) | Message::Binary(_) | Message::Frame(_) => chunk.0.len(),
                    // A masked control frame has six bytes of header.
                    Message::Ping(data) | Message::Pong(data) => self.unfinished.saturating_sub(data.len() + 6),
                    Message::Close(_) => 0,
                };
                Ok(Some(message))
            }
            Err(tungstenite::Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => {
                let max_bytes = self.context.get_config().max_message_size.unwrap_or_default();
                if self.unfinished <= max_bytes.saturating_mul(2) + FRAMING_BYTES {
                    return Ok(None);
                }
                self.failed = true;
                Err(Some(CloseReason::MessageTooBig))
            }
            Err(error) => {
                self.failed = true;
                Err(close_reason(&error))
            }
        }
    }
}

fn close_reason(error: &tungstenite::Error) -> Option<CloseReason> {
    match error {
        tungstenite::Error::Capacity(CapacityError::MessageTooLong { .. }) => Some(CloseReason::MessageTooBig),
        tungstenite::Error::Utf8(_) => Some(CloseReason::InvalidUtf8),
        tungstenite::Error::Protocol(_) | tungstenite::Error::Capacity(_) => Some(CloseReason::ProtocolViolation),
        _ => None,
    }
}

/// What the writer has come to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Written {
    /// Everything is out; the next push wakes the task.
    Everything,
    /// Everything is out and the socket shall end.
    End(CloseReason),
}

/// Frames that are on their way out.
#[derive(Debug, Default)]
pub(super) struct Writer {
    batch: Queue,
    /// Bytes of the first frame that are out already.
    offset: usize,
    /// Bytes written since the outbox was told.
    written: usize,
    /// Frames written since they were counted.
    frames: usize,
}

/// What went out since the last time it was asked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Progress {
    pub(super) bytes: usize,
    pub(super) frames: usize,
}

impl Writer {
    /// Queues a last frame, behind what is on its way and past the outbox, which has ended.
    pub(super) fn push_last(&mut self, frame: Frame) {
        self.batch.push_back(frame);
    }

    /// Drops what is on its way, but for a frame that has gone out in part.
    pub(super) fn drop_waiting(&mut self) {
        let started = if self.offset > 0 { self.batch.pop_front() } else { None };
        self.batch = Queue::default();
        if let Some(frame) = started {
            self.batch.push_back(frame);
        }
    }

    /// Tells whether frames are on their way.
    pub(super) fn is_blocked(&self) -> bool {
        !self.batch.is_empty()
    }

    /// Writes what is on its way and what the outbox holds, one vectored write for all that is queued.
    pub(super) fn poll_drain<Io: AsyncWrite + Unpin>(
        &mut self,
        io: &mut Io,
        context: &mut Context<'_>,
        outbox: &Outbox,
        progress: &mut Progress,
    ) -> Poll<io::Result<Written>> {
        loop {
            let outcome = self.poll_flush(io, context);
            progress.bytes += self.written;
            progress.frames += std::mem::take(&mut self.frames);
            let written = std::mem::take(&mut self.written);
            if outcome.is_pending() {
                outbox.wrote(written);
                return Poll::Pending;
            }
            ready!(outcome)?;
            match outbox.take(context, written, &mut self.batch) {
                Taken::Frames => {}
                Taken::Nothing => return Poll::Ready(Ok(Written::Everything)),
                Taken::End(reason) => return Poll::Ready(Ok(Written::End(reason))),
            }
        }
    }

    /// Writes what is on its way, and takes nothing from the outbox.
    pub(super) fn poll_flush<Io: AsyncWrite + Unpin>(
        &mut self,
        io: &mut Io,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        while !self.batch.is_empty() {
            let written = ready!(self.poll_write(io, context))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.advance(written);
        }
        // With TLS, bytes may wait inside the stream; on plain TCP this does nothing.
        Pin::new(io).poll_flush(context)
    }

    fn poll_write<Io: AsyncWrite + Unpin>(&self, io: &mut Io, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let first = self.batch.front().and_then(|frame| frame.as_bytes().get(self.offset..)).unwrap_or_default();
        if self.batch.len() == 1 {
            return Pin::new(io).poll_write(context, first);
        }
        let mut slices = [IoSlice::new(&[]); MAX_BATCH];
        let rest = self.batch.iter().skip(1).map(Frame::as_bytes);
        let mut count = 0;
        for (slice, bytes) in slices.iter_mut().zip(std::iter::once(first).chain(rest)) {
            *slice = IoSlice::new(bytes);
            count += 1;
        }
        Pin::new(io).poll_write_vectored(context, slices.get(..count).unwrap_or_default())
    }

    fn advance(&mut self, written: usize) {
        self.written += written;
        let mut rest = self.offset + written;
        while let Some(first) = self.batch.front() {
            if rest < first.len() {
                break;
            }
            rest -= first.len();
            self.frames += 1;
            self.batch.pop_front();
        }
        self.offset = rest;
    }
}
