//! Creates `word_list`.

use sea_orm_migration::{prelude::*, schema};

use crate::table;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[derive(DeriveIden)]
enum WordList {
    Table,
    AppId,
    CourseId,
    Entries,
    Version,
    UpdatedAt,
    UpdatedBy,
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut table = table::create(manager, WordList::Table);
        table
            .col(schema::string_len(WordList::AppId, 64))
            // Empty for the list of the app: no key holds NULL.
            .col(schema::string_len(WordList::CourseId, 64))
            .col(table::long_column(manager, WordList::Entries))
            .col(schema::big_integer(WordList::Version))
            .col(schema::big_integer(WordList::UpdatedAt))
            .col(schema::string_len(WordList::UpdatedBy, 300))
            .primary_key(Index::create().col(WordList::AppId).col(WordList::CourseId));
        manager.create_table(table).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table(WordList::Table).take()).await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}
