//! Creates `course`.

use sea_orm_migration::{prelude::*, schema};

use crate::table;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[derive(DeriveIden)]
enum Org {
    Table,
    AppId,
    Id,
}

#[derive(DeriveIden)]
enum Course {
    Table,
    AppId,
    Id,
    OrgId,
    Code,
    Title,
    StartsAt,
    EndsAt,
    Visibility,
    ArchivedAt,
    Overrides,
    Source,
    Version,
    UpdatedAt,
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut org = ForeignKey::create()
            .name("fk_course_org_id")
            .from(Course::Table, (Course::AppId, Course::OrgId))
            .to(Org::Table, (Org::AppId, Org::Id))
            .take();
        let mut table = table::create(manager, Course::Table);
        table
            .col(schema::string_len(Course::AppId, 64))
            .col(schema::string_len(Course::Id, 64))
            .col(schema::string_len_null(Course::OrgId, 64))
            .col(schema::string_len_null(Course::Code, 255))
            .col(schema::string_len(Course::Title, 255))
            .col(schema::date_time_null(Course::StartsAt))
            .col(schema::date_time_null(Course::EndsAt))
            .col(schema::string_len(Course::Visibility, 16))
            .col(schema::date_time_null(Course::ArchivedAt))
            .col(schema::text(Course::Overrides))
            .col(schema::string_len(Course::Source, 64))
            .col(schema::big_integer(Course::Version))
            .col(schema::date_time(Course::UpdatedAt))
            .primary_key(Index::create().col(Course::AppId).col(Course::Id))
            .foreign_key(&mut org);
        manager.create_table(table).await?;
        table::index(manager, "course_org", Course::Table, [Course::AppId, Course::OrgId]).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table(Course::Table).take()).await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}
