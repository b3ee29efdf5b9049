//! Campanile's tables as Rust types: one table a file.
//!
//! Owns column names and types, and nothing else: no rules, no serde. The tables themselves are made by the `migration`
//! crate, which never looks here. Only `campanile::store` reads and writes through these types.
//! Timestamps are UTC in whole seconds and have no zone in the column: `TIMESTAMP` of MySQL ends in 2038, and MariaDB
//! before 10.10 changes the first one of a table with every update.

pub mod access_block;
pub mod api_key;
pub mod app;
pub mod app_secret;
pub mod app_setting;
pub mod audit_log;
pub mod broadcast;
pub mod broadcast_ack;
pub mod broadcast_log;
pub mod change_counter;
pub mod chapter;
pub mod chat;
pub mod chat_mark;
pub mod chat_member;
pub mod chat_message;
pub mod chat_message_version;
pub mod course;
pub mod course_class;
pub mod enrollment;
pub mod idempotency_key;
pub mod moderation_action;
pub mod node;
pub mod notification;
pub mod notification_broadcast;
pub mod notification_preference;
pub mod org;
pub mod person;
pub mod person_identity;
pub mod presence_session;
pub mod poll;
pub mod poll_ballot;
pub mod poll_choice;
pub mod poll_option;
pub mod report;
pub mod roster_change;
pub mod stream;
pub mod stream_event;
pub mod user_status;
pub mod word_list;
