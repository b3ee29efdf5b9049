//! Many operations in one request: each stands for itself, and each gets a result.
//!
//! The request as a whole is refused only when it is no list of at most [`BATCH_MAX`] operations; an operation that cannot be
//! read is refused in its own row, like one that breaks a rule of the roster.

use poem_openapi::{
    Object,
    registry::{MetaSchema, MetaSchemaRef, Registry},
    types::{Example, ParseFromJSON, ParseResult, ToJSON, Type},
};
use serde::{
    Deserialize, Deserializer,
    de::{Error, SeqAccess, Visitor},
};
use serde_json::{Value, json};

use super::{
    super::{
        problem::{Field, FieldView},
        strict::read_value,
        word::{Meaning, Word},
    },
    object::{ChapterBody, ClassBody, CourseBody, Described, EnrollmentBody, OrgBody, RevokedView, UserBody},
};
use crate::{
    domain::roster::{Kind, Operation, Outcome, RowError},
    services::roster::{Applied, BATCH_MAX},
};

/// What an operation does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Op {
    /// Makes the object or puts this in its place.
    Put,
    /// Removes it.
    Delete,
}

impl Meaning for Op {
    const NAME: &'static str = "op";

    fn schema() -> MetaSchema {
        MetaSchema { enum_items: vec!["put".into(), "delete".into()], ..MetaSchema::new("string") }
    }

    fn read(text: &str) -> Result<Self, String> {
        match text {
            "put" => Ok(Self::Put),
            "delete" => Ok(Self::Delete),
            other => Err(format!("'{}' is no op; there are put, delete", other.chars().take(80).collect::<String>())),
        }
    }

    fn write(&self) -> std::borrow::Cow<'_, str> {
        match self {
            Self::Put => "put".into(),
            Self::Delete => "delete".into(),
        }
    }
}

/// The object that an operation puts, as the body of the route for its kind.
#[derive(Debug, Clone, Deserialize)]
#[serde(transparent)]
pub(super) struct Data(Value);

impl Type for Data {
    const IS_REQUIRED: bool = true;
    type RawValueType = Self;
    type RawElementValueType = Self;

    fn name() -> std::borrow::Cow<'static, str> {
        "object".into()
    }

    fn schema_ref() -> MetaSchemaRef {
        let bodies = [
            OrgBody::schema_ref(),
            UserBody::schema_ref(),
            CourseBody::schema_ref(),
            ClassBody::schema_ref(),
            ChapterBody::schema_ref(),
            EnrollmentBody::schema_ref(),
        ];
        MetaSchemaRef::Inline(Box::new(MetaSchema { any_of: bodies.to_vec(), ..MetaSchema::ANY }))
    }

    fn register(registry: &mut Registry) {
        OrgBody::register(registry);
        UserBody::register(registry);
        CourseBody::register(registry);
        ClassBody::register(registry);
        ChapterBody::register(registry);
        EnrollmentBody::register(registry);
    }

    fn as_raw_value(&self) -> Option<&Self> {
        Some(self)
    }

    fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self> + 'a> {
        Box::new(std::iter::once(self))
    }
}

impl ParseFromJSON for Data {
    fn parse_from_json(value: Option<Value>) -> ParseResult<Self> {
        Ok(Self(value.unwrap_or_default()))
    }
}

impl ToJSON for Data {
    fn to_json(&self) -> Option<Value> {
        Some(self.0.clone())
    }
}

/// One operation.
#[derive(Debug, Deserialize, Object)]
#[serde(deny_unknown_fields)]
#[oai(rename = "Operation", deny_unknown_fields)]
struct OperationBody {
    /// What to do: put the object, or delete it.
    op: Word<Op>,
    /// Kind of the object.
    kind: Word<Kind>,
    /// The learning platform's id.
    #[oai(validator(min_length = 1, max_length = 128))]
    id: String,
    /// The object, as the route for its kind takes it. Only with `put`.
    #[oai(skip_serializing_if_is_none)]
    data: Option<Data>,
}

impl OperationBody {
    fn read(self) -> Result<Operation, Field> {
        let Self { op, kind, id, data } = self;
        let data = match (op.0, data) {
            (Op::Put, Some(Data(data))) => data,
            (Op::Put, None) => {
                return Err(Field::at("/data", "missing_field", "missing field `data`: the object to put".to_owned()));
            }
            (Op::Delete, None) => return Ok(Operation::Delete(kind.0, id)),
            (Op::Delete, Some(_)) => {
                return Err(Field::at("/data", "unknown_field", "a delete takes no `data`".to_owned()));
            }
        };
        let object = match kind.0 {
            Kind::Org => described::<OrgBody>(data, &id),
            Kind::User => described::<UserBody>(data, &id),
            Kind::Course => described::<CourseBody>(data, &id),
            Kind::Class => described::<ClassBody>(data, &id),
            Kind::Chapter => described::<ChapterBody>(data, &id),
            Kind::Enrollment => described::<EnrollmentBody>(data, &id),
        };
        object.map(|object| Operation::Put(Box::new(object)))
    }
}

