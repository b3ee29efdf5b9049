//! Campanile.
pub mod cli;
pub mod config;
pub mod domain;
pub mod hub;
pub mod ids;
pub mod metrics;
pub mod protocol;
pub mod services;
pub mod throttle;
pub mod ws;
pub mod store;
