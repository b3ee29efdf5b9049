//! Settings of the log: what is written, and in which form.
//!
//! Plain data with defaults; telemetry uses the values.

/// Form of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people, with colours.
    Pretty,
    /// One JSON object a line, for collectors.
    Json,
}

/// The log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogConfig {
    /// Level, or directives such as `info,campanile::ws=debug`. Default info. `CAMPANILE_LOG`.
    pub filter: String,
    /// Form of a line. Default pretty on a terminal, else JSON. `CAMPANILE_LOG_FORMAT`.
    pub format: LogFormat,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self { filter: "info,sea_orm_migration=warn".to_owned(), format: LogFormat::Pretty }
    }
}
