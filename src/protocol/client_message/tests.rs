//! Frames of stock clients, frames of broken ones, and any bytes at all.

use proptest::prelude::*;

use super::*;

fn parse(text: &str) -> ClientMessage<'_> {
    ClientMessage::parse(text).unwrap()
}

#[test]
fn subscribe_is_read_from_an_object_and_from_a_string() {
    let object = r#"{"event":"pusher:subscribe","data":{"auth":"","channel":"room"}}"#;
    let packed = r#"{"event":"pusher:subscribe","data":"{\"auth\":\"\",\"channel\":\"room\"}"}"#;
    for text in [object, packed] {
        let ClientMessage::Subscribe(data) = parse(text) else { panic!("{text}") };
        assert_eq!((data.channel.as_ref(), data.auth.as_deref(), data.channel_data), ("room", Some(""), None));
    }
}

#[test]
fn channel_data_comes_out_byte_for_byte() {
    let text = r#"{"event":"pusher:subscribe","data":{"channel":"presence-a","auth":"k:s","channel_data":"{\"user_id\":\"42\",\"user_info\":{\"name\":\"J\\u00fcrgen \\/ X\"}}"}}"#;
    let ClientMessage::Subscribe(data) = parse(text) else { panic!() };
    assert_eq!(data.channel_data.unwrap(), r#"{"user_id":"42","user_info":{"name":"J\u00fcrgen \/ X"}}"#);
}

#[test]
fn client_event_keeps_its_data_as_written_and_absent_stays_absent() {
    for data in [r#"{ "a" : 1 }"#, r#""text""#, "[1, 2]", "1.50", "true"] {
        let text = format!(r#"{{"event":"client-x","channel":"private-a","data":{data},"user_id":"forged"}}"#);
        let ClientMessage::Event(event) = parse(&text) else { panic!("{text}") };
        assert_eq!(event.data.unwrap().get(), data);
    }
    let ClientMessage::Event(event) = parse(r#"{"event":"client-x","channel":"private-a"}"#) else { panic!() };
    assert!(event.data.is_none());
}

#[test]
fn names_of_the_server_from_a_client_are_ignored_or_refused_and_never_events() {
    assert!(matches!(
        parse(r#"{"event":"pusher_internal:member_added","channel":"presence-a"}"#),
        ClientMessage::Ignored
    ));
    assert!(matches!(parse(r#"{"event":"notclient-x","channel":"a"}"#), ClientMessage::Ignored));
    assert!(matches!(parse(r#"{"event":"pusher:pong","data":{}}"#), ClientMessage::Pong));
    assert!(matches!(ClientMessage::parse(r#"{"event":"pusher:foo"}"#), Err(Error::UnknownEvent)));
}

#[test]
fn frames_without_meaning_are_errors() {
    let bad = [
        "",
        " ",
        "x",
        "{",
        "{}",
        "[]",
        "5",
        r#""x""#,
        "null",
        r#"{"event":1}"#,
        r#"{"event":null}"#,
        r#"{"event":"pusher:subscribe"}"#,
        r#"{"event":"pusher:subscribe","data":5}"#,
        r#"{"event":"pusher:subscribe","data":"x"}"#,
        r#"{"event":"pusher:subscribe","data":{"channel":5}}"#,
        r#"{"event":"pusher:subscribe","data":{"channel":"a","auth":5}}"#,
        r#"{"event":"pusher:subscribe","data":{"channel":"a","channel_data":{}}}"#,
        r#"{"event":"client-x","channel":5}"#,
        r#"{"event":"client-x"}"#,
        r#"{"event":"pusher:ping","event":"pusher:ping"}"#,
        r#"["pusher:ping"]"#,
        r#"{"event":"pusher:signin","data":{"auth":"a"}}"#,
        "{\"event\":\"pusher:ping\"} x",
    ];
    for text in bad {
        assert!(ClientMessage::parse(text).is_err(), "{text:?}");
    }
}

#[test]
fn an_array_is_never_taken_for_the_object_whose_fields_it_lists() {
    let bad = [
        r#"["pusher:ping"]"#,
        r#" [ "client-x", "private-a", 1 ]"#,
        r#"{"event":"pusher:subscribe","data":["room"]}"#,
        r#"{"event":"pusher:subscribe","data": [ "room", "", null ]}"#,
        r#"{"event":"pusher:subscribe","data":"[\"room\"]"}"#,
        r#"{"event":"pusher:subscribe","data":" [\"room\"]"}"#,
        r#"{"event":"pusher:unsubscribe","data":["room"]}"#,
        r#"{"event":"pusher:signin","data":["key:signature","{}"]}"#,
    ];
    for text in bad {
        assert!(matches!(ClientMessage::parse(text), Err(Error::NotAnObject)), "{text:?}");
    }
    assert!(matches!(parse_channel_data("[42]"), Err(Error::NotAnObject)));
    assert!(matches!(parse_channel_data(r#" ["42", {}]"#), Err(Error::NotAnObject)));
    assert!(matches!(parse_user_data(r#"["42",{},[]]"#), Err(Error::NotAnObject)));
    let packed = r#"{"event":"pusher:subscribe","data":"\n {\"channel\":\"room\"}"}"#;
    assert!(matches!(parse(packed), ClientMessage::Subscribe(_)));
    assert_eq!(parse_channel_data(" {\"user_id\":42}").unwrap().id.as_str(), "42");
}

#[test]
fn nesting_is_accepted_at_32_levels_and_refused_at_33() {
    let nested = |levels: usize| {
        let inner = format!("{}{}", "[".repeat(levels - 1), "]".repeat(levels - 1));
        format!(r#"{{"event":"client-x","channel":"private-a","data":{inner}}}"#)
    };
    assert!(ClientMessage::parse(&nested(32)).is_ok());
    assert!(matches!(ClientMessage::parse(&nested(33)), Err(Error::TooDeep)));
    let brackets_in_text = format!(r#"{{"event":"client-x","channel":"private-a","data":"{}\"[["}}"#, "[".repeat(60));
    assert!(ClientMessage::parse(&brackets_in_text).is_ok());
}

#[test]
fn member_ids_may_be_texts_or_whole_numbers_and_name_the_same_user() {
    let text = parse_channel_data(r#"{"user_id":"42","user_info":{"name":"Ada"}}"#).unwrap();
    let number = parse_channel_data(r#"{"user_id":42}"#).unwrap();
    assert_eq!(text.id, number.id);
    assert_eq!((text.numeric_id, text.info.as_ref()), (false, r#"{"name":"Ada"}"#));
    assert_eq!((number.numeric_id, number.info.as_ref()), (true, "{}"));
    assert_eq!(parse_channel_data(r#"{"user_id":"0","user_info":true}"#).unwrap().info.as_ref(), "true");
    let long = "x".repeat(129);
    for bad in ["", "5", "{}", r#"{"user_id":""}"#, r#"{"user_id":null}"#, r#"{"user_id":1.5}"#, r#"{"user_id":[1]}"#] {
        assert!(parse_channel_data(bad).is_err(), "{bad}");
    }
    assert!(parse_channel_data(&format!(r#"{{"user_id":"{}"}}"#, &long[..128])).is_ok());
    assert!(parse_channel_data(&format!(r#"{{"user_id":"{long}"}}"#)).is_err());
}

#[test]
fn user_data_needs_a_text_id_and_its_watchlist_is_cut_at_100() {
    let list = |count: usize| (0..count).map(|i| format!("\"u{i}\"")).collect::<Vec<_>>().join(",");
    let full = parse_user_data(&format!(r#"{{"id":"42","watchlist":[{}]}}"#, list(100))).unwrap();
    assert_eq!((full.watchlist.len(), full.watchlist_cut), (100, false));
    let over = parse_user_data(&format!(r#"{{"id":"42","watchlist":[{}]}}"#, list(101))).unwrap();
    assert_eq!((over.watchlist.len(), over.watchlist_cut), (100, true));
    for bad in ["{}", r#"{"id":42}"#, r#"{"id":""}"#, r#"{"id":null}"#, "x", r#"{"id":"1","watchlist":"7"}"#] {
        assert!(parse_user_data(bad).is_err(), "{bad}");
    }
}

proptest! {
    #[test]
    fn any_text_is_parsed_or_refused_without_a_panic(text in "\\PC{0,300}") {
        let _ = ClientMessage::parse(&text);
        let _ = parse_channel_data(&text);
        let _ = parse_user_data(&text);
    }

    #[test]
    fn any_json_shape_is_parsed_or_refused_without_a_panic(
        event in "(pusher:(ping|pong|subscribe|unsubscribe|signin|x)|client-x|other)",
        channel in "(null|5|\"a\"|\\[\\]|\"private-a\")",
        data in "(null|5|\"\"|\"x\"|\\{\\}|\\[\\[\\]\\]|\\{\"channel\":\"a\"\\}|\"\\{\\\\\"channel\\\\\":\\\\\"a\\\\\"\\}\")",
    ) {
        let text = format!(r#"{{"event":"{event}","channel":{channel},"data":{data}}}"#);
        let _ = ClientMessage::parse(&text);
    }
}
