//! How every table starts, so that text compares alike on all three databases, and how it gets its indexes.

use sea_orm_migration::{
    SchemaManager,
    sea_orm::{DbBackend, DbErr},
    sea_query::{
        Alias, ColumnDef, ConditionalStatement, DynIden, Expr, Index, IndexCreateStatement, IntoIden, Table,
        TableCreateStatement,
    },
};

/// Starts a table. MySQL and MariaDB get a binary collation: their usual one takes `Key` and `key` for the same.
pub(crate) fn create(manager: &SchemaManager<'_>, name: impl IntoIden) -> TableCreateStatement {
    let mut table = Table::create();
    table.table(name.into_iden()).if_not_exists();
    if manager.get_database_backend() == DbBackend::MySql {
        table.engine("InnoDB").character_set("utf8mb4").collate("utf8mb4_bin");
    }
    table
}

/// Makes an index, unless it is there: MySQL and MariaDB commit each DDL statement at once, so an earlier attempt may have
/// stopped between the table and this.
pub(crate) async fn index<T: IntoIden>(
    manager: &SchemaManager<'_>,
    name: &str,
    table: T,
    columns: impl IntoIterator<Item = T>,
) -> Result<(), DbErr> {
    let table = table.into_iden();
    if manager.has_index(table.to_string(), name).await? {
        return Ok(());
    }
    manager.create_index(named(name, table, columns)).await
}

/// Puts an index that leaves out the rows that do not fit in the place of the one with this name. MySQL and MariaDB know none
/// such: what they have stays.
pub(crate) async fn index_of_some<T: IntoIden>(
    manager: &SchemaManager<'_>,
    (name, table): (&str, T),
    columns: impl IntoIterator<Item = T>,
    fit: Expr,
) -> Result<(), DbErr> {
    if manager.get_database_backend() == DbBackend::MySql {
        return Ok(());
    }
    let table = table.into_iden();
    drop_index(manager, name, table.clone()).await?;
    manager.create_index(named(name, table, columns).and_where(fit).take()).await
}

/// Puts an index of other columns, or of all rows, in the place of the one with this name.
pub(crate) async fn index_anew<T: IntoIden + Copy>(
    manager: &SchemaManager<'_>,
    (name, table): (&str, T),
    columns: impl IntoIterator<Item = T>,
) -> Result<(), DbErr> {
    drop_index(manager, name, table.into_iden()).await?;
    index(manager, name, table, columns).await
}

/// Drops an index, if it is there: an earlier attempt may have stopped behind it.
async fn drop_index(manager: &SchemaManager<'_>, name: &str, table: DynIden) -> Result<(), DbErr> {
    if !manager.has_index(table.to_string(), name).await? {
        return Ok(());
    }
    manager.drop_index(Index::drop().name(name).table(table).to_owned()).await
}

fn named<T: IntoIden>(name: &str, table: DynIden, columns: impl IntoIterator<Item = T>) -> IndexCreateStatement {
    let mut index = Index::create();
    index.name(name).table(table);
    for column in columns {
        index.col(column.into_iden());
    }
    index
}

/// The type of long texts: `TEXT` of MySQL ends at 64 KiB.
pub(crate) fn long_text(manager: &SchemaManager<'_>) -> Alias {
    Alias::new(if manager.get_database_backend() == DbBackend::MySql { "mediumtext" } else { "text" })
}

/// A column for long texts.
pub(crate) fn long_column(manager: &SchemaManager<'_>, name: impl IntoIden) -> ColumnDef {
    long_column_null(manager, name).not_null().take()
}

/// The same for texts that may be missing.
pub(crate) fn long_column_null(manager: &SchemaManager<'_>, name: impl IntoIden) -> ColumnDef {
    ColumnDef::new(name).custom(long_text(manager)).take()
}
