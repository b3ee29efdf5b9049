//! The floor's process: accepts sockets and sends ready-made frames to them, one `send` each, in a bare loop.
//!
//! Must stay free of protocol logic: the answer to a handshake is a constant, nothing is parsed, nobody is looked up. One
//! thread, blocking calls. It obeys standard input: one line with the times to begin, end of file to end.

use std::{
    io::{BufRead, Read as _, Write},
    net::{TcpListener, TcpStream},
    time::Duration,
};

use crate::bench::{
    Error, Result, audience,
    clock::{self, Epoch},
    frame,
    marker::Marker,
    message, options, phase, probe, size,
};

/// Answers every upgrade; the bench does not check the proof in it.
const UPGRADE: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                       Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
/// Greets every socket.
const GREETING: &str =
    r#"{"event":"pusher:connection_established","data":"{\"socket_id\":\"1.1\",\"activity_timeout\":3600}"}"#;
/// How long a client may take to ask for its upgrade.
const PATIENCE: Duration = Duration::from_secs(10);

/// Runs the process.
///
/// # Errors
///
/// When the address is taken, or the bench breaks off.
pub(in crate::bench) fn run(options: &options::FloorServer) -> Result<()> {
    if let Some(pid) = options.like {
        probe::share_processors(pid)?;
    }
    audience::raise_descriptors(size(options.connections))?;
    let listener = TcpListener::bind(options.listen).map_err(failed("listen"))?;
    serve(options, &listener, std::io::stdin().lock(), std::io::stdout().lock())
}

/// Serves one run on the listener.
///
/// # Errors
///
/// When a client or the bench breaks off.
pub(super) fn serve(
    options: &options::FloorServer,
    listener: &TcpListener,
    mut input: impl BufRead,
    mut output: impl Write,
) -> Result<()> {
    let address = listener.local_addr().map_err(failed("listen"))?;
    writeln!(output, "{address}").and_then(|()| output.flush()).map_err(failed("say the address"))?;
    let mut sockets = accept(options, listener)?;
    let mut line = String::new();
    let mut next_line = || {
        line.clear();
        input.read_line(&mut line).map_err(failed("read standard input")).map(|_| line.clone())
    };
    let times = next_line()?;
    let Some((epoch, start)) = times.trim().split_once(' ') else {
        return Ok(());
    };
    let number = |text: &str| text.parse().map_err(|_ignored| Error::Floor("the times to begin are no numbers"));
    let sent = send(options, &mut sockets, Epoch::at(number(epoch)?), number(start)?);
    writeln!(output, "{sent}").and_then(|()| output.flush()).map_err(failed("say the number of events"))?;
    next_line().map(drop)
}

fn accept(options: &options::FloorServer, listener: &TcpListener) -> Result<Vec<TcpStream>> {
    let mut greeting = UPGRADE.as_bytes().to_vec();
    frame::write_plain(frame::TEXT, GREETING.as_bytes(), &mut greeting);
    let mut request = [0; 4_096];
    (0..options.connections)
        .map(|_| {
            let (mut socket, _) = listener.accept()?;
            socket.set_nodelay(true)?;
            socket.set_read_timeout(Some(PATIENCE))?;
            // The bench sends its request in one piece; what it holds does not matter here.
            let _length = socket.read(&mut request)?;
            socket.write_all(&greeting)?;
            Ok(socket)
        })
        .collect::<std::io::Result<_>>()
        .map_err(failed("accept a socket"))
}

/// Sends all events and returns how many they were.
fn send(options: &options::FloorServer, sockets: &mut [TcpStream], epoch: Epoch, start: u64) -> u32 {
    let data = message::data(Marker { number: 0, micros: 0 }, size(options.load.payload));
    let frame = message::delivery_frame(&options.channel, &data);
    let mut bytes = frame.repeat(size(options.batch));
    let mut pace = phase::timetable(&options.load);
    pace.end = start.saturating_add(pace.end.saturating_sub(pace.start));
    pace.start = start;
    let group = size(options.group).max(1);
    let groups = sockets.len().div_ceil(group).max(1);
    let mut sent = 0_u32;
    let mut turn = 0_usize;
    while let Some(due) = pace.due(sent) {
        clock::sleep_until(due, || false);
        let count = options.batch.min(pace.events.saturating_sub(sent));
        for (copy, number) in bytes.chunks_exact_mut(frame.len()).zip(sent..) {
            Marker { number, micros: epoch.micros(due) }.stamp(copy);
        }
        let whole = bytes.get(..frame.len().saturating_mul(size(count))).unwrap_or_default();
        for socket in sockets.iter_mut().skip(turn.saturating_mul(group)).take(group) {
            // A client that has gone shows up in the bench's own counts.
            drop(socket.write_all(whole));
        }
        turn = turn.saturating_add(1).checked_rem(groups).unwrap_or_default();
        sent = sent.saturating_add(count);
    }
    sent
}

fn failed(what: &'static str) -> impl Fn(std::io::Error) -> Error {
    move |source| Error::Io { what, source }
}
