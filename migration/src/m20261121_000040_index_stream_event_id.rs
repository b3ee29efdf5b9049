//! Indexes `stream_event` by the id of the event: whoever comes back names the last one that they have heard.

use sea_orm_migration::prelude::*;

use crate::table;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[derive(DeriveIden)]
enum StreamEvent {
    Table,
    EventId,
    AppId,
    Topic,
}

const NAME: &str = "stream_event_event";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // The id comes first: ids rise, so that rows are added at the end.
        let by = [StreamEvent::EventId, StreamEvent::AppId, StreamEvent::Topic];
        table::index(manager, NAME, StreamEvent::Table, by).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_index(Index::drop().name(NAME).table(StreamEvent::Table).to_owned()).await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}
