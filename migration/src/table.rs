//! How every table starts, so that text compares alike on all three databases.

use sea_orm_migration::{
    SchemaManager,
    sea_orm::DbBackend,
    sea_query::{IntoIden, Table, TableCreateStatement},
};

/// Starts a table. MySQL and MariaDB get a binary collation: their usual one takes `Key` and `key` for the same.
pub(crate) fn create(manager: &SchemaManager<'_>, name: impl IntoIden) -> TableCreateStatement {
    let mut table = Table::create();
    table.table(name.into_iden());
    if manager.get_database_backend() == DbBackend::MySql {
        table.engine("InnoDB").character_set("utf8mb4").collate("utf8mb4_bin");
    }
    table
}
