//! A complete, ready-made WebSocket frame in shared bytes.
//!
//! Server frames are not masked (RFC 6455 section 5.1), so one encoded frame serves every receiver: it is built once and
//! cloning it costs one atomic addition.

use bytes::Bytes;

/// Longest header of an unmasked frame: two bytes and a 64-bit length.
const MAX_HEADER: usize = 10;

/// Longest payload of a control frame (RFC 6455 section 5.5).
const MAX_CONTROL: usize = 125;

/// A frame, header and payload, as it goes out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame(Bytes);

/// Frame types the server sends.
#[derive(Debug, Clone, Copy)]
enum Opcode {
    Text = 0x1,
    Close = 0x8,
    Ping = 0x9,
    Pong = 0xA,
}

impl Frame {
    /// Makes a text frame of what `write` appends to the buffer, without copying it again.
    #[must_use]
    pub fn text(write: impl FnOnce(&mut Vec<u8>)) -> Self {
        Self::build(Opcode::Text, write)
    }

    /// Makes a ping without payload.
    #[must_use]
    pub fn ping() -> Self {
        Self::build(Opcode::Ping, |_| ())
    }

    /// Makes the pong to a ping; echoes at most 125 bytes.
    #[must_use]
    pub fn pong(payload: &[u8]) -> Self {
        let payload = payload.get(..payload.len().min(MAX_CONTROL)).unwrap_or_default();
        Self::build(Opcode::Pong, |out| out.extend_from_slice(payload))
    }

    /// Makes a close frame. The reason is cut to 123 bytes.
    #[must_use]
    pub fn close(code: u16, reason: &str) -> Self {
        let reason = reason.get(..reason.floor_char_boundary(MAX_CONTROL - 2)).unwrap_or_default();
        Self::build(Opcode::Close, |out| {
            out.extend_from_slice(&code.to_be_bytes());
            out.extend_from_slice(reason.as_bytes());
        })
    }

    /// Makes a close frame without a code, the answer to one without.
    #[must_use]
    pub fn bare_close() -> Self {
        Self::build(Opcode::Close, |_| ())
    }

    fn build(opcode: Opcode, write: impl FnOnce(&mut Vec<u8>)) -> Self {
        let mut out = Vec::with_capacity(256);
        out.extend_from_slice(&[0; MAX_HEADER]);
        write(&mut out);
        let length = out.len() - MAX_HEADER;
        let first = 0x80 | opcode as u8;
        let (header, size) = match (u8::try_from(length), u16::try_from(length)) {
            (Ok(short @ 0..=125), _) => ([first, short, 0, 0, 0, 0, 0, 0, 0, 0], 2),
            (_, Ok(medium)) => {
                let [high, low] = medium.to_be_bytes();
                ([first, 126, high, low, 0, 0, 0, 0, 0, 0], 4)
            }
            _ => {
                let [a, b, c, d, e, f, g, h] = (length as u64).to_be_bytes();
                ([first, 127, a, b, c, d, e, f, g, h], 10)
            }
        };
        // The header goes right before the payload; what stays unused of the ten bytes is cut off.
        let start = MAX_HEADER - size;
        for (slot, byte) in out.iter_mut().skip(start).zip(header.iter().take(size)) {
            *slot = *byte;
        }
        Self(Bytes::from(out).slice(start..))
    }

    /// The bytes on the wire.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Length on the wire in bytes.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "a frame is never empty")]
    pub fn len(&self) -> usize {
        self.0.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_has_the_length_form_that_the_payload_needs() {
        for (length, header) in [
            (0_usize, vec![0x81, 0]),
            (125, vec![0x81, 125]),
            (126, vec![0x81, 126, 0, 126]),
            (65_535, vec![0x81, 126, 255, 255]),
            (65_536, vec![0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0]),
        ] {
            let frame = Frame::text(|out| out.resize(out.len() + length, b'x'));
            assert_eq!(frame.as_bytes()[..header.len()], header, "{length}");
            assert_eq!(frame.len(), header.len() + length);
            assert!(frame.as_bytes()[header.len()..].iter().all(|b| *b == b'x'));
        }
    }

    #[test]
    fn control_frames_stay_within_125_bytes() {
        assert_eq!(Frame::ping().as_bytes(), [0x89, 0]);
        assert_eq!(Frame::pong(b"ab").as_bytes(), [0x8A, 2, b'a', b'b']);
        assert_eq!(Frame::pong(&[1; 200]).len(), 127);
        assert_eq!(Frame::close(4009, "no").as_bytes(), [0x88, 4, 0x0F, 0xA9, b'n', b'o']);
        assert_eq!(Frame::close(4009, &"é".repeat(100)).len(), 2 + 2 + 122);
        assert_eq!(Frame::bare_close().as_bytes(), [0x88, 0]);
    }
}
