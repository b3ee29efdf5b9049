//! Creates `chat`.

use sea_orm_migration::{prelude::*, schema};

use crate::table;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[derive(DeriveIden)]
enum Course {
    Table,
    AppId,
    Id,
}

#[derive(DeriveIden)]
enum CourseClass {
    Table,
    AppId,
    Id,
}

#[derive(DeriveIden)]
enum Chat {
    Table,
    AppId,
    Id,
    Kind,
    CourseId,
    ClassId,
    Title,
    Settings,
    RetentionDays,
    DmKey,
    CreatedBy,
    CreatedAt,
    FrozenAt,
    ArchivedAt,
    ClearedSeq,
    Version,
    ChangedSeq,
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut course = ForeignKey::create()
            .name("fk_chat_course_id")
            .from(Chat::Table, (Chat::AppId, Chat::CourseId))
            .to(Course::Table, (Course::AppId, Course::Id))
            .on_delete(ForeignKeyAction::Cascade)
            .take();
        let mut course_class = ForeignKey::create()
            .name("fk_chat_class_id")
            .from(Chat::Table, (Chat::AppId, Chat::ClassId))
            .to(CourseClass::Table, (CourseClass::AppId, CourseClass::Id))
            .on_delete(ForeignKeyAction::Cascade)
            .take();
        let mut table = table::create(manager, Chat::Table);
        table
            .col(schema::string_len(Chat::AppId, 64))
            .col(schema::string_len(Chat::Id, 64))
            .col(schema::string_len(Chat::Kind, 16))
            .col(schema::string_len_null(Chat::CourseId, 64))
            .col(schema::string_len_null(Chat::ClassId, 64))
            .col(schema::string_len(Chat::Title, 255))
            .col(schema::text(Chat::Settings))
            .col(schema::integer_null(Chat::RetentionDays))
            .col(schema::string_len_null(Chat::DmKey, 300))
            .col(schema::string_len(Chat::CreatedBy, 160))
            .col(schema::big_integer(Chat::CreatedAt))
            .col(schema::big_integer_null(Chat::FrozenAt))
            .col(schema::big_integer_null(Chat::ArchivedAt))
            .col(schema::big_integer(Chat::ClearedSeq))
            .col(schema::big_integer(Chat::Version))
            .col(schema::big_integer(Chat::ChangedSeq).default(0))
            .primary_key(Index::create().col(Chat::AppId).col(Chat::Id))
            .index(Index::create().unique().name("chat_dm").col(Chat::AppId).col(Chat::DmKey))
            .foreign_key(&mut course)
            .foreign_key(&mut course_class);
        manager.create_table(table).await?;
        let (table, by) = (Chat::Table, [Chat::AppId, Chat::CourseId]);
        table::index(manager, "chat_course", table, by).await?;
        let (table, by) = (Chat::Table, [Chat::AppId, Chat::ClassId]);
        table::index(manager, "chat_class", table, by).await?;
        table::index(manager, "chat_retention", Chat::Table, [Chat::AppId, Chat::RetentionDays]).await?;
        table::index(manager, "chat_changed", Chat::Table, [Chat::ChangedSeq]).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table(Chat::Table).take()).await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}
