//! How texts become values: numbers with bounds, switches, hosts, networks, paths.
//!
//! Each reader answers with what would have been right, never with what was given: the caller knows whether the text may
//! be shown.

use std::{
    borrow::Cow,
    net::{IpAddr, SocketAddr},
    ops::RangeInclusive,
    time::Duration,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use ipnet::IpNet;
use url::Host;

use crate::{
    domain::app::{MasterKey, SettingError},
    outbound::Allowed,
};

/// What a refused text should have been; reads on after "must be".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Expected(Cow<'static, str>);

impl From<&'static str> for Expected {
    fn from(text: &'static str) -> Self {
        Self(Cow::Borrowed(text))
    }
}

impl From<String> for Expected {
    fn from(text: String) -> Self {
        Self(Cow::Owned(text))
    }
}

impl From<SettingError> for Expected {
    fn from(error: SettingError) -> Self {
        match error {
            SettingError::Unknown { .. } => Self::from("the value of a known setting"),
            SettingError::Invalid { expected, .. } => Self::from(expected),
            SettingError::OutOfRange { min, max, .. } => Self::from(format!("a whole number from {min} to {max}")),
            SettingError::Route(error) => {
                Self::from(format!("a list of routes such as private-lab-{{id}}=course; {error}"))
            }
        }
    }
}

/// Result of reading one value.
pub(super) type Read<T> = Result<T, Expected>;

/// Reads a whole number within bounds.
pub(super) fn whole<N: TryFrom<u64>>(text: &str, bounds: RangeInclusive<u64>) -> Read<N> {
    let digits = text.trim();
    // `parse` alone would accept a sign.
    let number = digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok()).flatten();
    number
        .filter(|number| bounds.contains(number))
        .and_then(|number| N::try_from(number).ok())
        .ok_or_else(|| Expected::from(format!("a whole number from {} to {}", bounds.start(), bounds.end())))
}

/// Reads whole seconds within bounds.
pub(super) fn seconds(text: &str, bounds: RangeInclusive<u64>) -> Read<Duration> {
    let wrong = || Expected::from(format!("whole seconds from {} to {}", bounds.start(), bounds.end()));
    whole(text, bounds.clone()).map(Duration::from_secs).map_err(|_| wrong())
}

/// Reads a switch.
pub(super) fn switch(text: &str) -> Read<bool> {
    match text.trim().to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Ok(true),
        "false" | "0" | "no" | "off" => Ok(false),
        _ => Err("true or false".into()),
    }
}

/// Reads one of several words.
pub(super) fn choice<T: Copy>(text: &str, choices: &[(&str, T)]) -> Read<T> {
    let word = text.trim();
    let found = choices.iter().find(|(name, _)| name.eq_ignore_ascii_case(word)).map(|(_, value)| *value);
    found.ok_or_else(|| {
        let names: Vec<_> = choices.iter().map(|(name, _)| *name).collect();
        Expected::from(names.join(" or "))
    })
}

/// Reads an address or host name; IPv6 addresses with or without brackets.
pub(super) fn host(text: &str) -> Read<Host> {
    let text = text.trim();
    match text.parse::<IpAddr>() {
        Ok(IpAddr::V4(address)) => Ok(Host::Ipv4(address)),
        Ok(IpAddr::V6(address)) => Ok(Host::Ipv6(address)),
        Err(_) => Host::parse(text).map_err(|_| "an IP address or a host name, without scheme and port".into()),
    }
}

/// Longest path prefix in bytes.
const MAX_PREFIX_BYTES: usize = 200;

/// Reads a path prefix and brings it into the form `/a/b`; empty and `/` are no prefix.
pub(super) fn path_prefix(text: &str) -> Read<String> {
    let inner = text.trim().trim_matches('/');
    if inner.is_empty() {
        return Ok(String::new());
    }
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~' | b'/');
    let segments_are_names = inner.split('/').all(|segment| !matches!(segment, "" | "." | ".."));
    if segments_are_names && inner.len() < MAX_PREFIX_BYTES && inner.bytes().all(legal) {
        return Ok(format!("/{inner}"));
    }
    Err("a path such as /realtime, of letters, digits, '-', '_', '.', '~' and at most 200 characters".into())
}

/// Reads networks (`10.0.0.0/8`) and single addresses, separated by commas.
pub(super) fn networks(text: &str) -> Read<Vec<IpNet>> {
    let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
    let network = |part: &str| {
        let address = || part.parse::<IpAddr>().map(IpNet::from);
        part.parse::<IpNet>().or_else(|_| address()).map(|network| network.trunc())
    };
    parts
        .map(network)
        .collect::<Result<_, _>>()
        .map_err(|_| "networks such as 10.0.0.0/8, or addresses, separated by commas".into())
}

/// Reads hosts and networks that outgoing requests may go to, separated by commas.
pub(super) fn exceptions(text: &str) -> Read<Vec<Allowed>> {
    let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
    parts
        .map(str::parse)
        .collect::<Result<_, _>>()
        .map_err(|_| "host names, IP addresses, or networks such as 10.0.0.0/8, separated by commas".into())
}

