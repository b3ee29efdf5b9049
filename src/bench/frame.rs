//! WebSocket frames as a load tool needs them (RFC 6455 section 5).
//!
//! Owns the scanner of server frames, which must not cost more than the kernel's share of a delivery, and the writer
//! of client frames. It joins no fragments: Pusher servers send one event a frame, and a fragment without a marker is
//! simply not counted. It does no I/O; `audience` feeds it.

/// Text frame.
pub(super) const TEXT: u8 = 0x1;
/// Connection close frame.
pub(super) const CLOSE: u8 = 0x8;
/// Ping frame.
pub(super) const PING: u8 = 0x9;
/// Pong frame.
pub(super) const PONG: u8 = 0xa;

/// The longest frame believed, in bytes; a longer one means the stream is out of step.
const LONGEST: u64 = 64 << 20;
const MASKED: u8 = 0x80;
const FINAL: u8 = 0x80;
/// One key for all frames: the mask protects proxies from hostile scripts, and there are none here.
const MASK: [u8; 4] = [0x5a, 0xc3, 0x17, 0xe8];

/// What stands at the beginning of a stretch of bytes.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Scan<'a> {
    /// A whole frame.
    Frame {
        /// Type of the frame, 0 for a continuation.
        opcode: u8,
        /// Content, borrowed from the bytes.
        payload: &'a [u8],
        /// The bytes behind the frame.
        rest: &'a [u8],
    },
    /// The beginning of a frame, or nothing: read on.
    Partial,
    /// Bytes that no server may send.
    Broken(&'static str),
}

/// Scans one unmasked server frame.
pub(super) fn scan(bytes: &[u8]) -> Scan<'_> {
    let [first, second, tail @ ..] = bytes else {
        return Scan::Partial;
    };
    if first & 0x70 != 0 {
        return Scan::Broken("reserved bits are set, and no extension was agreed on");
    }
    if second & MASKED != 0 {
        return Scan::Broken("a server frame is masked");
    }
    let (length, body) = match second & 0x7f {
        126 => match tail.split_first_chunk::<2>() {
            Some((length, body)) => (u64::from(u16::from_be_bytes(*length)), body),
            None => return Scan::Partial,
        },
        127 => match tail.split_first_chunk::<8>() {
            Some((length, body)) => (u64::from_be_bytes(*length), body),
            None => return Scan::Partial,
        },
        short => (u64::from(short), tail),
    };
    if length > LONGEST {
        return Scan::Broken("a frame is longer than 64 MiB");
    }
    match usize::try_from(length).ok().and_then(|length| body.split_at_checked(length)) {
        Some((payload, rest)) => Scan::Frame { opcode: first & 0x0f, payload, rest },
        None => Scan::Partial,
    }
}

/// Appends a masked client frame.
pub(super) fn write_masked(opcode: u8, payload: &[u8], into: &mut Vec<u8>) {
    write_head(opcode, payload.len(), MASKED, into);
    into.extend_from_slice(&MASK);
    into.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, key)| byte ^ key));
}

/// Appends an unmasked server frame.
pub(super) fn write_plain(opcode: u8, payload: &[u8], into: &mut Vec<u8>) {
    write_head(opcode, payload.len(), 0, into);
    into.extend_from_slice(payload);
}

fn write_head(opcode: u8, length: usize, masked: u8, into: &mut Vec<u8>) {
    into.push(FINAL | opcode);
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(short @ ..=125), _) => into.push(masked | short),
        (_, Ok(medium)) => {
            into.push(masked | 126);
            into.extend_from_slice(&medium.to_be_bytes());
        }
        _ => {
            into.push(masked | 127);
            into.extend_from_slice(&u64::try_from(length).unwrap_or(u64::MAX).to_be_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Reads `stream` in pieces cut at `cuts`, keeping partial frames as a seat does.
    fn read_in_pieces(stream: &[u8], cuts: &[usize]) -> Vec<(u8, Vec<u8>)> {
        let mut kept = Vec::new();
        let mut heard = Vec::new();
        let mut from = 0;
        for to in cuts.iter().copied().chain([stream.len()]) {
            kept.extend_from_slice(&stream[from..to]);
            from = to;
            let mut rest = kept.as_slice();
            loop {
                match scan(rest) {
                    Scan::Frame { opcode, payload, rest: behind } => {
                        heard.push((opcode, payload.to_vec()));
                        rest = behind;
                    }
                    Scan::Partial => break,
                    Scan::Broken(why) => panic!("{why}"),
                }
            }
            kept = rest.to_vec();
        }
        assert!(kept.is_empty(), "{} bytes left over", kept.len());
        heard
    }

    fn stream_of(frames: &[(u8, Vec<u8>)]) -> Vec<u8> {
        let mut stream = Vec::new();
        for (opcode, payload) in frames {
            write_plain(*opcode, payload, &mut stream);
        }
        stream
    }

    #[test]
    fn every_split_point_yields_the_same_frames() {
        let frames: Vec<_> = [0, 1, 125, 126, 300].iter().map(|length| (TEXT, vec![b'x'; *length])).collect();
        let stream = stream_of(&frames);
        for cut in 0..=stream.len() {
            assert_eq!(read_in_pieces(&stream, &[cut]), frames, "cut at {cut}");
        }
    }

    #[test]
    fn the_three_header_lengths_are_read() {
        for (length, header) in [(125, 2), (126, 4), (65_535, 4), (65_536, 10)] {
            let stream = stream_of(&[(TEXT, vec![7; length])]);
            assert_eq!(stream.len(), length + header);
            assert_eq!(scan(&stream), Scan::Frame { opcode: TEXT, payload: &vec![7; length], rest: &[] });
            assert_eq!(scan(&stream[..stream.len() - 1]), Scan::Partial);
        }
    }

    #[test]
    fn masked_reserved_and_endless_frames_are_broken() {
        assert!(matches!(scan(&[0x81, 0x80, 0, 0, 0, 0]), Scan::Broken(_)));
        assert!(matches!(scan(&[0xc1, 0x00]), Scan::Broken(_)));
        assert!(matches!(scan(&[0x82, 127, 0xff, 0, 0, 0, 0, 0, 0, 0]), Scan::Broken(_)));
    }

    proptest! {
        #[test]
        fn any_frames_cut_anywhere_are_read_back(
            frames in prop::collection::vec((prop::sample::select(vec![TEXT, PING, PONG, CLOSE]),
                prop::collection::vec(any::<u8>(), 0..400)), 0..8),
            places in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
        ) {
            let stream = stream_of(&frames);
            let mut cuts: Vec<_> = places.iter().map(|place| place.index(stream.len() + 1)).collect();
            cuts.sort_unstable();
            prop_assert_eq!(read_in_pieces(&stream, &cuts), frames);
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes: Vec<u8>) {
            let _ = scan(&bytes);
        }

        #[test]
        fn masking_is_its_own_inverse(payload in prop::collection::vec(any::<u8>(), 0..70_000)) {
            let mut frame = Vec::new();
            write_masked(TEXT, &payload, &mut frame);
            let (head, body) = frame.split_at(frame.len() - payload.len());
            prop_assert!(head.ends_with(&MASK));
            let bare: Vec<_> = body.iter().zip(MASK.iter().cycle()).map(|(byte, key)| byte ^ key).collect();
            prop_assert_eq!(bare, payload);
        }
    }
}
