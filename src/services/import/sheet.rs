//! One CSV file as rows: which kind of objects it holds, which columns it has, and what cannot be read.
//!
//! UTF-8 with or without a byte order mark, any line ends, quoted line breaks. Columns are told by the header, in any order.

use csv::{ReaderBuilder, StringRecord, Trim};

use crate::domain::roster::Kind;

/// Largest file in bytes.
pub const SHEET_MAX: usize = 64 << 20;

/// A column that a file of some kind may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    /// Its name in the header.
    pub name: &'static str,
    /// A file without it cannot be read.
    pub is_needed: bool,
    /// What its cells name, if they name objects.
    names: Option<Kind>,
}

const fn needed(name: &'static str, names: Option<Kind>) -> Column {
    Column { name, is_needed: true, names }
}

const fn option(name: &'static str, names: Option<Kind>) -> Column {
    Column { name, is_needed: false, names }
}

/// The columns that files of this kind may have.
#[must_use]
pub const fn columns(kind: Kind) -> &'static [Column] {
    match kind {
        Kind::Org => &const { [needed("id", Some(Kind::Org)), needed("name", None)] },
        Kind::Course => {
            &const {
                [
                    needed("id", Some(Kind::Course)),
                    needed("title", None),
                    option("org", Some(Kind::Org)),
                    option("code", None),
                    option("starts_at", None),
                    option("ends_at", None),
                    option("visibility", None),
                    option("archived_at", None),
                ]
            }
        }
        Kind::Class => {
            &const {
                [
                    needed("id", Some(Kind::Class)),
                    needed("course", Some(Kind::Course)),
                    needed("name", None),
                    option("guests", None),
                ]
            }
        }
        Kind::Chapter => {
            &const {
                [
                    needed("id", Some(Kind::Chapter)),
                    needed("course", Some(Kind::Course)),
                    needed("title", None),
                    option("position", None),
                ]
            }
        }
        Kind::User => {
            &const {
                [
                    needed("id", Some(Kind::User)),
                    needed("name", None),
                    option("org", Some(Kind::Org)),
                    option("email", None),
                    option("avatar", None),
                    option("org_role", None),
                    option("deactivated_at", None),
                ]
            }
        }
        Kind::Enrollment => {
            &const {
                [
                    needed("id", Some(Kind::Enrollment)),
                    needed("user", Some(Kind::User)),
                    needed("course", Some(Kind::Course)),
                    needed("role", None),
                    option("class", Some(Kind::Class)),
                    option("status", None),
                    option("begin_at", None),
                    option("end_at", None),
                    option("observed_user", Some(Kind::User)),
                    option("limit_to_class", None),
                ]
            }
        }
    }
}

/// Why a file cannot be read at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It is larger than one import takes.
    #[error("has {got} bytes, at most {SHEET_MAX} can be read: split it (but never the enrollments of one course)")]
    TooLarge {
        /// Its size.
        got: usize,
    },
    /// It is not text in UTF-8.
    #[error("is not UTF-8 (row 1): save it as 'CSV UTF-8'")]
    Encoding,
    /// It is empty.
    #[error("is empty: the first row must name the columns")]
    Empty,
    /// Neither name nor header tell what it holds.
    #[error(
        "could hold anything: its name must start with orgs, users, courses, classes, chapters or enrollments, \
         or its header must name the columns of one of them"
    )]
    UnknownKind,
    /// A column is missing that every row needs.
    #[error("has no column '{name}': a file of {} needs {needed}", kind.plural())]
    MissingColumn {
        /// The missing column.
        name: &'static str,
        /// What the file holds.
        kind: Kind,
        /// All columns that are needed.
        needed: String,
    },
    /// Two columns have the same name.
    #[error("has two columns '{name}'")]
    TwoColumns {
        /// Their name.
        name: String,
    },
}

/// What is wrong with one row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Number of the row as a spreadsheet shows it: the header is row 1.
    pub row: u64,
    /// The column, if one cell is wrong.
    pub column: Option<&'static str>,
    /// What is wrong, and what would be right.
    pub text: String,
}

/// One row whose cells can be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Number of the row as a spreadsheet shows it: the header is row 1.
    pub number: u64,
    cells: StringRecord,
}

/// A file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sheet {
    /// Name of the file, for messages.
    pub name: String,
    /// What it holds.
    pub kind: Kind,
    /// Columns that nobody knows; they are not read.
    pub unknown_columns: Vec<String>,
    /// Rows that cannot be told apart into cells. Nobody knows whom they are about.
    pub unreadable: Vec<Fault>,
    /// All other rows.
    pub rows: Vec<Row>,
    header: StringRecord,
}

