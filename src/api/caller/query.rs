//! Parameters of the query: one that an operation does not know is refused, and one that stands there twice. A list with
//! `limt=10` is not what was asked for, and of `ids=1&ids=2` only one would count.

use std::collections::{HashMap, HashSet};

use poem_openapi::{
    OpenApi, OpenApiService,
    registry::{MetaParamIn, MetaSchemaRef},
};
use url::form_urlencoded;

use super::{
    super::problem::Problem,
    need::{self, Operation},
};

/// Names of the query parameters that each operation knows, by its method and path.
#[derive(Debug)]
pub(in crate::api) struct Queries(HashMap<(&'static str, &'static str), Vec<Known>>);

/// A parameter that an operation knows.
#[derive(Debug)]
struct Known {
    name: String,
    /// It may stand there several times.
    is_list: bool,
}

impl Queries {
    /// Those that the description of the routes names.
    pub(in crate::api) fn of<T: OpenApi>(_routes: &OpenApiService<T, ()>) -> Self {
        let mut known = HashMap::new();
        for path in T::meta().into_iter().flat_map(|api| api.paths) {
            for described in path.operations {
                let is_it = |own: &&Operation| own.path == path.path && own.method == described.method.as_str();
                let Some(own) = need::OPERATIONS.iter().find(is_it).filter(|own| own.knows_its_query()) else {
                    continue;
                };
                let names = described.params.into_iter().filter(|param| param.in_type == MetaParamIn::Query);
                let is_list =
                    |schema: &MetaSchemaRef| matches!(schema, MetaSchemaRef::Inline(schema) if schema.ty == "array");
                let names = names.map(|param| Known { is_list: is_list(&param.schema), name: param.name });
                known.insert((own.method, own.path), names.collect());
            }
        }
        Self(known)
    }

    /// Checks that an operation knows all parameters of a query, and that each stands there once.
    ///
    /// # Errors
    /// The first one that it does not know, or that stands there again.
    pub(super) fn check(&self, operation: &Operation, query: Option<&str>) -> Result<(), Problem> {
        let Some(query) = query else { return Ok(()) };
        let Some(known) = self.0.get(&(operation.method, operation.path)) else { return Ok(()) };
        let mut seen = HashSet::new();
        for (name, _) in form_urlencoded::parse(query.as_bytes()) {
            let Some(found) = known.iter().find(|known| known.name == name) else {
                return Err(unknown(&name, known));
            };
            if !found.is_list && !seen.insert(&found.name) {
                return Err(Problem::parameter(
                    &name,
                    "stands there twice: say it once, with commas between several values",
                ));
            }
        }
        Ok(())
    }
}

fn unknown(name: &str, known: &[Known]) -> Problem {
    if known.is_empty() {
        return Problem::parameter(name, "is not known; this takes no parameters");
    }
    let names: Vec<&str> = known.iter().map(|known| known.name.as_str()).collect();
    Problem::parameter(name, format!("is not known; there are {}", names.join(", ")))
}
