//! Whoever does nothing for long looks away until they do something.

use super::*;

async fn impatient() -> TestApp {
    let app = TestApp::with_settings(|settings| (settings.presence_grace, settings.presence_away_after) = (0, 1)).await;
    course_of_four(&app).await;
    app
}

#[tokio::test]
async fn an_open_tab_in_which_nothing_is_done_is_away_and_a_client_event_or_a_write_makes_it_active() {
    let app = impatient().await;
    let mut watcher = listener(&app, "8", COURSE).await;
    let mut tab = app.connect().await;
    tab.subscribe_private("private-lounge").await;
    tab.sign_in("7").await;
    told(&mut watcher, "user:online", "7").await;
    assert_eq!(told(&mut watcher, "user:away", "7").await["status"], "away");
    let ada = app.person("7");
    assert_eq!(shown(&app.person("9"), "7").await["status"], "away");
    assert_eq!(ada.get("/api/realtime/status").await.ok()["me"]["status"], "away", "and to look is to do nothing");
    tab.send_event("client-wave", "private-lounge", json!({})).await;
    assert_eq!(told(&mut watcher, "user:active", "7").await["status"], "online");
    told(&mut watcher, "user:away", "7").await;
    tab.subscribe_private("private-lobby").await;
    told(&mut watcher, "user:active", "7").await;
    told(&mut watcher, "user:away", "7").await;
    patch(&ada, json!({ "status": "busy" })).await.ok();
    assert_eq!(told(&mut watcher, "user:active", "7").await["status"], "busy");
}

#[tokio::test]
async fn a_sign_of_life_makes_active_and_a_program_that_acts_for_somebody_does_not() {
    let app = impatient().await;
    let mut watcher = listener(&app, "8", COURSE).await;
    let ada = app.person("7");
    ada.post(ONLINE, json!({})).await.ok();
    told(&mut watcher, "user:online", "7").await;
    told(&mut watcher, "user:away", "7").await;
    let program = app.program(&[Scope::UsersAct]).await;
    let read = program.request(Method::POST, "/api/notifications/read").header("X-On-Behalf-Of", "7");
    assert!(read.json(&json!({ "before": "2026-01-01T00:00:00Z" })).send().await.unwrap().status().is_success());
    assert_eq!(shown(&app.person("9"), "7").await["status"], "away");
    assert_eq!(ada.post(ONLINE, json!({})).await.ok()["status"], "online");
    told(&mut watcher, "user:active", "7").await;
    told(&mut watcher, "user:away", "7").await;
}
