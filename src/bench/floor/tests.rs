//! The floor from end to end: its server in a thread, real sockets, real pipes.

use std::{io::pipe, net::TcpListener, thread};

use super::*;

fn load(rate: u32, events: u32) -> options::Load {
    options::Load { rate, events, duration: 30, payload: 64, publishers: 1 }
}

/// Runs a shape against a floor server in a thread of this process.
fn floor_of(shape: &Shape) -> Figures {
    let (input_end, input) = pipe().expect("pipe");
    let (output, output_end) = pipe().expect("pipe");
    let listener = TcpListener::bind("127.0.0.1:0").expect("bind");
    let address = listener.local_addr().expect("address");
    let options = options::FloorServer {
        listen: address,
        connections: shape.connections,
        channel: shape.channel.clone(),
        group: shape.group,
        batch: shape.batch,
        load: shape.load,
        like: None,
    };
    let server = thread::spawn(move || server::serve(&options, &listener, BufReader::new(input_end), output_end));
    let mut output = BufReader::new(output);
    let mut line = String::new();
    output.read_line(&mut line).expect("address line");
    assert_eq!(line.trim(), address.to_string());
    let meter = Meter::new(&[]).expect("meter");
    let mut audience = audience(shape, address).expect("audience");
    let mut figures = assemble(shape, &mut audience, &meter).expect("sockets");
    deliver(shape, &mut audience, &meter, &mut figures, (&input, output.into_inner())).expect("deliveries");
    drop(input);
    server.join().expect("thread").expect("server");
    figures
}

#[test]
fn every_saturated_event_reaches_every_socket() {
    let figures = floor_of(&Shape { connections: 70, group: 70, batch: 1, channel: "c".into(), load: load(0, 50) });
    assert_eq!((figures.published, figures.delivered, figures.lost), (Some(50), Some(3_500), Some(0)));
    assert_eq!((figures.repeated, figures.closed.len(), figures.complaints), (Some(0), 0, 0));
    let latency = figures.latency_ms.expect("deliveries");
    assert!(latency.p50 <= latency.p99 && latency.p99 <= latency.max, "{latency:?}");
}

#[test]
fn paced_groups_take_turns_on_schedule() {
    let figures = floor_of(&Shape { connections: 6, group: 2, batch: 1, channel: "c".into(), load: load(100, 30) });
    assert_eq!((figures.expected, figures.delivered), (Some(60), Some(60)));
    assert!(figures.seconds >= 0.29, "30 events at 100/s take 0.29 s, not {}", figures.seconds);
}

#[test]
fn batches_that_do_not_divide_the_events_are_cut() {
    let figures = floor_of(&Shape { connections: 3, group: 3, batch: 16, channel: "c".into(), load: load(0, 50) });
    assert_eq!((figures.published, figures.delivered, figures.repeated), (Some(50), Some(150), Some(0)));
}
