//! Vectors of the official documentation and of the SDKs, and what must not verify.

use proptest::prelude::*;

use super::*;
use crate::{
    domain::app::AppSettings,
    ids::{AppId, AppKey},
};

fn app_with(id: &str, key: &str, secret: &str) -> App {
    App {
        id: AppId::parse(id).unwrap(),
        key: AppKey::parse(key).unwrap(),
        name: "test".into(),
        secrets: vec![Secret::new(secret)],
        enabled: true,
        settings: AppSettings::default(),
    }
}

fn app() -> App {
    app_with("app-id", "app-key", "app-secret")
}

fn official() -> App {
    app_with("3", "278d425bdf160c739803", "7ad3773142a6692b25b8")
}

const SOCKET: &str = "123456.7890123";

#[test]
fn official_channel_and_user_vectors_verify() {
    let socket = SocketId::parse("1234.1234").unwrap();
    let rows = [
        ("private-foobar", None, "58df8b0c36d6982b82c3ecf6b4662e34fe8c25bba48f5369f135bf843651c3a4"),
        (
            "presence-foobar",
            Some(r#"{"user_id":10,"user_info":{"name":"Mr. Channels"}}"#),
            "31935e7d86dba64c2a90aed31fdc61869f9b22ba9d8863bba239c03ca481bc80",
        ),
        (
            "presence-foobar",
            Some(r#"{"user_id":10,"user_info":{"name":"Mr. Pusher"}}"#),
            "afaed3695da2ffd16931f457e338e6c9f2921fa133ce7dac49f529792be6304c",
        ),
    ];
    for (channel, data, signature) in rows {
        let auth = format!("278d425bdf160c739803:{signature}");
        assert!(verify_channel(&official(), socket, channel, data, &auth).is_some(), "{channel}");
    }
    let auth = "278d425bdf160c739803:4708d583dada6a56435fb8bc611c77c359a31eebde13337c16ab43aa6de336ba";
    assert!(verify_user(&official(), socket, r#"{"id":"12345"}"#, auth).is_some());
}

#[test]
fn channel_vectors_of_every_kind_verify() {
    let rows = [
        ("private-orders.1", None, "2dffdda32959114fecf64c7cf68a433fc986f64965177c822e7bc411284ea63c"),
        ("private-cache-prices", None, "1a08ec726366c6f39debf5a537ac14228b0606a10087347e7cc6e82d56e862d1"),
        ("private-encrypted-vault", None, "b14dcc87118a40b433ecfd78788ad8fe5ecb5ada880c89808fc352ec38a83623"),
        ("private-encrypted-cache-vault", None, "490388e33f9e682d68903925832d63ff11a88a0e552de16b167a2f9dba6e0a5c"),
        ("private-UPPER_lower-=@,.;9", None, "8d9af98c72719d9598eb9bea1d05b0513989b057162c13929a3c8a648243dbfa"),
        (
            "private-orders.1",
            Some(r#"{"user_id":"42","user_info":{"name":"Ada"}}"#),
            "9c6de8901204b8fbdb87039223d051e103012ac9c250fab922960df19e78521b",
        ),
        (
            "presence-room",
            Some(r#"{"user_id":"42","user_info":{"name":"Ada"}}"#),
            "b1a49e2a439a2c79c26fb7c52b0637adc4d0a095fdb47763d0e95e038488502c",
        ),
        (
            "presence-room",
            Some(r#"{"user_id":42,"user_info":{"name":"Ada"}}"#),
            "a3c1b86d4c0aeba6786c3bc6b0ca35d1017d69d36c13a7e3d7643415f9f1acff",
        ),
        (
            "presence-room",
            Some(r#"{"user_id":"42"}"#),
            "d5f50e0a2b3cca4a85db7f718187a2713de4d2f13187d381ee5ed90bfc1c76af",
        ),
        (
            "presence-room",
            Some(r#"{"user_id":"42","user_info":{"name":"J\u00fcrgen \/ X"}}"#),
            "6f425f5f900ec16811069ac318549843cc388b7351872971d40acdb2e95dc034",
        ),
        (
            "presence-room",
            Some(r#"{"user_id":"42","user_info":{"name":"Jürgen / X"}}"#),
            "d4c0a6df3442c9cebaeddc0ef9cf1eea99e947311a6456a5f4f84bb0e70e2acf",
        ),
        (
            "presence-cache-room",
            Some(r#"{"user_id":"42","user_info":{"name":"Ada"}}"#),
            "e6f5e0ec98b53a46795ec6fad34fe2174efae7f223c256cc2496c163efb08ab6",
        ),
    ];
    let socket = SocketId::parse(SOCKET).unwrap();
    for (channel, data, signature) in rows {
        let authentic = verify_channel(&app(), socket, channel, data, &format!("app-key:{signature}"));
        let expected = Authentic { covers_data: data.is_some(), voucher: None };
        assert_eq!(authentic, Some(expected), "{channel} {data:?}");
    }
}

#[test]
fn user_vectors_verify() {
    let socket = SocketId::parse(SOCKET).unwrap();
    let rows = [
        (r#"{"id":"42"}"#, "ec70c7691cdae7af8f9ac2b6299a9ff9cc336fd242a1f61165abe0a63d791a84"),
        (
            r#"{"id":"42","user_info":{"name":"Ada"},"watchlist":["7","8"]}"#,
            "a722433643809988ea2dced2a05da9845f9600402e5ef0b56f59d23d5a8bc6f0",
        ),
    ];
    for (data, signature) in rows {
        let auth = format!("app-key:{signature}");
        assert!(verify_user(&app(), socket, data, &auth).is_some());
        assert!(verify_user(&app(), SocketId::parse("1.2").unwrap(), data, &auth).is_none());
    }
}

#[test]
fn private_channel_with_channel_data_verifies_with_and_without_it_signed_but_presence_only_with() {
    let socket = SocketId::parse(SOCKET).unwrap();
    let plain = |channel: &str| format!("app-key:{}", sign(&Secret::new("app-secret"), &[SOCKET, ":", channel]));
    let private = verify_channel(&app(), socket, "private-a", Some("{}"), &plain("private-a"));
    assert_eq!(private, Some(Authentic { covers_data: false, voucher: None }));
    assert_eq!(verify_channel(&app(), socket, "presence-a", Some("{}"), &plain("presence-a")), None);
}

#[test]
fn signature_of_a_longer_name_is_none_of_a_shorter_name_with_data() {
    let socket = SocketId::parse(SOCKET).unwrap();
    let auth = format!("app-key:{}", sign(&Secret::new("app-secret"), &[SOCKET, ":private-school:42"]));
    assert!(verify_channel(&app(), socket, "private-school:42", None, &auth).is_some());
    for data in ["42", " 42", "\"42\""] {
        assert_eq!(verify_channel(&app(), socket, "private-school", Some(data), &auth), None);
    }
}

#[test]
fn a_voucher_is_signed_along_and_holds_for_its_own_text_alone() {
    let socket = SocketId::parse(SOCKET).unwrap();
    let voucher = Voucher { user: crate::ids::UserId::parse("7").ok(), token_ends: None, heard: None };
    let auth = vouch(&app(), &format!("{SOCKET}:private-a"), &voucher);
    let vouched = Some(Authentic { covers_data: false, voucher: Some(voucher.clone()) });
    assert_eq!(verify_channel(&app(), socket, "private-a", None, &auth), vouched);
    assert_eq!(
        verify_channel(&app(), socket, "private-a", Some(r#"{"user_id":"8"}"#), &auth),
        vouched,
        "data is left aside"
    );
    let (bare, text) = auth.rsplit_once(':').unwrap();
    let others =
        [bare.to_owned(), format!("{bare}:"), format!("{bare}:.38"), format!("{auth}0"), format!("{auth}:{text}")];
    for other in &others {
        assert_eq!(verify_channel(&app(), socket, "private-a", None, other), None, "{other}");
    }
    assert_eq!(verify_channel(&app(), socket, "private-a{.37}", None, bare).map(|it| it.voucher), Some(None));
    assert!(crate::protocol::ChannelName::parse("private-a{.37}", (&AppSettings::default()).into()).is_err());

    let data = r#"{"user_id":"7"}"#;
    let auth = vouch(&app(), &format!("{SOCKET}:presence-a:{data}"), &voucher);
    let vouched = Some(Authentic { covers_data: true, voucher: Some(voucher.clone()) });
    assert_eq!(verify_channel(&app(), socket, "presence-a", Some(data), &auth), vouched);
    assert_eq!(verify_channel(&app(), socket, "presence-a", None, &auth), None);
    let auth = vouch(&app(), &format!(r#"{SOCKET}::user::{{"id":"7"}}"#), &voucher);
    assert_eq!(verify_user(&app(), socket, r#"{"id":"7"}"#, &auth), vouched);
}

#[test]
fn each_changed_byte_wrong_length_or_upper_case_digit_fails() {
    let socket = SocketId::parse(SOCKET).unwrap();
    let good = sign(&Secret::new("app-secret"), &[SOCKET, ":private-a"]);
    let check =
        |signature: &str| verify_channel(&app(), socket, "private-a", None, &format!("app-key:{signature}")).is_some();
    assert!(check(&good));
    for position in 0..64 {
        let mut bad = good.clone().into_bytes();
        bad[position] = if bad[position] == b'0' { b'1' } else { b'0' };
        assert!(!check(std::str::from_utf8(&bad).unwrap()), "{position}");
    }
    assert!(!check("") && !check(&good[..63]) && !check(&format!("{good}0")));
    assert!(!check(&good.to_uppercase()) || good.to_uppercase() == good);
    for auth in [good.clone(), format!(":{good}"), format!("other-key:{good}"), String::new(), "app-key".into()] {
        assert_eq!(verify_channel(&app(), socket, "private-a", None, &auth), None, "{auth}");
    }
}

#[test]
fn while_rotating_both_secrets_verify_and_an_older_one_does_not() {
    let mut app = app();
    app.secrets = vec![Secret::new("newer-secret"), Secret::new("app-secret")];
    let socket = SocketId::parse(SOCKET).unwrap();
    for (secret, expected) in [("newer-secret", true), ("app-secret", true), ("oldest-secret", false)] {
        let auth = format!("app-key:{}", sign(&Secret::new(secret), &[SOCKET, ":private-a"]));
        assert_eq!(verify_channel(&app, socket, "private-a", None, &auth).is_some(), expected, "{secret}");
    }
}

const NOW: u64 = 1_700_000_000;

fn request<'a>(method: &'a str, path: &'a str, query: &'a str) -> Request<'a> {
    Request { method, path, path_without_prefix: None, query, has_body: false }
}

/// Verifies head and body, as a door does.
fn judge(app: &App, request: Request<'_>, body: &[u8], now: u64) -> Result<Vec<(String, String)>, AuthError> {
    let verified = verify_request(app, Request { has_body: !body.is_empty(), ..request }, now)?;
    verified.check_body(body)?;
    Ok(verified.parameters)
}

fn check(method: &str, path: &str, more: &str, body: &str) -> Result<Vec<(String, String)>, AuthError> {
    let query = format!("auth_key=app-key&auth_timestamp=1700000000&auth_version=1.0&{more}");
    judge(&app(), request(method, path, &query), body.as_bytes(), NOW)
}

#[test]
fn official_http_vector_verifies() {
    let query = "auth_key=278d425bdf160c739803&auth_timestamp=1353088179&auth_version=1.0\
        &body_md5=ec365a775a4cd0599faeb73354201b6f\
        &auth_signature=da454824c97ba181a32ccc17a72625ba02771f50b50e1e7430e47a1f3f457e6c";
    let body = r#"{"name":"foo","channels":["project-3"],"data":"{\"some\":\"data\"}"}"#;
    assert!(judge(&official(), request("POST", "/apps/3/events", query), body.as_bytes(), 1_353_088_179).is_ok());
}

const EVENTS: &str = r#"{"name":"App\\Events\\OrderShipped","data":"{\"id\":1}","channels":["private-orders.1"]}"#;
const SINGLE: &str =
    r#"{"name":"e","data":"{}","channel":"room","socket_id":"1.1","info":"user_count,subscription_count"}"#;
const BATCH: &str = r#"{"batch":[{"channel":"a","name":"e","data":"1"},{"channel":"b","name":"e","data":"2"}]}"#;

/// Method, path, body, parameters besides the usual ones, signature.
#[rustfmt::skip]
const HTTP_VECTORS: [(&str, &str, &str, &str, &str); 14] = [
        (
            "POST",
            "/apps/app-id/events",
            EVENTS,
            "body_md5=125723702f20b475a3b9043b360ff2f1",
            "e951b347c3784464f79fd7ea7d60c9f19731a7fd4e29d90d888ae50ad7c53900",
        ),
        (
            "POST",
            "/apps/app-id/events",
            SINGLE,
            "body_md5=358c38cfaed08f385538f2a64f10beb6",
            "7a04dcee7011e90a7a9facb066713a6a1e38454ccbe7fe13db2153391c6764c7",
        ),
        (
            "POST",
            "/apps/app-id/batch_events",
            BATCH,
            "body_md5=571b80876340594e69d66d24df54edb4",
            "33620f3d4ab10ce42e6c3c547ba1f55c944b16754d91ea9cd6c5b3f9e44c9e56",
        ),
        ("GET", "/apps/app-id/channels", "", "", "f5cc9dde83ebbd9328d72e076c2b869cdffad888c45f61285077cfc4ca1eca65"),
        (
            "GET",
            "/apps/app-id/channels",
            "",
            "filter_by_prefix=presence-&info=user_count",
            "fd5a1b38d92aee2b7913a8cf43136cffab888ee5a097536910d6239f08eb68a2",
        ),
        (
            "GET",
            "/apps/app-id/channels/presence-room",
            "",
            "info=user_count,subscription_count",
            "63a12586312655a389c2cd2456ef12ce123cb22ece45add17de2273aaea20235",
        ),
        (
            "GET",
            "/apps/app-id/channels/presence-room",
            "",
            "info=user_count%2Csubscription_count",
            "63a12586312655a389c2cd2456ef12ce123cb22ece45add17de2273aaea20235",
        ),
        (
            "GET",
            "/apps/app-id/channels/presence-room",
            "",
            "info[0]=user_count&info[1]=subscription_count",
            "63a12586312655a389c2cd2456ef12ce123cb22ece45add17de2273aaea20235",
        ),
        (
            "GET",
            "/apps/app-id/channels/presence-room",
            "",
            "info%5B%5D=user_count&info%5B%5D=subscription_count",
            "63a12586312655a389c2cd2456ef12ce123cb22ece45add17de2273aaea20235",
        ),
        (
            "GET",
            "/apps/app-id/channels/presence-room/users",
            "",
            "",
            "a7afae233250cdf3d2c9b18ed80afcd11f03f89614c48018dec50a034ca1143a",
        ),
        (
            "GET",
            "/apps/app-id/channels",
            "",
            "body_md5=d41d8cd98f00b204e9800998ecf8427e",
            "6a2f213f5ea86fd2cc8f4e738bac95efd868e894a2ab76d0e89393b2999b70ad",
        ),
        (
            "GET",
            "/prefix/apps/app-id/channels",
            "",
            "",
            "5855c434609e5d9f8c2c18a8dd4f312deb6271f61cc5a12b88e2bc2f040f7d14",
        ),
        (
            "POST",
            "/apps/app-id/users/42/terminate_connections",
            "{}",
            "body_md5=99914b932bd37a50b983c5e7c90ae93b",
            "5c90601b7ede27346da725838a3837f982e9712e07d793968f91dbc6d56670ac",
        ),
        (
            "POST",
            "/apps/app-id/users/42/terminate_connections",
            "",
            "",
            "5cc3ead47d8429d1ac4e02ab1f0bbf2c699b482cb8f9acfc18cfb79ab8833aea",
        ),
];

#[test]
fn http_vectors_of_every_endpoint_verify() {
    for (method, path, body, more, signature) in HTTP_VECTORS {
        let result = check(method, path, &format!("{more}&auth_signature={signature}"), body);
        assert!(result.is_ok(), "{method} {path} {more}: {result:?}");
    }
}

/// Signs like an SDK and verifies; `edit` may spoil the request on its way.
fn round_trip(at: u64, edit: impl FnOnce(&mut String, &mut String, &mut String)) -> Result<(), AuthError> {
    let mut path = "/apps/app-id/events".to_owned();
    let mut body = r#"{"name":"e"}"#.to_owned();
    let md5 = hex::encode(<md5::Md5 as hmac::digest::Digest>::digest(body.as_bytes()));
    let signed = format!("auth_key=app-key&auth_timestamp={at}&auth_version=1.0&body_md5={md5}&zebra=1");
    let signature = sign(&Secret::new("app-secret"), &["POST\n", &path, "\n", &signed]);
    let mut query = format!("{signed}&auth_signature={signature}");
    edit(&mut path, &mut query, &mut body);
    judge(&app(), request("POST", &path, &query), body.as_bytes(), NOW).map(drop)
}

#[test]
fn anything_changed_on_the_way_is_refused() {
    assert_eq!(round_trip(NOW, |_, _, _| ()), Ok(()));
    assert_eq!(round_trip(NOW, |path, _, _| path.push('x')), Err(AuthError::WrongSignature));
    assert_eq!(round_trip(NOW, |_, _, body| body.push(' ')), Err(AuthError::WrongBody));
    assert_eq!(round_trip(NOW, |_, query, _| query.push_str("&a=1")), Err(AuthError::WrongSignature));
    let duplicate = round_trip(NOW, |_, query, _| query.push_str("&zebra=2"));
    assert_eq!(duplicate, Err(AuthError::Duplicate { name: "zebra".into() }));
    let wrong_key = round_trip(NOW, |_, query, _| *query = query.replace("app-key", "app-kez"));
    assert_eq!(wrong_key, Err(AuthError::WrongKey));
    let no_md5 = round_trip(NOW, |_, query, _| *query = query.replace("body_md5", "body_sha"));
    assert_eq!(no_md5, Err(AuthError::WrongBody));
    let version = round_trip(NOW, |_, query, _| *query = query.replace("=1.0", "=1.1"));
    assert_eq!(version, Err(AuthError::WrongVersion));
    for name in ["auth_key", "auth_timestamp", "auth_version", "auth_signature"] {
        let result = round_trip(NOW, |_, query, _| *query = query.replace(name, "other"));
        assert_eq!(result, Err(AuthError::Missing { name }));
    }
}

#[test]
fn a_body_whose_md5_was_not_signed_is_refused() {
    let signed = "auth_key=app-key&auth_timestamp=1700000000&auth_version=1.0";
    let signature = sign(&Secret::new("app-secret"), &["POST\n/x\n", signed]);
    let query = format!("{signed}&auth_signature={signature}");
    assert!(judge(&app(), request("POST", "/x", &query), b"", NOW).is_ok());
    assert_eq!(judge(&app(), request("POST", "/x", &query), b"{}", NOW), Err(AuthError::WrongBody));
}

#[test]
fn clock_may_differ_by_600_seconds_and_not_by_601() {
    assert_eq!(round_trip(NOW - 600, |_, _, _| ()), Ok(()));
    assert_eq!(round_trip(NOW + 600, |_, _, _| ()), Ok(()));
    assert_eq!(round_trip(NOW - 601, |_, _, _| ()), Err(AuthError::ClockSkew { now: NOW }));
    assert_eq!(round_trip(NOW + 601, |_, _, _| ()), Err(AuthError::ClockSkew { now: NOW }));
}

#[test]
fn upper_case_keys_are_lowered_before_sorting_and_a_prefix_may_be_left_out_of_the_signature() {
    let signed = "auth_key=app-key&auth_timestamp=1700000000&auth_version=1.0&info=cache";
    let signature = sign(&Secret::new("app-secret"), &["GET\n/apps/app-id/channels\n", signed]);
    let query = format!("INFO=cache&{}&auth_signature={signature}", signed.replace("&info=cache", ""));
    let mut sent = request("GET", "/prefix/apps/app-id/channels", &query);
    assert_eq!(verify_request(&app(), sent, NOW), Err(AuthError::WrongSignature));
    sent.path_without_prefix = Some("/apps/app-id/channels");
    assert!(verify_request(&app(), sent, NOW).is_ok());
}

#[test]
fn parameters_are_accepted_at_the_limit_and_refused_beyond() {
    let many = |count: usize| (0..count).map(|i| format!("p{i}=1")).collect::<Vec<_>>().join("&");
    let outcome = |query: &str| verify_request(&app(), request("GET", "/", query), NOW).unwrap_err();
    assert_eq!(outcome(&many(64)), AuthError::Missing { name: "auth_key" });
    assert_eq!(outcome(&many(65)), AuthError::TooManyParameters);
}

proptest! {
    #[test]
    fn an_sdk_signed_request_verifies_whatever_its_parameters_hold(
        extra in proptest::collection::btree_map("[a-z_]{1,12}", "\\PC{0,20}", 0..6),
        body in "\\PC{0,60}",
    ) {
        let mut parameters = extra;
        parameters.retain(|key, _| !key.starts_with("auth_") && key != "body_md5");
        parameters.insert("auth_key".into(), "app-key".into());
        parameters.insert("auth_timestamp".into(), NOW.to_string());
        parameters.insert("auth_version".into(), "1.0".into());
        if !body.is_empty() {
            let md5 = hex::encode(<md5::Md5 as hmac::digest::Digest>::digest(body.as_bytes()));
            parameters.insert("body_md5".into(), md5);
        }
        let signed: Vec<String> = parameters.iter().map(|(k, v)| format!("{k}={v}")).collect();
        let signature = sign(&Secret::new("app-secret"), &["POST\n/apps/app-id/events\n", &signed.join("&")]);
        parameters.insert("auth_signature".into(), signature);
        let wire = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(&parameters).finish();
        let verified = judge(&app(), request("POST", "/apps/app-id/events", &wire), body.as_bytes(), NOW);
        prop_assert_eq!(verified, Ok(parameters.into_iter().collect::<Vec<_>>()));
    }

    #[test]
    fn any_query_is_judged_without_a_panic(query in "\\PC{0,200}", body in proptest::collection::vec(any::<u8>(), 0..40)) {
        prop_assert!(judge(&app(), request("POST", "/", &query), &body, NOW).is_err());
    }

    #[test]
    fn no_two_triples_sign_the_same_text(
        a in ("[a-z-]{1,10}", proptest::option::of("\\{[a-z:\"]{0,10}\\}")),
        b in ("[a-z-]{1,10}", proptest::option::of("\\{[a-z:\"]{0,10}\\}")),
    ) {
        let text = |(channel, data): &(String, Option<String>)| match data {
            None => format!("1.1:{channel}"),
            Some(data) => format!("1.1:{channel}:{data}"),
        };
        prop_assert_eq!(text(&a) == text(&b), a == b);
    }
}
