//! The audit: who did what to whom.

use chrono::{DateTime, Utc};

use crate::ids::AppId;

/// One entry. Texts that are longer than their limit are cut when they are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    /// The app in which it was done.
    pub app: AppId,
    /// Who did it: `user:7`, `key:ck_…`, `cli`; at most 160 characters.
    pub actor: String,
    /// What was done, such as `roster.updated`; at most 64 characters.
    pub action: String,
    /// Kind of what it was done to, such as `enrollment`; at most 32 characters.
    pub target_type: String,
    /// Its id; at most 200 characters.
    pub target_id: String,
    /// Where it counts, such as a channel; at most 255 characters.
    pub scope: Option<String>,
    /// What was there before, as JSON.
    pub before: Option<String>,
    /// What is there since, as JSON.
    pub after: Option<String>,
    /// Address of whoever asked.
    pub ip: Option<String>,
    /// When.
    pub at: DateTime<Utc>,
}

/// Which entries are asked for. Absent = any.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct AuditFilter {
    /// Who did it.
    pub actor: Option<String>,
    /// What was done.
    pub action: Option<String>,
    /// Kind of the target.
    pub target_type: Option<String>,
    /// Id of the target.
    pub target_id: Option<String>,
    /// First second in which it was done.
    pub since: Option<DateTime<Utc>>,
    /// First second in which it was not done any more.
    pub until: Option<DateTime<Utc>>,
}