fn described<B: Described + serde::de::DeserializeOwned>(
    data: Value,
    id: &str,
) -> Result<crate::domain::roster::Object, Field> {
    read_value::<B>(data).map_err(|field| field.below("/data"))?.with_id(id)
}

/// An operation, or what is wrong with it, and how its row begins.
#[derive(Debug)]
struct Row {
    kind: Option<Kind>,
    id: Option<String>,
    operation: Result<Operation, Field>,
}

impl Row {
    fn read(value: Value) -> Self {
        let kind = value.get("kind").and_then(Value::as_str).and_then(|text| text.parse().ok());
        let id = value.get("id").and_then(Value::as_str).map(|id| id.chars().take(128).collect());
        Self { kind, id, operation: read_value::<OperationBody>(value).and_then(OperationBody::read) }
    }
}

/// At most [`BATCH_MAX`] operations; reading stops at the first one too many.
#[derive(Debug)]
struct Rows(Vec<Row>);

impl<'de> Deserialize<'de> for Rows {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(ReadRows)
    }
}

struct ReadRows;

impl<'de> Visitor<'de> for ReadRows {
    type Value = Rows;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a list of operations")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Rows, A::Error> {
        let mut rows = Vec::new();
        while let Some(value) = list.next_element::<Value>()? {
            if rows.len() == BATCH_MAX {
                return Err(A::Error::custom(format!("a batch may have at most {BATCH_MAX} operations")));
            }
            rows.push(Row::read(value));
        }
        Ok(Rows(rows))
    }
}

/// Operations that are applied one after the other, each for itself.
#[derive(Debug, Object)]
#[oai(rename = "BatchOfOperations", example)]
struct BatchSchema {
    /// The operations, in the order in which they are applied: what others name comes before them.
    #[oai(validator(max_items = 5_000))]
    operations: Vec<OperationBody>,
}

impl Example for BatchSchema {
    fn example() -> Self {
        let operation = |op, kind, id: &str, data: Option<Value>| OperationBody {
            op: Word(op),
            kind: Word(kind),
            id: id.to_owned(),
            data: data.map(Data),
        };
        let enrollment = json!({ "user": "7", "course": "101", "role": "student" });
        Self {
            operations: vec![
                operation(Op::Put, Kind::User, "7", Some(json!({ "name": "Ada" }))),
                operation(Op::Put, Kind::Enrollment, "9001", Some(enrollment)),
                operation(Op::Delete, Kind::Enrollment, "9000", None),
            ],
        }
    }
}

/// The body of a batch.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Batch {
    operations: Rows,
}

impl Type for Batch {
    const IS_REQUIRED: bool = true;
    type RawValueType = Self;
    type RawElementValueType = Self;

    fn name() -> std::borrow::Cow<'static, str> {
        BatchSchema::name()
    }

    fn schema_ref() -> MetaSchemaRef {
        BatchSchema::schema_ref()
    }

    fn register(registry: &mut Registry) {
        BatchSchema::register(registry);
    }

    fn as_raw_value(&self) -> Option<&Self> {
        Some(self)
    }

    fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self> + 'a> {
        Box::new(std::iter::once(self))
    }
}

/// What became of one operation.
#[derive(Debug, Object)]
#[oai(rename = "OperationResult", skip_serializing_if_is_none)]
struct RowView {
    /// Position of the operation in the batch, from 0.
    #[oai(validator(minimum(value = "0"), maximum(value = "4999")))]
    index: u64,
    /// Kind of the object, as far as it could be read.
    kind: Option<Word<Kind>>,
    /// Id of the object, as far as it could be read.
    #[oai(validator(max_length = 128))]
    id: Option<String>,
    /// `created`, `updated`, `unchanged`, `deleted` or `refused`.
    #[oai(validator(max_length = 16))]
    outcome: String,
    /// Why it was refused.
    error: Option<FieldView>,
}

/// What became of a batch.
#[derive(Debug, Object)]
#[oai(rename = "BatchResult", example)]
pub(super) struct BatchResultView {
    /// One entry an operation, in their order.
    #[oai(validator(max_items = 5_000))]
    results: Vec<RowView>,
    /// How many operations were refused.
    #[oai(validator(minimum(value = "0"), maximum(value = "5000")))]
    refused: u64,
    /// Number of the newest change: whoever has followed `/api/roster/changes` up to here has seen all of this batch.
    #[oai(validator(minimum(value = "0")))]
    seq: i64,
    /// Whose access the batch ended.
    #[oai(validator(max_items = 10_000))]
    revoked: Vec<RevokedView>,
}

