//! What was written and not told when a server ended is told by the next one, and by catching up exactly once.

use campanile::store::{self, Store};
use tempfile::TempDir;

use super::{DASHES, TOPIC};
use crate::support::{
    app::TestApp,
    eventually,
    stage::{numbers, write},
};

#[tokio::test]
async fn what_a_crash_has_left_is_told_at_the_next_start_and_heard_once_by_those_who_come_back() {
    let folder = TempDir::new().unwrap();
    let url = format!("sqlite://{}", folder.path().join("left.db").display());
    let store = Store::open(&store::Config { url: url.clone(), ..store::Config::default() }).await.unwrap();
    store.migrate().await.unwrap();
    let kept = write(&store, TOPIC, 0..700).await;
    let app = TestApp::with(|config| config.store.url = url.parse().unwrap()).await;
    // The first socket may come before the server has told anything, the second when it has.
    for _ in 0..2 {
        let mut socket = app.connect().await;
        socket.subscribe_after(DASHES, &kept[99].fact.id).await;
        assert_eq!(numbers(&socket.drain().await), (100..700).collect::<Vec<_>>());
        eventually("everything is told", async || store.stream_untold(1).await.unwrap().is_empty()).await;
        socket.expect_silence().await;
    }
}
