//! Whatever is cut when: what was heard live and what was sent again are together what happened, in order, nothing twice.

use std::{
    collections::HashMap,
    sync::atomic::{AtomicUsize, Ordering},
};

use campanile::domain::{app::LaravelNames, roster::Role};
use futures_util::future::{join, join_all};
use serde_json::Value;

use super::come_back;
use crate::support::{
    app::{TestApp, settings},
    client::inner,
    rest::Voice,
    stage::Stage,
};

/// Topics with a channel of each grammar; a listener hears a topic by one of them.
const TOPICS: [(&str, [&str; 2]); 3] = [
    ("course.1", ["private-course.1", "private-course-1"]),
    ("class.k", ["private-class.k", "private-class-k"]),
    ("user.7", ["private-user.7", "private-user-7"]),
];

/// Events of one writer.
const EVENTS: usize = 120;
const WRITERS: usize = 3;
const LISTENERS: usize = 4;

/// Seeds; one that has failed once stays here.
const SEEDS: [u64; 4] = [1, 0x9e37_79b9_7f4a_7c15, 42, 2_026];

/// Numbers that are random enough (xorshift64*).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        usize::try_from(self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33).unwrap() % sides
    }
}

/// What a listener has heard of each topic.
#[derive(Default)]
struct Ears {
    heard: HashMap<usize, Vec<Value>>,
}

impl Ears {
    /// What the listener says when it comes back.
    fn last(&self, topic: usize, by_position: bool) -> String {
        match self.heard.get(&topic).and_then(|heard| heard.last()) {
            None => ":0".to_owned(),
            Some(last) if by_position => format!("{}:{}", last["epoch"].as_str().unwrap(), last["seq"]),
            Some(last) => last["event_id"].as_str().unwrap().to_owned(),
        }
    }

    fn count(&self) -> usize {
        self.heard.values().map(Vec::len).sum()
    }
}

async fn perform(stage: &Stage<'_>, writer: usize, seed: u64, done: &AtomicUsize) {
    let mut dice = Dice(seed ^ (writer as u64 + 1));
    for number in 0..EVENTS {
        let (topic, _) = TOPICS[dice.roll(TOPICS.len())];
        stage.happen(topic, writer * EVENTS + number).await;
        for _ in 0..dice.roll(4) {
            tokio::task::yield_now().await;
        }
    }
    done.fetch_add(1, Ordering::SeqCst);
}

/// Listens, is cut off, comes back, until everything has been heard.
async fn listen(app: &TestApp, person: &Voice<'_>, listener: usize, (seed, done): (u64, &AtomicUsize)) -> Ears {
    let (mut dice, mut ears) = (Dice(seed.rotate_left(17) ^ (listener as u64 + 1)), Ears::default());
    while ears.count() < WRITERS * EVENTS {
        let is_over = done.load(Ordering::SeqCst) == WRITERS;
        let mut sockets = Vec::new();
        for (topic, (_, channels)) in TOPICS.iter().enumerate() {
            let (channel, last) = (channels[dice.roll(2)], ears.last(topic, dice.roll(2) == 0));
            let mut socket = come_back(app, person, channel, &last).await;
            socket.expect_on("pusher_internal:subscription_succeeded", channel).await;
            sockets.push((topic, socket));
        }
        for (topic, mut socket) in sockets {
            let frames = if is_over { usize::MAX } else { dice.roll(40) };
            let mut before = socket.drain().await;
            // A client that is cut off has seen a part of what was on its way.
            before.truncate(frames);
            ears.heard.entry(topic).or_default().extend(before.iter().map(inner));
            socket.cut();
        }
    }
    ears
}

async fn play(seed: u64) {
    let app = TestApp::with(|config| {
        let settings = settings(config);
        settings.laravel_event_names = LaravelNames::Alias;
        settings.requests_per_minute_per_user = 0;
    })
    .await;
    app.roster().await.enroll(&[("7", Role::Student)]).await;
    let (stages, person, done) =
        (join_all((0..WRITERS).map(|_| app.stage())).await, app.person("7"), AtomicUsize::new(0));
    let writers = stages.iter().enumerate().map(|(writer, stage)| perform(stage, writer, seed, &done));
    let listeners = (0..LISTENERS).map(|listener| listen(&app, &person, listener, (seed, &done)));
    let (_written, all) = join(join_all(writers), join_all(listeners)).await;
    for (listener, ears) in all.iter().enumerate() {
        let mut numbers = Vec::new();
        for (topic, heard) in &ears.heard {
            let seqs: Vec<_> = heard.iter().map(|event| event["seq"].as_u64().unwrap()).collect();
            let whole: Vec<_> = (1..=seqs.len() as u64).collect();
            assert_eq!(seqs, whole, "seed {seed}, listener {listener}, topic {topic}");
            assert!(heard.iter().all(|event| event["number"].is_u64()), "seed {seed}: {heard:?}");
            numbers.extend(heard.iter().map(|event| event["number"].as_u64().unwrap()));
        }
        numbers.sort_unstable();
        assert_eq!(numbers, (0..(WRITERS * EVENTS) as u64).collect::<Vec<_>>(), "seed {seed}, listener {listener}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn live_and_sent_again_are_together_what_happened() {
    for seed in SEEDS {
        play(seed).await;
    }
}