impl Example for BatchResultView {
    fn example() -> Self {
        let (kind, id, outcome) = (Some(Word(Kind::User)), Some("7".to_owned()), "created".to_owned());
        let row = RowView { index: 0, kind, id, outcome, error: None };
        Self { results: vec![row], refused: 0, seq: 812, revoked: Vec::new() }
    }
}

/// What is wrong with an operation by the rules of the roster.
pub(super) fn of_row(error: &RowError) -> Field {
    let pointer = error.field().map(|name| format!("/{name}")).unwrap_or_default();
    Field::at(&pointer, error.code(), error.to_string())
}

impl Batch {
    /// The operations that could be read, in their order, and what is needed to tell what became of all.
    pub(super) fn split(self) -> (Vec<Operation>, Unfinished) {
        let mut operations = Vec::with_capacity(self.operations.0.len());
        let rows = self.operations.0.into_iter().map(|Row { kind, id, operation }| {
            let refused = operation.map(|operation| operations.push(operation)).err();
            (kind, id, refused)
        });
        let rows = rows.collect();
        (operations, Unfinished(rows))
    }
}

/// Rows without the outcomes of those that could be read.
pub(super) struct Unfinished(Vec<Begun>);

/// Kind and id of an operation, as far as they could be read, and why it could not be read.
type Begun = (Option<Kind>, Option<String>, Option<Field>);

impl Unfinished {
    /// Puts the outcomes where they belong.
    pub(super) fn finish(self, applied: Applied) -> BatchResultView {
        let mut outcomes = applied.rows.into_iter();
        let row = |(index, (kind, id, unread)): (usize, Begun)| {
            let (outcome, error) = match unread {
                Some(field) => ("refused", Some(field)),
                None => match outcomes.next() {
                    Some(Outcome::Refused(error)) => ("refused", Some(in_row(&error))),
                    Some(outcome) => (outcome.name(), None),
                    None => ("unchanged", None),
                },
            };
            let error = error.map(FieldView::from);
            RowView { index: index as u64, kind: kind.map(Word), id, outcome: outcome.to_owned(), error }
        };
        let results: Vec<_> = self.0.into_iter().enumerate().map(row).collect();
        let refused = results.iter().filter(|row| row.error.is_some()).count() as u64;
        let revoked = applied.revoked.into_iter().map(RevokedView::from).collect();
        BatchResultView { results, refused, seq: applied.seq, revoked }
    }
}

/// [`of_row`] with a pointer that begins at the operation.
fn in_row(error: &RowError) -> Field {
    let field = of_row(error);
    if error.field() == Some("id") { field } else { field.below("/data") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: Value) -> Result<Operation, Field> {
        Row::read(value).operation
    }

    #[test]
    fn an_operation_is_read_by_its_kind() {
        let put =
            read(json!({ "op": "put", "kind": "class", "id": "12", "data": { "course": "101", "name": "Monday" } }));
        assert!(matches!(put, Ok(Operation::Put(object)) if object.kind() == Kind::Class && object.id() == "12"));
        let delete = read(json!({ "op": "delete", "kind": "user", "id": "7" }));
        assert_eq!(delete, Ok(Operation::Delete(Kind::User, "7".to_owned())));
    }

    #[test]
    fn a_fault_points_into_the_operation() {
        for (operation, pointer) in [
            (json!({ "op": "drop", "kind": "user", "id": "7" }), "/op"),
            (json!({ "op": "put", "kind": "users", "id": "7" }), "/kind"),
            (json!({ "op": "put", "kind": "user" }), "/id"),
            (json!({ "op": "put", "kind": "user", "id": "7" }), "/data"),
            (json!({ "op": "delete", "kind": "user", "id": "7", "data": {} }), "/data"),
            (json!({ "op": "put", "kind": "user", "id": "7", "data": {} }), "/data/name"),
            (json!({ "op": "put", "kind": "user", "id": "7", "data": { "name": "A", "age": 9 } }), "/data/age"),
            (json!({ "op": "put", "kind": "org", "id": "a.b", "data": { "name": "A" } }), "/id"),
            (json!({ "op": "put", "kind": "user", "id": "7", "data": { "name": "A" }, "when": 1 }), "/when"),
        ] {
            let fault = read(operation.clone()).unwrap_err().to_string();
            assert!(fault.starts_with(&format!("{pointer}: ")), "{operation}: {fault}");
        }
    }

    #[test]
    fn a_batch_is_read_up_to_its_limit_and_not_beyond() {
        let batch = |count: usize| serde_json::from_value::<Batch>(json!({ "operations": vec![json!(null); count] }));
        assert_eq!(batch(BATCH_MAX).unwrap().operations.0.len(), BATCH_MAX);
        assert!(batch(BATCH_MAX + 1).unwrap_err().to_string().contains("at most 5000 operations"));
        assert!(batch(0).unwrap().operations.0.is_empty());
    }
}
