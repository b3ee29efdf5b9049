//! Campanile.
pub mod api;
pub mod bench;
pub mod cli;
pub mod command;
pub mod config;
pub mod domain;
pub mod hub;
pub mod ids;
pub mod metrics;
pub mod protocol;
pub mod server;
pub mod services;
pub mod store;
pub mod telemetry;
pub mod throttle;
pub mod ws;