/// Most texts in a list, and most bytes of each.
const MAX_TEXTS: usize = 100;
const MAX_TEXT_BYTES: usize = 255;

/// Reads texts, separated by commas.
pub(super) fn texts(text: &str) -> Read<Vec<String>> {
    let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
    let list: Vec<_> = parts.map(str::to_owned).collect();
    if list.len() <= MAX_TEXTS
        && list.iter().all(|text| text.len() <= MAX_TEXT_BYTES && !text.chars().any(char::is_control))
    {
        return Ok(list);
    }
    Err(Expected::from(format!("at most {MAX_TEXTS} texts of {MAX_TEXT_BYTES} bytes, separated by commas")))
}

/// Reads the key of encrypted channels.
pub(super) fn master_key(text: &str) -> Read<Option<MasterKey>> {
    let bytes = STANDARD.decode(text.trim()).ok().and_then(|bytes| bytes.try_into().ok());
    let key = bytes.map(|bytes| Some(MasterKey::new(bytes)));
    key.ok_or_else(|| "32 bytes in base64, as 'openssl rand -base64 32' makes them".into())
}

/// Reads an address with port, or `off`.
pub(super) fn address_or_off(text: &str) -> Read<Option<SocketAddr>> {
    let text = text.trim();
    if matches!(text.to_ascii_lowercase().as_str(), "off" | "false" | "none") {
        return Ok(None);
    }
    text.parse().map(Some).map_err(|_| "an IP address with port such as 127.0.0.1:9601, or off".into())
}

/// Reads the directives of the log filter.
pub(super) fn log_filter(text: &str) -> Read<String> {
    let text = text.trim();
    let filter = tracing_subscriber::EnvFilter::builder().parse(text);
    filter
        .map(|_| text.to_owned())
        .map_err(|_| "a level such as info, or directives such as info,campanile=debug".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn path_prefix_gets_a_leading_slash_and_loses_the_last_one() {
        for (given, kept) in [("", ""), ("/", ""), ("rt", "/rt"), ("/rt/", "/rt"), (" a/b ", "/a/b")] {
            assert_eq!(path_prefix(given).unwrap(), kept);
        }
        for bad in ["a//b", "a?b", "a b", "../x", "a/./b", "a%20"] {
            assert!(path_prefix(bad).is_err(), "{bad}");
        }
        assert_eq!(path_prefix(&"a".repeat(199)).unwrap().len(), MAX_PREFIX_BYTES);
        assert!(path_prefix(&"a".repeat(200)).is_err());
    }

    #[test]
    fn host_is_an_address_or_a_name() {
        for (given, shown) in [("::1", "[::1]"), ("[::1]", "[::1]"), ("0.0.0.0", "0.0.0.0"), ("A.example", "a.example")]
        {
            assert_eq!(host(given).unwrap().to_string(), shown);
        }
        for bad in ["", "http://h", "h:80", "a b"] {
            assert!(host(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn networks_are_ranges_or_single_addresses() {
        let read = networks("10.1.2.3/8, 192.0.2.7,2001:db8::/32,").unwrap();
        let shown: Vec<_> = read.iter().map(ToString::to_string).collect();
        assert_eq!(shown, ["10.0.0.0/8", "192.0.2.7/32", "2001:db8::/32"]);
        assert_eq!(networks("").unwrap(), []);
        assert!(networks("10.0.0.0/33").is_err());
        assert!(networks("proxy.example").is_err());
    }

    #[test]
    fn master_key_has_32_bytes_and_lists_are_bounded() {
        assert!(master_key(&STANDARD.encode([7; 32])).is_ok());
        for bad in [STANDARD.encode([7; 31]), STANDARD.encode([7; 33]), "x".to_owned(), String::new()] {
            assert!(master_key(&bad).is_err(), "{bad}");
        }
        assert_eq!(texts("a, b,").unwrap(), ["a", "b"]);
        assert!(texts(&"a,".repeat(MAX_TEXTS)).is_ok() && texts(&"a,".repeat(MAX_TEXTS + 1)).is_err());
        assert!(texts(&"a".repeat(MAX_TEXT_BYTES)).is_ok() && texts(&"a".repeat(MAX_TEXT_BYTES + 1)).is_err());
        assert!(exceptions("keys.example, 10.0.0.0/8, ::1").is_ok() && exceptions("https://keys.example").is_err());
    }

    #[test]
    fn whole_numbers_have_no_sign_and_no_fraction() {
        assert_eq!(whole::<u16>(" 65535 ", 0..=65_535), Ok(65_535));
        for bad in ["", "+1", "-1", "1.0", "0x1", "65536", "99999999999999999999"] {
            assert!(whole::<u16>(bad, 0..=65_535).is_err(), "{bad}");
        }
        assert!(log_filter("info,campanile=loud").is_err());
    }
}
