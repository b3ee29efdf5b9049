//! Creates `stream_event`.

use sea_orm_migration::{prelude::*, schema};

use crate::table;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[derive(DeriveIden)]
enum StreamEvent {
    Table,
    Id,
    AppId,
    Topic,
    Seq,
    EventId,
    Event,
    Payload,
    ActorId,
    ActorName,
    ActorRole,
    ExceptSocket,
    At,
    PublishedAt,
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut table = table::create(manager, StreamEvent::Table);
        table
            .col(schema::big_integer(StreamEvent::Id).primary_key())
            .col(schema::string_len(StreamEvent::AppId, 64))
            .col(schema::string_len(StreamEvent::Topic, 200))
            .col(schema::big_integer(StreamEvent::Seq))
            .col(schema::string_len(StreamEvent::EventId, 26))
            .col(schema::string_len(StreamEvent::Event, 200))
            .col(ColumnDef::new(StreamEvent::Payload).custom(table::long_text(manager)).not_null())
            .col(schema::string_len_null(StreamEvent::ActorId, 128))
            .col(schema::string_len_null(StreamEvent::ActorName, 255))
            .col(schema::string_len_null(StreamEvent::ActorRole, 16))
            .col(schema::string_len_null(StreamEvent::ExceptSocket, 32))
            .col(schema::big_integer(StreamEvent::At))
            .col(schema::big_integer_null(StreamEvent::PublishedAt));
        manager.create_table(table).await?;
        let (table, by) = (StreamEvent::Table, [StreamEvent::AppId, StreamEvent::Topic, StreamEvent::Seq]);
        table::index(manager, "stream_event_topic_seq", table, by).await?;
        let (table, by) = (StreamEvent::Table, [StreamEvent::PublishedAt, StreamEvent::Id]);
        table::index(manager, "stream_event_published", table, by).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table(StreamEvent::Table).take()).await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}
