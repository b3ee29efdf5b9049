//! Campanile.
pub mod domain;
pub mod ids;
