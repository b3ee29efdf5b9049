//! Creates `chat_member`.

use sea_orm_migration::{prelude::*, schema};

use crate::table;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[derive(DeriveIden)]
enum Chat {
    Table,
    AppId,
    Id,
}

#[derive(DeriveIden)]
enum Person {
    Table,
    AppId,
    Id,
}

#[derive(DeriveIden)]
enum ChatMember {
    Table,
    AppId,
    ChatId,
    UserId,
    Role,
    JoinedAt,
    JoinedSeq,
    Notify,
    LastReadSeq,
    IsReadPrivate,
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut chat = ForeignKey::create()
            .name("fk_chat_member_chat_id")
            .from(ChatMember::Table, (ChatMember::AppId, ChatMember::ChatId))
            .to(Chat::Table, (Chat::AppId, Chat::Id))
            .on_delete(ForeignKeyAction::Cascade)
            .take();
        let mut person = ForeignKey::create()
            .name("fk_chat_member_user_id")
            .from(ChatMember::Table, (ChatMember::AppId, ChatMember::UserId))
            .to(Person::Table, (Person::AppId, Person::Id))
            .on_delete(ForeignKeyAction::Cascade)
            .take();
        let mut table = table::create(manager, ChatMember::Table);
        table
            .col(schema::string_len(ChatMember::AppId, 64))
            .col(schema::string_len(ChatMember::ChatId, 64))
            .col(schema::string_len(ChatMember::UserId, 128))
            .col(schema::string_len(ChatMember::Role, 16))
            .col(schema::big_integer(ChatMember::JoinedAt))
            .col(schema::big_integer(ChatMember::JoinedSeq))
            .col(schema::string_len(ChatMember::Notify, 16))
            .col(schema::big_integer(ChatMember::LastReadSeq))
            .col(schema::boolean(ChatMember::IsReadPrivate))
            .primary_key(Index::create().col(ChatMember::AppId).col(ChatMember::ChatId).col(ChatMember::UserId))
            .foreign_key(&mut chat)
            .foreign_key(&mut person);
        manager.create_table(table).await?;
        let (table, by) = (ChatMember::Table, [ChatMember::AppId, ChatMember::UserId]);
        table::index(manager, "chat_member_user", table, by).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table(ChatMember::Table).take()).await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}
