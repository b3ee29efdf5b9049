//! Is the server alive? As Reverb answers it.

use poem_openapi::{ApiResponse, Object, OpenApi, payload::Json, types::Example};

use super::Group;

/// The route.
pub(super) struct Health;

/// The server answers.
#[derive(Debug, Object)]
#[oai(example)]
struct HealthView {
    /// Always `OK`.
    #[oai(validator(max_length = 2))]
    health: String,
}

impl Example for HealthView {
    fn example() -> Self {
        Self { health: "OK".to_owned() }
    }
}

/// Answer about the server's health.
#[derive(Debug, ApiResponse)]
enum HealthAnswer {
    /// The server is up.
    #[oai(status = 200)]
    Up(Json<HealthView>),
}

#[OpenApi(tag = "Group::Health")]
impl Health {
    /// Ask whether the server is up
    ///
    /// Needs no signature. Readiness and metrics are on the metrics listener.
    #[oai(path = "/up", method = "get", operation_id = "showHealth")]
    async fn show(&self) -> HealthAnswer {
        HealthAnswer::Up(Json(HealthView::example()))
    }
}
