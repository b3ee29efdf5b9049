//! The history of Campanile's tables: one step a file, each with its way back.
//!
//! A step that has been released is never edited, and none imports `entity`: history must not move with the models.
//! Each step runs in a transaction, on SQLite too, and makes one table. MySQL and MariaDB commit every DDL statement at
//! once: a step that was interrupted between a table and its indexes is taken up again where it stopped.
//! `campanile::store` runs the steps; nothing else does.
#![expect(
    elided_lifetimes_in_paths,
    reason = "`MigrationTrait` leaves out the lifetime of `SchemaManager`, and async_trait wants the same form here"
)]

mod m20261121_000001_create_app;
mod m20261121_000002_create_app_secret;
mod m20261121_000003_create_app_setting;
mod m20261121_000004_create_change_counter;
mod m20261121_000005_create_org;
mod m20261121_000006_create_person;
mod m20261121_000007_create_person_identity;
mod m20261121_000008_create_course;
mod m20261121_000009_create_course_class;
mod m20261121_000010_create_chapter;
mod m20261121_000011_create_enrollment;
mod m20261121_000012_create_roster_change;
mod m20261121_000013_create_api_key;
mod m20261121_000014_create_audit_log;
mod m20261121_000015_create_access_block;
mod m20261121_000016_create_stream;
mod m20261121_000017_create_stream_event;
mod m20261121_000018_create_idempotency_key;
mod m20261121_000019_create_user_status;
mod m20261121_000020_create_presence_session;
mod m20261121_000021_create_chat;
mod m20261121_000022_create_chat_member;
mod m20261121_000023_create_chat_message;
mod m20261121_000024_create_chat_message_version;
mod m20261121_000025_create_chat_mark;
mod m20261121_000026_create_moderation_action;
mod m20261121_000027_create_report;
mod m20261121_000028_create_notification;
mod m20261121_000029_create_notification_broadcast;
mod m20261121_000030_create_notification_preference;
mod m20261121_000031_create_broadcast;
mod m20261121_000032_create_broadcast_ack;
mod m20261121_000033_create_broadcast_log;
mod m20261121_000035_create_poll;
mod m20261121_000036_create_poll_option;
mod m20261121_000037_create_poll_ballot;
mod m20261121_000038_create_poll_choice;
mod m20261121_000040_index_stream_event_id;
mod m20261121_000041_create_node;
mod m20261121_000044_create_word_list;
mod m20261122_000045_index_few_messages;
mod m20261122_000046_index_stream_events_by_less;
mod m20261122_000047_mark_messages_that_were_open;
mod table;

pub use sea_orm_migration::{MigrationStatus, MigratorTrait};

use sea_orm_migration::{MigrationTrait, async_trait};

/// All steps, oldest first.
#[derive(Debug)]
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m20261121_000001_create_app::Migration),
            Box::new(m20261121_000002_create_app_secret::Migration),
            Box::new(m20261121_000003_create_app_setting::Migration),
            Box::new(m20261121_000004_create_change_counter::Migration),
            Box::new(m20261121_000005_create_org::Migration),
            Box::new(m20261121_000006_create_person::Migration),
            Box::new(m20261121_000007_create_person_identity::Migration),
            Box::new(m20261121_000008_create_course::Migration),
            Box::new(m20261121_000009_create_course_class::Migration),
            Box::new(m20261121_000010_create_chapter::Migration),
            Box::new(m20261121_000011_create_enrollment::Migration),
            Box::new(m20261121_000012_create_roster_change::Migration),
            Box::new(m20261121_000013_create_api_key::Migration),
            Box::new(m20261121_000014_create_audit_log::Migration),
            Box::new(m20261121_000015_create_access_block::Migration),
            Box::new(m20261121_000016_create_stream::Migration),
            Box::new(m20261121_000017_create_stream_event::Migration),
            Box::new(m20261121_000018_create_idempotency_key::Migration),
            Box::new(m20261121_000019_create_user_status::Migration),
            Box::new(m20261121_000020_create_presence_session::Migration),
            Box::new(m20261121_000021_create_chat::Migration),
            Box::new(m20261121_000022_create_chat_member::Migration),
            Box::new(m20261121_000023_create_chat_message::Migration),
            Box::new(m20261121_000024_create_chat_message_version::Migration),
            Box::new(m20261121_000025_create_chat_mark::Migration),
            Box::new(m20261121_000026_create_moderation_action::Migration),
            Box::new(m20261121_000027_create_report::Migration),
            Box::new(m20261121_000028_create_notification::Migration),
            Box::new(m20261121_000029_create_notification_broadcast::Migration),
            Box::new(m20261121_000030_create_notification_preference::Migration),
            Box::new(m20261121_000031_create_broadcast::Migration),
            Box::new(m20261121_000032_create_broadcast_ack::Migration),
            Box::new(m20261121_000033_create_broadcast_log::Migration),
            Box::new(m20261121_000035_create_poll::Migration),
            Box::new(m20261121_000036_create_poll_option::Migration),
            Box::new(m20261121_000037_create_poll_ballot::Migration),
            Box::new(m20261121_000038_create_poll_choice::Migration),
            Box::new(m20261121_000040_index_stream_event_id::Migration),
            Box::new(m20261121_000041_create_node::Migration),
            Box::new(m20261121_000044_create_word_list::Migration),
            Box::new(m20261122_000045_index_few_messages::Migration),
            Box::new(m20261122_000046_index_stream_events_by_less::Migration),
            Box::new(m20261122_000047_mark_messages_that_were_open::Migration),
        ]
    }
}
