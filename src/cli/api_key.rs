//! `campanile api-key …`: keys for programs of the learning platform.

use std::net::IpAddr;

use chrono::TimeDelta;
use clap::Subcommand;
use ipnet::IpNet;

use super::span::span;
use crate::{
    domain::{api_key::KEY_NAME_MAX, caller::Scope},
    ids::AppId,
};

/// What a key may be good for.
fn scopes() -> String {
    let names: Vec<&str> = Scope::ALL.iter().map(|scope| scope.name()).collect();
    format!("What it may do: {}", names.join(", "))
}

/// What to do with API keys.
#[derive(Debug, Clone, PartialEq, Subcommand)]
pub enum ApiKeyCommand {
    /// Make a key and print it, once
    Create {
        /// What the key is for
        #[arg(long, value_name = "TEXT", value_parser = name)]
        name: String,
        /// What it may do.
        #[arg(long = "scope", help = scopes(), value_name = "SCOPE[,SCOPE]", required = true, value_delimiter = ',')]
        scopes: Vec<Scope>,
        /// When it ends, such as 90d [default: never]
        #[arg(long, value_name = "SPAN", value_parser = span)]
        expires: Option<TimeDelta>,
        /// Network that it may be used from; may be repeated [default: from anywhere]
        #[arg(long = "ip", value_name = "CIDR", value_parser = network)]
        networks: Vec<IpNet>,
        /// The app [default: the configured one, else the oldest that is enabled]
        #[arg(long, value_name = "ID", value_parser = AppId::parse)]
        app: Option<AppId>,
    },
    /// List the keys of an app
    List {
        /// The app [default: the configured one, else the oldest that is enabled]
        #[arg(long, value_name = "ID", value_parser = AppId::parse)]
        app: Option<AppId>,
    },
    /// End a key: within a second it is refused
    Revoke {
        /// Its public part: ck_…
        id: String,
    },
}

/// Why an argument was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
enum Error {
    /// The name is empty or too long.
    #[error("must have 1 to {KEY_NAME_MAX} characters on one line")]
    Name,
    /// The text is no network.
    #[error("must be an address or a network, such as 192.0.2.7 or 192.0.2.0/24")]
    Network,
}

fn name(text: &str) -> Result<String, Error> {
    let text = text.trim();
    let is_legal = (1..=KEY_NAME_MAX).contains(&text.chars().count()) && !text.chars().any(char::is_control);
    if is_legal { Ok(text.to_owned()) } else { Err(Error::Name) }
}

fn network(text: &str) -> Result<IpNet, Error> {
    let network = text.parse::<IpNet>().map(|network| network.trunc());
    network.or_else(|_no_network| text.parse::<IpAddr>().map(IpNet::from)).map_err(|_no_address| Error::Network)
}
