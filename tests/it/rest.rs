//! The REST API over HTTP, one file a subject.

mod access;
mod batch;
mod callers;
mod channel_auth;
mod cors;
mod lists;
mod objects;
mod once;
mod problems;
mod realtime;
mod tenants;
mod versions;
mod webhook;
