//! A panic on the way of a request becomes an error like others: whoever asked is answered, and the connection goes on.

use std::{any::Any, panic::AssertUnwindSafe};

use futures_util::future::{FutureExt, TryFutureExt};

use super::problem::Problem;

/// What a panic said. For the log alone.
#[derive(Debug, thiserror::Error)]
#[error("panicked: {0}")]
pub(super) struct Panicked(String);

impl Panicked {
    fn of(payload: &(dyn Any + Send)) -> Self {
        let text = payload.downcast_ref::<&str>().copied();
        let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
        Self(text.unwrap_or("without a word").to_owned())
    }
}

impl From<Panicked> for Problem {
    fn from(panicked: Panicked) -> Self {
        Self::internal(&panicked)
    }
}

/// Runs a future to its end, or to its panic.
pub(super) fn caught<F: Future>(future: F) -> impl Future<Output = Result<F::Output, Panicked>> {
    // What the future owned is gone with it; what is shared stands behind locks, which a panic lets go of.
    AssertUnwindSafe(future).catch_unwind().map_err(|payload| Panicked::of(&*payload))
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn says_a_word() -> u8 {
        panic!("a word")
    }

    async fn says(name: &str) -> u8 {
        panic!("of {name}")
    }

    async fn says_no_word() -> u8 {
        std::panic::panic_any(7)
    }

    #[tokio::test]
    async fn what_a_panic_said_is_told_and_what_does_not_panic_goes_through() {
        let told = |outcome: Result<u8, Panicked>| outcome.unwrap_err().to_string();
        assert_eq!(told(caught(says_a_word()).await), "panicked: a word");
        assert_eq!(told(caught(says("Ada")).await), "panicked: of Ada");
        assert_eq!(told(caught(says_no_word()).await), "panicked: without a word");
        assert_eq!(caught(async { 7 }).await.unwrap(), 7);
    }

    #[tokio::test]
    async fn whoever_asked_is_told_that_something_went_wrong_and_not_what() {
        let problem = Problem::from(caught(says("Ada")).await.unwrap_err());
        let answer = problem.answer(("5f3c1d0a9b7e4c21", "/api/time"), "");
        assert_eq!(answer.status(), 500);
        let body = answer.into_body().into_string().await.unwrap();
        assert!(body.contains("\"code\":\"internal\"") && !body.contains("Ada"), "{body}");
    }
}
