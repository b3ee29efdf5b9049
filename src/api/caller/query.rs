//! Parameters of the query: one that an operation does not know is refused. A list with `limt=10` is not what was asked for.

use std::collections::HashMap;

use poem_openapi::{OpenApi, OpenApiService, registry::MetaParamIn};
use url::form_urlencoded;

use super::{
    super::problem::Problem,
    need::{self, Operation},
};

/// Names of the query parameters that each operation knows, by its method and path.
#[derive(Debug)]
pub(in crate::api) struct Queries(HashMap<(&'static str, &'static str), Vec<String>>);

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
                known.insert((own.method, own.path), names.map(|param| param.name).collect());
            }
        }
        Self(known)
    }

    /// Checks that an operation knows all parameters of a query.
    ///
    /// # Errors
    /// The first one that it does not know.
    pub(super) fn check(&self, operation: &Operation, query: Option<&str>) -> Result<(), Problem> {
        let Some(query) = query else { return Ok(()) };
        let Some(known) = self.0.get(&(operation.method, operation.path)) else { return Ok(()) };
        let is_known = |name: &str| known.iter().any(|known| known == name);
        match form_urlencoded::parse(query.as_bytes()).find(|(name, _)| !is_known(name)) {
            None => Ok(()),
            Some((name, _)) if known.is_empty() => {
                Err(Problem::parameter(&name, "is not known; this takes no parameters"))
            }
            Some((name, _)) => Err(Problem::parameter(&name, format!("is not known; there are {}", known.join(", ")))),
        }
    }
}
