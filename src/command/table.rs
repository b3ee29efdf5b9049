//! Roster objects as text: lists with aligned columns, single ones field by field.

use crate::domain::roster::{Object, Versioned};

/// Widest cell in characters; longer ones are cut.
const CELL_MAX: usize = 40;

/// Objects of one kind as a list. Columns without any value are left out.
pub(super) fn list(rows: &[Versioned]) -> String {
    let Some(first) = rows.first() else { return "none".to_owned() };
    let names = std::iter::once("id").chain(first.object.fields().into_iter().map(|(name, _)| name)).chain(["source"]);
    let cells = |row: &Versioned| {
        let fields = row.object.fields().into_iter().map(|(_, text)| text.unwrap_or_default());
        let all = std::iter::once(row.object.id().to_owned()).chain(fields).chain([row.source.clone()]);
        all.map(|text| cut(&text)).collect::<Vec<_>>()
    };
    let body: Vec<Vec<String>> = rows.iter().map(cells).collect();
    let width = |column: usize| body.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    let columns: Vec<(usize, &str, usize)> = names
        .enumerate()
        .filter_map(|(column, name)| Some((column, name, width(column).filter(|width| *width > 0)?.max(name.len()))))
        .collect();
    let line = |cell: &dyn Fn(usize, &str) -> String| {
        let cells = columns.iter().map(|(column, name, width)| format!("{:<width$}", cell(*column, name)));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    let head = line(&|_column, name| name.to_uppercase());
    let body = body.iter().map(|row| line(&|column, _name| row.get(column).cloned().unwrap_or_default()));
    std::iter::once(head).chain(body).collect::<Vec<_>>().join("\n")
}

/// One object with all its fields that are set.
pub(super) fn single(object: &Object) -> String {
    let fields = object.fields().into_iter().filter_map(|(name, text)| Some((name, text?)));
    let fields = std::iter::once(("id", object.id().to_owned())).chain(fields);
    fields.map(|(name, text)| format!("{name:<16} {text}")).collect::<Vec<_>>().join("\n")
}

fn cut(text: &str) -> String {
    if text.chars().count() <= CELL_MAX {
        return text.to_owned();
    }
    text.chars().take(CELL_MAX - 1).chain(['…']).collect()
}
