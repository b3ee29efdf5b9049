//! The WebSocket protocol itself (RFC 6455), spoken byte by byte.

mod handshake;

use crate::support::{
    app::TestApp,
    raw::{BINARY, CLOSE, CONTINUE, FIN, PING, PONG, Raw, TEXT, close, frame, header, text},
};

const ASK: &str = r#"{"event":"pusher:ping"}"#;

/// The message that asks for a pong, in fragments of these lengths and a last one with the rest.
fn in_fragments(lengths: impl IntoIterator<Item = usize>) -> Vec<Vec<u8>> {
    let (mut rest, mut opcode, mut frames) = (ASK.as_bytes(), TEXT, Vec::new());
    for length in lengths {
        let (part, behind) = rest.split_at(length);
        frames.push(frame(opcode, part));
        (rest, opcode) = (behind, CONTINUE);
    }
    frames.push(frame(FIN | opcode, rest));
    frames
}

async fn expect_pong(raw: &mut Raw) {
    assert_eq!(raw.json().await["event"], "pusher:pong");
}

/// Opens a socket for each of the byte strings, sends it, and expects this close code.
async fn all_closed_with(code: u16, table: impl IntoIterator<Item = Vec<u8>>) {
    let app = TestApp::start().await;
    for bytes in table {
        let mut raw = Raw::open(&app).await;
        raw.send(&bytes).await;
        let got = raw.closed_with().await;
        assert_eq!(got, code, "{:x?}", &bytes[..bytes.len().min(40)]);
    }
}

#[tokio::test]
async fn fragments_make_one_message_however_they_are_cut() {
    let app = TestApp::start().await;
    let mut raw = Raw::open(&app).await;
    for lengths in [vec![], vec![1], vec![0, 0, 5, 0], vec![ASK.len()], vec![1; ASK.len()]] {
        raw.send(&in_fragments(lengths.clone()).concat()).await;
        expect_pong(&mut raw).await;
        for part in in_fragments(lengths) {
            raw.send(&part).await;
        }
        expect_pong(&mut raw).await;
    }
}

#[tokio::test]
async fn control_frames_between_fragments_are_answered_at_once() {
    let app = TestApp::start().await;
    let mut raw = Raw::open(&app).await;
    for part in in_fragments([3, 4, 5]) {
        raw.send(&frame(FIN | PING, b"are you there")).await;
        let pong = raw.frame().await.unwrap();
        assert_eq!((pong.first, &pong.payload[..]), (FIN | PONG, &b"are you there"[..]));
        raw.send(&frame(FIN | PONG, b"unasked")).await;
        raw.send(&part).await;
    }
    expect_pong(&mut raw).await;
}

#[tokio::test]
async fn many_frames_in_one_segment_are_all_handled_in_order() {
    let app = TestApp::start().await;
    let mut raw = Raw::open(&app).await;
    let mut bytes = Vec::new();
    for number in 0..100_u8 {
        bytes.extend(frame(FIN | PING, &[number]));
        bytes.extend(text(ASK));
    }
    raw.send(&bytes).await;
    for number in 0..100_u8 {
        assert_eq!(raw.frame().await.unwrap().payload, [number]);
        expect_pong(&mut raw).await;
    }
}

#[tokio::test]
async fn frame_that_comes_byte_by_byte_is_handled() {
    let app = TestApp::start().await;
    let mut raw = Raw::open(&app).await;
    for byte in [text(ASK), frame(FIN | PING, b"x"), text(&format!("{ASK}{}", " ".repeat(200)))].concat() {
        raw.send(&[byte]).await;
    }
    expect_pong(&mut raw).await;
    assert_eq!(raw.frame().await.unwrap().first, FIN | PONG);
    expect_pong(&mut raw).await;
}

#[tokio::test]
async fn every_length_form_is_read() {
    let app = TestApp::with_settings(|settings| settings.max_message_bytes = 100_000).await;
    let mut raw = Raw::open(&app).await;
    for length in [125, 126, 127, 4_095, 4_096, 4_097, 65_535, 65_536, 100_000] {
        raw.send(&text(&format!("{ASK}{}", " ".repeat(length - ASK.len())))).await;
        expect_pong(&mut raw).await;
    }
}

