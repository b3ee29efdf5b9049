//! Creates `person_identity`.

use sea_orm_migration::{prelude::*, schema};

use crate::table;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[derive(DeriveIden)]
enum Person {
    Table,
    AppId,
    Id,
}

#[derive(DeriveIden)]
enum PersonIdentity {
    Table,
    AppId,
    Issuer,
    Subject,
    UserId,
    CreatedAt,
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut user = ForeignKey::create()
            .name("fk_person_identity_user_id")
            .from(PersonIdentity::Table, (PersonIdentity::AppId, PersonIdentity::UserId))
            .to(Person::Table, (Person::AppId, Person::Id))
            .on_delete(ForeignKeyAction::Cascade)
            .take();
        let mut table = table::create(manager, PersonIdentity::Table);
        table
            .col(schema::string_len(PersonIdentity::AppId, 64))
            .col(schema::string_len(PersonIdentity::Issuer, 255))
            .col(schema::string_len(PersonIdentity::Subject, 255))
            .col(schema::string_len(PersonIdentity::UserId, 128))
            .col(schema::date_time(PersonIdentity::CreatedAt))
            .primary_key(
                Index::create().col(PersonIdentity::AppId).col(PersonIdentity::Issuer).col(PersonIdentity::Subject),
            )
            .foreign_key(&mut user);
        manager.create_table(table).await?;
        let person = [PersonIdentity::AppId, PersonIdentity::UserId];
        table::index(manager, "person_identity_user", PersonIdentity::Table, person).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table(PersonIdentity::Table).take()).await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}
