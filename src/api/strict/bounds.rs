//! Bounds of whole numbers in bodies, as the description has them, for refusals: the machine's own say nothing to anybody.

use poem_openapi::{
    registry::{MetaSchema, MetaSchemaRef, Registry},
    types::Type,
};
use serde_path_to_error::{Path, Segment};

/// The least and the greatest value, as far as the description has them.
pub(super) type Bounds = (Option<i128>, Option<i128>);

/// Bounds of the number at a path of a body; `None` = the description has nothing there.
pub(super) fn of<T: Type>(path: &Path) -> Option<Bounds> {
    let mut registry = Registry::new();
    T::register(&mut registry);
    let mut at = T::schema_ref();
    for segment in path.iter() {
        at = match segment {
            Segment::Map { key } => find(&registry, &at, &|schema| {
                schema.properties.iter().find(|(name, _)| name == key).map(|(_, property)| property.clone())
            })?,
            Segment::Seq { .. } => find(&registry, &at, &|schema| schema.items.as_deref().cloned())?,
            Segment::Enum { .. } | Segment::Unknown => return None,
        };
    }
    find(&registry, &at, &|schema| {
        let is_bounded = schema.minimum.is_some() || schema.maximum.is_some();
        is_bounded.then(|| (schema.minimum.map(whole), schema.maximum.map(whole)))
    })
}

#[expect(clippy::cast_possible_truncation, reason = "bounds of the description are whole numbers far below 2^53")]
const fn whole(bound: f64) -> i128 {
    bound as i128
}

/// Looks for something in a schema, and in those that it is made of.
fn find<V>(registry: &Registry, at: &MetaSchemaRef, look: &dyn Fn(&MetaSchema) -> Option<V>) -> Option<V> {
    let schema = match at {
        MetaSchemaRef::Inline(schema) => schema,
        MetaSchemaRef::Reference(name) => registry.schemas.get(name)?,
    };
    let parts = schema.all_of.iter().chain(&schema.any_of).chain(&schema.one_of);
    look(schema).or_else(|| parts.into_iter().find_map(|part| find(registry, part, look)))
}