#[tokio::test]
async fn pings_of_every_size_are_answered_and_pongs_ignored() {
    let app = TestApp::start().await;
    let mut raw = Raw::open(&app).await;
    for size in 0..=125 {
        let payload = vec![0xA5; size];
        raw.send(&[frame(FIN | PONG, &payload), frame(FIN | PING, &payload)].concat()).await;
        let pong = raw.frame().await.unwrap();
        assert_eq!((pong.first, pong.payload), (FIN | PONG, payload));
    }
}

#[tokio::test]
async fn unmasked_frame_is_closed_with_1002() {
    let mut bare = vec![FIN | TEXT, u8::try_from(ASK.len()).unwrap()];
    bare.extend(ASK.as_bytes());
    all_closed_with(1002, [bare, vec![FIN | PING, 0], vec![FIN | TEXT, 0]]).await;
}

#[tokio::test]
async fn reserved_bits_and_opcodes_are_closed_with_1002() {
    let bits = [0x40, 0x20, 0x10, 0x70].map(|bits| FIN | bits | TEXT).into_iter();
    let control_bits = [FIN | 0x40 | PING, FIN | 0x40 | CLOSE];
    let opcodes = (0x3..=0x7).chain(0xB..=0xF).map(|opcode| FIN | opcode);
    all_closed_with(1002, bits.chain(control_bits).chain(opcodes).map(|first| frame(first, ASK.as_bytes()))).await;
}

#[tokio::test]
async fn control_frame_that_is_too_long_or_in_fragments_is_closed_with_1002() {
    let long = [PING, PONG, CLOSE].map(|opcode| frame(FIN | opcode, &[b'x'; 126]));
    let fragmented = [PING, PONG, CLOSE].map(|opcode| frame(opcode, b""));
    all_closed_with(1002, long.into_iter().chain(fragmented)).await;
}

#[tokio::test]
async fn fragments_out_of_order_are_closed_with_1002() {
    let parts = [frame(TEXT, b"{"), frame(FIN | TEXT, b"}")].concat();
    let ping_between = [frame(TEXT, b"{"), frame(FIN | PONG, b""), frame(TEXT, b"}")].concat();
    let after_the_end = [in_fragments([3]).concat(), frame(FIN | CONTINUE, b"")].concat();
    let app = TestApp::start().await;
    let mut raw = Raw::open(&app).await;
    raw.send(&after_the_end).await;
    expect_pong(&mut raw).await;
    assert_eq!(raw.closed_with().await, 1002);
    all_closed_with(1002, [frame(FIN | CONTINUE, b"x"), frame(CONTINUE, b"x"), parts, ping_between]).await;
}

#[tokio::test]
async fn text_that_is_not_utf8_is_closed_with_1007_wherever_it_is_cut() {
    let bad: [&[u8]; 8] = [
        b"\xFF",
        b"{\"event\":\"\xC3\x28\"}",
        b"\xC0\xAF",
        b"\xED\xA0\x80",
        b"\xF4\x90\x80\x80",
        b"\xE2\x82",
        b"abc\x80",
        b"\xF0\x9F\x94",
    ];
    let whole = bad.map(|bytes| frame(FIN | TEXT, bytes));
    let cut = bad.map(|bytes| {
        let parts: Vec<_> = bytes.iter().map(|byte| frame(CONTINUE, &[*byte])).collect();
        [frame(TEXT, b""), parts.concat(), frame(FIN | CONTINUE, b"")].concat()
    });
    all_closed_with(1007, whole.into_iter().chain(cut)).await;
}

#[tokio::test]
async fn character_that_is_cut_between_fragments_is_whole_again() {
    let app = TestApp::with_settings(|settings| settings.lenient_channel_names = true).await;
    let mut raw = Raw::open(&app).await;
    let message = r#"{"event":"pusher:subscribe","data":{"channel":"é🔔"}}"#;
    let (first, rest) = message.as_bytes().split_first().unwrap();
    let parts: Vec<_> = rest.iter().map(|byte| frame(CONTINUE, &[*byte])).collect();
    raw.send(&[frame(TEXT, &[*first]), parts.concat(), frame(FIN | CONTINUE, b"")].concat()).await;
    assert_eq!(raw.json().await["channel"], "é🔔");
}

#[tokio::test]
async fn binary_message_is_closed_with_1003_whole_and_in_fragments() {
    let fragments = [frame(BINARY, b"{"), frame(FIN | CONTINUE, b"}")].concat();
    all_closed_with(1003, [frame(FIN | BINARY, ASK.as_bytes()), frame(FIN | BINARY, b""), fragments]).await;
}

