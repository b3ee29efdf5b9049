//! Tests of the whole server from outside, in one binary; one file a feature, what they share in `support`.

#[cfg(test)]
mod cache_channels;
#[cfg(test)]
mod channels;
#[cfg(test)]
mod client_events;
#[cfg(test)]
mod close_codes;
#[cfg(test)]
mod connect;
#[cfg(test)]
mod isolation;
#[cfg(test)]
mod keep_alive;
#[cfg(test)]
mod migrations;
#[cfg(test)]
mod pages;
#[cfg(test)]
mod presence;
#[cfg(test)]
mod subscription_count;
#[cfg(test)]
mod subscriptions;
#[cfg(test)]
mod support;
