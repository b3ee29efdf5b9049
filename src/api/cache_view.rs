//! The `cache` attribute of a channel: absent, null or an object.
//!
//! The framework's own type for that is not described as nullable, and strict readers of the description then refuse a
//! null.

use std::borrow::Cow;

use poem_openapi::{
    Object,
    registry::{MetaSchema, MetaSchemaRef, Registry},
    types::{ParseError, ParseFromJSON, ParseResult, ToJSON, Type},
};
use serde_json::Value;

use crate::hub::CachedEvent;

/// The event that a cache channel keeps.
#[derive(Debug, Object)]
pub(super) struct CacheView {
    /// Data as it was published.
    #[oai(validator(max_length = 102_400))]
    data: String,
    /// Seconds until it is forgotten.
    #[oai(validator(minimum(value = "0")))]
    ttl: u64,
}

/// What is told about a kept event.
#[derive(Debug)]
pub(super) enum CacheState {
    /// Nobody asked.
    NotAsked,
    /// The channel keeps none.
    Empty,
    /// This one.
    Kept(CacheView),
}

impl CacheState {
    /// Tells whether the attribute is left out.
    pub(super) const fn is_left_out(&self) -> bool {
        matches!(self, Self::NotAsked)
    }
}

impl From<Option<Option<CachedEvent>>> for CacheState {
    fn from(asked: Option<Option<CachedEvent>>) -> Self {
        match asked {
            None => Self::NotAsked,
            Some(None) => Self::Empty,
            Some(Some(event)) => Self::Kept(CacheView { data: event.data, ttl: event.ttl.as_secs() }),
        }
    }
}

impl Type for CacheState {
    const IS_REQUIRED: bool = false;
    type RawValueType = Self;
    type RawElementValueType = Self;

    fn name() -> Cow<'static, str> {
        Cow::Borrowed("nullable_CacheView")
    }

    fn schema_ref() -> MetaSchemaRef {
        let nullable = MetaSchema { nullable: true, all_of: vec![CacheView::schema_ref()], ..MetaSchema::ANY };
        MetaSchemaRef::Inline(Box::new(nullable))
    }

    fn register(registry: &mut Registry) {
        CacheView::register(registry);
    }

    fn as_raw_value(&self) -> Option<&Self> {
        Some(self)
    }

    fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self> + 'a> {
        Box::new(std::iter::empty())
    }
}

impl ToJSON for CacheState {
    fn to_json(&self) -> Option<Value> {
        match self {
            Self::NotAsked => None,
            Self::Empty => Some(Value::Null),
            Self::Kept(view) => view.to_json(),
        }
    }
}

impl ParseFromJSON for CacheState {
    fn parse_from_json(value: Option<Value>) -> ParseResult<Self> {
        match value {
            None => Ok(Self::NotAsked),
            Some(Value::Null) => Ok(Self::Empty),
            some => CacheView::parse_from_json(some).map(Self::Kept).map_err(ParseError::propagate),
        }
    }
}
