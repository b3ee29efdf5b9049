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
mod cli;
#[cfg(test)]
mod openapi;
#[cfg(test)]
mod process;
#[cfg(test)]
mod tls;
#[cfg(test)]
mod users;
#[cfg(test)]
mod watchlist;
#[cfg(test)]
mod connect;
#[cfg(test)]
mod migrations;
#[cfg(test)]
mod support;
