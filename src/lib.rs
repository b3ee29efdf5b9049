//! Campanile.
pub mod domain;
pub mod ids;

pub mod bench;