impl Sheet {
    /// Reads a file. `name` may be a path.
    ///
    /// # Errors
    /// When nothing of it can be read.
    pub fn read(name: &str, bytes: &[u8]) -> Result<Self, Error> {
        if bytes.len() > SHEET_MAX {
            return Err(Error::TooLarge { got: bytes.len() });
        }
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
            return Err(Error::Encoding);
        }
        let mut reader =
            ReaderBuilder::new().delimiter(delimiter(bytes)).trim(Trim::All).flexible(true).from_reader(bytes);
        let header = reader.headers().map_err(|_not_text| Error::Encoding)?.clone();
        if header.iter().all(str::is_empty) {
            return Err(Error::Empty);
        }
        let kind = kind_of(name, &header).ok_or(Error::UnknownKind)?;
        check(kind, &header)?;
        let is_known = |name: &&str| columns(kind).iter().any(|column| column.name == *name);
        let unknown_columns = header.iter().filter(|name| !is_known(name)).map(ToOwned::to_owned).collect();
        let mut sheet =
            Self { name: name.to_owned(), kind, unknown_columns, unreadable: Vec::new(), rows: Vec::new(), header };
        for (record, number) in reader.into_records().zip(2..) {
            match record {
                Ok(cells) if cells.len() == sheet.header.len() => sheet.rows.push(Row { number, cells }),
                Ok(cells) => {
                    let text = format!("has {} cells, the header has {}", cells.len(), sheet.header.len());
                    sheet.unreadable.push(Fault { row: number, column: None, text });
                }
                Err(_not_text) => {
                    let text = "is not UTF-8: save the file as 'CSV UTF-8'".to_owned();
                    sheet.unreadable.push(Fault { row: number, column: None, text });
                }
            }
        }
        Ok(sheet)
    }

    /// The cell of a row; `None` if the file has no such column.
    #[must_use]
    pub fn cell<'a>(&self, row: &'a Row, column: &str) -> Option<&'a str> {
        row.cells.get(self.header.iter().position(|name| name == column)?)
    }

    /// What the rows name, themselves included.
    pub(super) fn names(&self) -> impl Iterator<Item = (Kind, &str)> {
        let names = |column: &Column| Some((column.names?, self.header.iter().position(|name| name == column.name)?));
        let places: Vec<(Kind, usize)> = columns(self.kind).iter().filter_map(names).collect();
        self.rows.iter().flat_map(move |row| {
            let cell = |(kind, place): &(Kind, usize)| Some((*kind, row.cells.get(*place)?));
            places.iter().filter_map(cell).filter(|(_, id)| !id.is_empty()).collect::<Vec<_>>()
        })
    }
}

/// Comma, or what stands in its place where the comma is the decimal point.
fn delimiter(bytes: &[u8]) -> u8 {
    let header = bytes.split(|byte| matches!(byte, b'\n' | b'\r')).next().unwrap_or_default();
    let has = |delimiter: u8| header.contains(&delimiter);
    if !has(b',') && has(b';') { b';' } else { b',' }
}

fn kind_of(name: &str, header: &StringRecord) -> Option<Kind> {
    let name = name.rsplit('/').next().unwrap_or(name).to_ascii_lowercase();
    let by_name = Kind::ALL.iter().copied().find(|kind| name.starts_with(kind.plural()));
    let has = |column: &str| header.iter().any(|name| name == column);
    let fits = |kind: &Kind| {
        let all = columns(*kind);
        let has_needed = all.iter().filter(|column| column.is_needed).all(|column| has(column.name));
        has_needed && header.iter().all(|name| all.iter().any(|column| column.name == name))
    };
    by_name.or_else(|| {
        let mut fitting = Kind::ALL.iter().copied().filter(fits);
        fitting.next().filter(|_| fitting.next().is_none())
    })
}

fn check(kind: Kind, header: &StringRecord) -> Result<(), Error> {
    let has = |column: &str| header.iter().any(|name| name == column);
    let all = || columns(kind).iter().filter(|column| column.is_needed).map(|column| column.name);
    if let Some(name) = all().find(|name| !has(name)) {
        let needed = all().collect::<Vec<_>>().join(", ");
        return Err(Error::MissingColumn { name, kind, needed });
    }
    let times = |name: &str| header.iter().filter(|other| *other == name).count();
    match header.iter().find(|name| !name.is_empty() && times(name) > 1) {
        Some(name) => Err(Error::TwoColumns { name: name.to_owned() }),
        None => Ok(()),
    }
}