#[tokio::test]
async fn message_above_the_limit_is_closed_with_1009_before_it_has_come() {
    let limit = 16_384_u64;
    let announced = [limit + 1, 65_536, 1 << 31, 1 << 32, 1 << 62].map(|length| header(FIN | TEXT, length));
    let whole = frame(FIN | TEXT, &[b' '; 16_385]);
    let much_more = frame(FIN | TEXT, &[b' '; 300_000]);
    let fragments = [frame(TEXT, &[b' '; 16_000]), frame(CONTINUE, &[b' '; 384]), header(FIN | CONTINUE, 1)].concat();
    let with_a_byte = [fragments, b"x".to_vec()].concat();
    all_closed_with(1009, announced.into_iter().chain([whole, much_more, with_a_byte])).await;
}

#[tokio::test]
async fn message_at_the_limit_passes_whole_and_in_fragments() {
    let app = TestApp::start().await;
    let mut raw = Raw::open(&app).await;
    let message = format!("{ASK}{}", " ".repeat(16_384 - ASK.len()));
    raw.send(&text(&message)).await;
    expect_pong(&mut raw).await;
    let (first, second) = message.as_bytes().split_at(10_000);
    raw.send(&[frame(TEXT, first), frame(FIN | PING, b""), frame(FIN | CONTINUE, second)].concat()).await;
    assert_eq!(raw.frame().await.unwrap().first, FIN | PONG);
    expect_pong(&mut raw).await;
}

#[tokio::test]
async fn close_is_answered_with_its_code_and_then_the_stream_ends() {
    let app = TestApp::start().await;
    for code in [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999] {
        for reason in [&b""[..], b"gone", &[b'x'; 123]] {
            let mut raw = Raw::open(&app).await;
            raw.send(&close(code, reason)).await;
            assert_eq!(raw.frame().await.unwrap().close_code(), code);
            assert_eq!(raw.frame().await, None);
        }
    }
}

#[tokio::test]
async fn close_without_a_code_is_answered_without_one() {
    let app = TestApp::start().await;
    let mut raw = Raw::open(&app).await;
    raw.send(&frame(FIN | CLOSE, b"")).await;
    assert_eq!(raw.frame().await.unwrap().payload, b"");
    assert_eq!(raw.frame().await, None);
}

#[tokio::test]
async fn close_with_a_code_that_may_not_be_sent_is_answered_with_1002() {
    let app = TestApp::start().await;
    for code in [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535] {
        let mut raw = Raw::open(&app).await;
        raw.send(&close(code, b"")).await;
        assert_eq!(raw.frame().await.unwrap().close_code(), 1002, "{code}");
        raw.ended().await;
    }
}

#[tokio::test]
async fn close_with_half_a_code_is_a_fault_and_one_with_a_bad_reason_too() {
    all_closed_with(1002, [frame(FIN | CLOSE, b"\x03")]).await;
    all_closed_with(1007, [close(1000, b"\xFF\xFE")]).await;
}

#[tokio::test]
async fn what_follows_a_close_is_dropped() {
    let app = TestApp::start().await;
    let mut raw = Raw::open(&app).await;
    raw.send(&[close(1000, b""), text(ASK), frame(FIN | PING, b"")].concat()).await;
    assert_eq!(raw.frame().await.unwrap().close_code(), 1000);
    assert_eq!(raw.frame().await, None);
}

#[tokio::test]
async fn fault_behind_good_messages_lets_their_answers_go_first() {
    let app = TestApp::start().await;
    let mut raw = Raw::open(&app).await;
    raw.send(&[text(ASK), text(ASK), frame(FIN | 0x3, b"")].concat()).await;
    expect_pong(&mut raw).await;
    expect_pong(&mut raw).await;
    assert_eq!(raw.closed_with().await, 1002);
}

#[tokio::test]
async fn half_a_frame_and_then_the_end_leaves_nothing_behind() {
    let app = TestApp::start().await;
    for bytes in [&text(ASK)[..1], &text(ASK)[..7], &frame(TEXT, b"{")] {
        let mut raw = Raw::open(&app).await;
        raw.send(bytes).await;
    }
    let gone = async || app.metric("campanile_connected{app=\"app-id\"}").await == 0;
    crate::support::eventually("all are gone", gone).await;
}
