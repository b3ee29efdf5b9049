//! Creates `person`.

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
enum Person {
    Table,
    AppId,
    Id,
    OrgId,
    Name,
    Email,
    Avatar,
    OrgRole,
    DeactivatedAt,
    Source,
    Version,
    UpdatedAt,
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut org = ForeignKey::create()
            .name("fk_person_org_id")
            .from(Person::Table, (Person::AppId, Person::OrgId))
            .to(Org::Table, (Org::AppId, Org::Id))
            .take();
        let mut table = table::create(manager, Person::Table);
        table
            .col(schema::string_len(Person::AppId, 64))
            .col(schema::string_len(Person::Id, 128))
            .col(schema::string_len_null(Person::OrgId, 64))
            .col(schema::string_len(Person::Name, 255))
            .col(schema::string_len_null(Person::Email, 1024))
            .col(schema::string_len_null(Person::Avatar, 1024))
            .col(schema::string_len_null(Person::OrgRole, 16))
            .col(schema::date_time_null(Person::DeactivatedAt))
            .col(schema::string_len(Person::Source, 64))
            .col(schema::big_integer(Person::Version))
            .col(schema::date_time(Person::UpdatedAt))
            .primary_key(Index::create().col(Person::AppId).col(Person::Id))
            .foreign_key(&mut org);
        manager.create_table(table).await?;
        table::index(manager, "person_org", Person::Table, [Person::AppId, Person::OrgId]).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table(Person::Table).take()).await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}
