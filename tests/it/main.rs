//! Tests of the whole server from outside, in one binary; one file a feature, what they share in `support`.

#[cfg(test)]
mod api_auth;
#[cfg(test)]
mod api_batch;
#[cfg(test)]
mod api_channels;
#[cfg(test)]
mod api_clients;
#[cfg(test)]
mod api_events;
#[cfg(test)]
mod api_faults;
#[cfg(test)]
mod api_limits;
#[cfg(test)]
mod apps_live;
#[cfg(test)]
mod cache_channels;
#[cfg(test)]
mod catch_up;
#[cfg(test)]
mod certificates;
#[cfg(test)]
mod channels;
#[cfg(test)]
mod chat;
#[cfg(test)]
mod cli;
#[cfg(test)]
mod cli_token;
#[cfg(test)]
mod client_events;
#[cfg(test)]
mod close_codes;
#[cfg(test)]
mod connect;
#[cfg(test)]
mod guarded_public;
#[cfg(test)]
mod house;
#[cfg(test)]
mod isolation;
#[cfg(test)]
mod keep_alive;
#[cfg(test)]
mod migrations;
#[cfg(test)]
mod online;
#[cfg(test)]
mod openapi;
#[cfg(test)]
mod pages;
#[cfg(test)]
mod polls;
#[cfg(test)]
mod presence;
#[cfg(test)]
mod process;
#[cfg(test)]
mod rest;
#[cfg(test)]
mod revocation;
#[cfg(test)]
mod rfc6455;
#[cfg(test)]
mod roster_cli;
#[cfg(test)]
mod subscription_count;
#[cfg(test)]
mod subscriptions;
#[cfg(test)]
mod support;
#[cfg(test)]
mod threats_limits;
#[cfg(test)]
mod threats_socket;
#[cfg(test)]
mod tls;
#[cfg(test)]
mod tokens;
#[cfg(test)]
mod typing;
#[cfg(test)]
mod users;
#[cfg(test)]
mod watchlist;
