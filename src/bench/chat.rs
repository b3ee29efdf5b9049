//! The workload `chat`: messages posted to the REST API, each saved in the database and told to everybody in the chat.
//!
//! Makes a chat of its own, which stays. A saturated run shows what the database takes, a paced one how late messages are.

use std::thread;

use serde_json::json;

use super::{
    Result,
    audience::{Audience, Plan, Ticket},
    clock::Epoch,
    http::Client,
    options,
    phase::{self, Figures, Meter},
    progress::Stage,
    publisher::{Desk, Edition, Medium},
    report::Report,
    target::Target,
};

/// Runs `chat`.
///
/// # Errors
///
/// When the server cannot be reached or refuses.
pub(super) fn run(options: &options::Chat) -> Result<Report> {
    let target = Target::resolve(&options.target)?;
    let meter = Meter::new(&options.target.output.pid)?;
    let chat = super::run_name("bench")?;
    make(&target, options, &chat)?;
    let channel = format!("private-chat-{chat}");
    let seats = super::size(options.connections);
    let plan = Plan { seats, ticket: Box::new(move |_seat| Some(Ticket::to(&channel))), stallers: 0 };
    let mut audience = Audience::new(target.clone(), plan)?;
    let mut figures = Figures::of("server", options.connections);
    figures.assemble(&mut audience, &meter, &Stage::new("connect").bar)?;

    let (epoch, load) = (Epoch::start(), &options.load);
    let pace = phase::timetable(load);
    let desk = Desk::new(Edition {
        target: &target,
        medium: Medium::Chat { id: &chat, key: &options.api_key },
        pace,
        epoch,
        first: 0,
        payload: super::size(load.payload),
        publishers: load.publishers,
    });
    let mut ears = phase::tally(epoch, 0, pace.events, options.connections)?;
    let stage = Stage::counting("chat", u64::from(pace.events).saturating_mul(options.connections.into()));
    let before = meter.read()?;
    let published = thread::scope(|scope| {
        for _ in 0..load.publishers {
            scope.spawn(|| desk.work());
        }
        let published = phase::listen(&mut audience, &mut ears, &mut &desk.crew, &stage.bar);
        desk.crew.close();
        published
    })?;
    figures.note(&ears, published, pace.start, (before, meter.read()?));
    figures.publish_errors = Some(desk.errors());
    figures.api_connections = Some(desk.connections());
    figures.note_sockets(&audience);
    let mut report = Report::new("chat", &options.target.url, load);
    report.add(figures);
    Ok(report)
}

fn make(target: &Target, options: &options::Chat, chat: &str) -> Result<()> {
    let mut client = Client::with_token(target, options.api_key.clone());
    let body = json!({ "id": chat, "kind": "group", "title": "Load" }).to_string();
    client.post(&format!("{}/api/chats", target.prefix), body.as_bytes())?.granted().map(drop)
}
