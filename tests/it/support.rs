//! What several test files need: real servers to test against, started and stopped by the test itself.

pub(crate) mod databases;
