//! Which addresses are public, and which others are allowed by name or network.
//!
//! Sources: the IANA special-purpose registries for IPv4 and IPv6, and the addresses at which clouds serve metadata. An IPv6
//! address that carries an IPv4 address is as good as the one it carries.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    str::FromStr,
};

use ipnet::IpNet;
use url::Host;

/// An exception from the rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Allowed {
    /// This host, at whatever address.
    Host(String),
    /// Addresses of this network.
    Network(IpNet),
}

/// The text is neither host nor network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a host name, an IP address, or a network such as 10.0.0.0/8")]
pub struct NotAllowable;

impl FromStr for Allowed {
    type Err = NotAllowable;

    fn from_str(text: &str) -> Result<Self, NotAllowable> {
        let text = text.trim();
        if let Ok(network) = text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from)) {
            return Ok(Self::Network(network.trunc()));
        }
        match Host::parse(text) {
            Ok(Host::Domain(name)) => Ok(Self::Host(name)),
            Ok(Host::Ipv6(address)) => Ok(Self::Network(IpAddr::from(address).into())),
            _ => Err(NotAllowable),
        }
    }
}

impl fmt::Display for Allowed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host(name) => f.write_str(name),
            Self::Network(network) => network.fmt(f),
        }
    }
}

impl Allowed {
    /// Tells whether the address lies in the network.
    pub(super) fn covers(&self, address: IpAddr) -> bool {
        match self {
            Self::Host(_) => false,
            Self::Network(network) => network.contains(&address) || network.contains(&address.to_canonical()),
        }
    }

    /// Tells whether the entry means this host as it stands in a URL.
    pub(super) fn names(&self, host: &Host<&str>) -> bool {
        match host {
            Host::Domain(name) => matches!(self, Self::Host(own) if own == name),
            Host::Ipv4(address) => self.covers((*address).into()),
            Host::Ipv6(address) => self.covers((*address).into()),
        }
    }
}

/// Tells whether an address belongs to the public internet.
pub(super) fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let special = match address.octets() {
        [0 | 10 | 127, ..] | [169, 254, ..] | [192, 168, ..] => true,
        [100, b, ..] => b & 0xc0 == 64,
        [172, b, ..] => b & 0xf0 == 16,
        // Protocol assignments, documentation, relays of 6to4.
        [192, 0, 0 | 2, _] | [192, 88, 99, _] => true,
        // Benchmarks, documentation.
        [198, 18 | 19, ..] | [198, 51, 100, _] | [203, 0, 113, _] => true,
        // The metadata of one cloud, at an address that looks public.
        [168, 63, 129, 16] => true,
        // Multicast, reserved, broadcast.
        [a, ..] => a >= 224,
    };
    !special
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let embedded = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        is_public_v4(Ipv4Addr::new(a, b, c, d))
    };
    match address.segments() {
        // Mapped; NAT64; 6to4.
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => embedded(high, low),
        [0x2002, high, low, ..] => embedded(high, low),
        // Protocol assignments with Teredo; documentation.
        [0x2001, b, ..] if b < 0x200 || b == 0xdb8 => false,
        [0x3fff, b, ..] if b < 0x1000 => false,
        // Nothing but 2000::/3 has been given out.
        [a, ..] => a & 0xe000 == 0x2000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn public(text: &str) -> bool {
        is_public(text.parse().unwrap())
    }

    #[test]
    fn special_addresses_are_not_public_in_any_spelling() {
        let bad = [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "100.64.0.1",
            "100.127.255.255",
            "100.100.100.200",
            "127.0.0.1",
            "127.255.255.254",
            "168.63.129.16",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.192",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::7f00:1",
            "::ffff:10.0.0.1",
            "::ffff:169.254.169.254",
            "::ffff:127.0.0.1",
            "64:ff9b::10.0.0.1",
            "64:ff9b::a9fe:a9fe",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:2::1",
            "2001:10::1",
            "2001:20::1",
            "2001:db8::1",
            "2002:a00:1::1",
            "2002:7f00:1::",
            "2002:a9fe:a9fe::1",
            "3fff::1",
            "3fff:fff::1",
            "4000::1",
            "5f00::1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ];
        for address in bad {
            assert!(!public(address), "{address}");
        }
    }

    #[test]
    fn neighbours_of_special_addresses_are_public() {
        let good = [
            "1.1.1.1",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "168.63.129.17",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.1",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "::ffff:8.8.8.8",
            "64:ff9b::808:808",
            "2001:200::1",
            "2001:4860:4860::8888",
            "2002:808:808::1",
            "2606:4700::1111",
            "3fff:1000::1",
        ];
        for address in good {
            assert!(public(address), "{address}");
        }
    }

    #[test]
    fn exceptions_are_hosts_addresses_and_networks_and_nothing_else() {
        let allowed = |text: &str| text.parse::<Allowed>();
        assert_eq!(allowed("Keys.Example"), Ok(Allowed::Host("keys.example".to_owned())));
        assert!(allowed("10.1.2.3/8").unwrap().covers("10.9.9.9".parse().unwrap()));
        assert!(allowed("10.0.0.0/8").unwrap().covers("::ffff:10.0.0.1".parse().unwrap()));
        assert!(allowed("[::1]").unwrap().names(&Host::Ipv6(Ipv6Addr::LOCALHOST)));
        assert!(!allowed("127.0.0.1").unwrap().covers("127.0.0.2".parse().unwrap()));
        for bad in ["", "https://a.example", "a b", "10.0.0.0/33", "a.example:80"] {
            assert_eq!(allowed(bad), Err(NotAllowable), "{bad}");
        }
    }
}
