//! The REST API over HTTP, one file a subject.

mod access;
mod audit;
mod batch;
mod broadcasts;
mod callers;
mod channel_auth;
mod cors;
mod faults;
mod lists;
mod news;
mod notifications;
mod objects;
mod once;
mod problems;
mod realtime;
mod snapshots;
mod streams;
mod tenants;
mod triggers;
mod versions;
mod webhook;
