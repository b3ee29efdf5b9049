//! The end of a socket from our side, and the client's close frame.

use std::{
    future::poll_fn,
    io,
    mem::MaybeUninit,
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_tungstenite::tungstenite::Message;

use crate::{
    hub::Frame,
    protocol::CloseReason,
    ws::{
        Config, session,
        socket::{Chunk, Reader, Writer},
    },
};

/// Largest message of a refused client, for the reader that waits for its close frame.
const MAX_CONTROL_BYTES: usize = 4_096;

/// Tells a socket that it is not welcome, and why, and closes it. Nothing is kept for it.
pub async fn refuse<Io>(mut io: Io, reason: CloseReason, config: &Config)
where
    Io: AsyncRead + AsyncWrite + Unpin,
{
    let mut writer = Writer::default();
    writer.push_last(session::closing_error(reason, false));
    writer.push_last(Frame::close(reason.code(), reason.message()));
    let mut reader = Reader::new(MAX_CONTROL_BYTES);
    let talk = async {
        poll_fn(|context| writer.poll_flush(&mut io, context)).await?;
        poll_fn(|context| poll_close(&mut io, &mut reader, context)).await
    };
    let _closed_or_too_slow = tokio::time::timeout(config.close_timeout, talk).await;
}

/// Reads and drops until the client has closed: browsers wait for the server to end the TCP connection then.
fn poll_close<Io>(io: &mut Io, reader: &mut Reader, context: &mut Context<'_>) -> Poll<io::Result<()>>
where
    Io: AsyncRead + Unpin,
{
    let mut space = [const { MaybeUninit::uninit() }; 512];
    loop {
        let mut buffer = ReadBuf::uninit(&mut space);
        ready!(Pin::new(&mut *io).poll_read(context, &mut buffer))?;
        if buffer.filled().is_empty() || has_closed(reader, &mut Chunk::new(buffer.filled())) {
            return Poll::Ready(Ok(()));
        }
    }
}

/// Tells whether the client's close frame is among the bytes. After nonsense it cannot be found any more.
pub(super) fn has_closed(reader: &mut Reader, chunk: &mut Chunk<'_>) -> bool {
    loop {
        match reader.next(chunk) {
            Ok(Some(Message::Close(_))) | Err(None) => return true,
            Ok(Some(_)) => {}
            Ok(None) | Err(Some(_)) => return false,
        }
    }
}
