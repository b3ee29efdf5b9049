//! The real program as a child process, in a folder and an environment of its own.

use std::{
    io::{BufRead, BufReader, Read},
    net::SocketAddr,
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, sync_channel},
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

use super::{PATIENCE, answer::Answer, app::Keys, client::Client, http::unix_now, wire::Wire};

/// Lines of one stream of a child. The stream ends when the child does.
struct Lines(Receiver<String>);

impl Lines {
    fn of(stream: impl Read + Send + 'static) -> Self {
        let (send, receive) = sync_channel(10_000);
        std::thread::spawn(move || {
            BufReader::new(stream).lines().map_while(Result::ok).try_for_each(|line| send.send(line))
        });
        Self(receive)
    }

    /// The next line; `None` at the end of the stream.
    fn next(&self) -> Option<String> {
        match self.0.recv_timeout(PATIENCE) {
            Ok(line) => Some(line),
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => panic!("no line and no end after {PATIENCE:?}"),
        }
    }

    fn rest(&self) -> String {
        std::iter::from_fn(|| self.next()).collect::<Vec<_>>().join("\n")
    }
}

/// What a child has said and how it ended.
#[derive(Debug)]
pub(crate) struct Ended {
    /// `None` when a signal ended it.
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ended {
    /// What a child said that must have succeeded.
    pub(crate) fn ok(self) -> String {
        assert_eq!(self.code, Some(0), "{self:?}");
        self.out
    }

    /// What a child complained about that must have failed with exit code 1.
    pub(crate) fn failed(self) -> String {
        assert_eq!((self.code, self.out.as_str()), (Some(1), ""), "{self:?}");
        self.err
    }
}

/// A running child; killed when dropped.
pub(crate) struct Running(pub(crate) Child);

impl Running {
    pub(crate) fn start(command: &mut Command) -> Self {
        Self(command.spawn().unwrap())
    }

    pub(crate) fn id(&self) -> i32 {
        i32::try_from(self.0.id()).unwrap()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_raw(self.id()).unwrap(), signal).unwrap();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _gone = self.0.kill();
        let _status = self.0.wait();
    }
}

/// A running child and what it says.
struct Heard {
    child: Running,
    out: Lines,
    err: Lines,
}

impl Heard {
    fn start(command: &mut Command) -> Self {
        let mut child = Running::start(command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()));
        let (out, err) = (Lines::of(child.0.stdout.take().unwrap()), Lines::of(child.0.stderr.take().unwrap()));
        Self { child, out, err }
    }

    fn ended(&mut self) -> Ended {
        let (out, err) = (self.out.rest(), self.err.rest());
        Ended { code: self.child.0.wait().unwrap().code(), out, err }
    }
}

/// A folder that the program runs in.
pub(crate) struct Folder(TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    /// A folder with an empty database, as a server leaves it.
    pub(crate) fn with_database() -> Self {
        let folder = Self::new();
        folder.run(&["migrate"]).ok();
        folder
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    /// The program with no variables but these.
    fn command(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Command {
        self.command_within(&[], arguments, variables)
    }

    /// The program, started by another one that goes before it. The kernel ends it if the test itself is killed.
    pub(crate) fn command_within(&self, before: &[&str], arguments: &[&str], variables: &[(&str, &str)]) -> Command {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig=KILL", "--"]).args(before).arg(env!("CARGO_BIN_EXE_campanile")).args(arguments);
        let path = ("PATH", "/usr/bin:/bin");
        command.current_dir(self.0.path()).env_clear().envs(variables.iter().copied().chain([path]));
        command
    }

    /// Runs a command to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ended {
        self.run_with(arguments, &[])
    }

    /// Runs a command to its end, with variables.
    pub(crate) fn run_with(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Ended {
        Heard::start(&mut self.command(arguments, variables)).ended()
    }

    /// Starts a server on free ports and waits until it listens.
    pub(crate) fn serve(&self) -> Server {
        self.serve_with(&[], &[])
    }

    /// Starts a server with further arguments and variables.
    pub(crate) fn serve_with(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Server {
        let ports = [("CAMPANILE_PORT", "0"), ("CAMPANILE_METRICS_ADDRESS", "127.0.0.1:0")];
        let variables: Vec<_> = ports.into_iter().chain(variables.iter().copied()).collect();
        Server::start(&mut self.command(arguments, &variables))
    }
}

impl Folder {
    /// Starts a server with these variables alone, which must choose its ports.
    pub(crate) fn serve_plain(&self, variables: &[(&str, &str)]) -> Server {
        Server::start(&mut self.command(&[], variables))
    }
}

/// A running server.
pub(crate) struct Server {
    process: Heard,
    pub(crate) address: SocketAddr,
    pub(crate) metrics: SocketAddr,
    /// What it printed to greet.
    pub(crate) banner: String,
}

impl Server {
    fn start(command: &mut Command) -> Self {
        let process = Heard::start(command);
        let address = |what: &str| {
            let mut said = Vec::new();
            while let Some(line) = process.err.next() {
                let entry: Value = serde_json::from_str(&line).unwrap_or_default();
                if entry["fields"]["message"] == what {
                    return entry["fields"]["address"].as_str().unwrap().parse().unwrap();
                }
                said.push(line);
            }
            panic!("the server does not start:\n{}", said.join("\n"))
        };
        let (public, metrics) = (address("listening"), address("serving metrics and health"));
        let mut banner = Vec::new();
        while let Some(line) = process.out.next() {
            let is_last = line.contains("campanile app create");
            banner.push(line);
            if is_last {
                break;
            }
        }
        Self { process, address: public, metrics, banner: banner.join("\n") }
    }

    /// The value that the greeting gives to a variable.
    pub(crate) fn told(&self, name: &str) -> &str {
        let line = self.banner.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        line.unwrap_or_else(|| panic!("{name} is not in the greeting:\n{}", self.banner))
    }

    /// The app that the greeting tells of.
    pub(crate) fn keys(&self) -> Keys {
        let told = |name| &*self.told(name).to_owned().leak();
        Keys { id: told("REVERB_APP_ID"), key: told("REVERB_APP_KEY"), secret: told("REVERB_APP_SECRET") }
    }

    pub(crate) fn signal(&self, signal: Signal) {
        self.process.child.signal(signal);
    }

    /// Waits for the end.
    pub(crate) fn ended(mut self) -> Ended {
        self.process.ended()
    }

    /// Lets the server go down in order.
    pub(crate) fn stop(self) {
        self.signal(Signal::TERM);
        self.ended().ok();
    }

    /// Opens a socket at a path and reads nothing yet.
    pub(crate) async fn open(&self, path: &str) -> Client {
        Client::open(self.address, path, &[]).await.unwrap()
    }

    /// Opens a socket of an app and takes its greeting.
    pub(crate) async fn connect(&self, keys: Keys) -> Client {
        let mut client = self.open(&format!("/app/{}?protocol=7", keys.key)).await;
        client.keys = keys;
        client.established().await;
        client
    }

    /// Sends a signed request to `/apps/{id}{path}`.
    pub(crate) async fn ask(&self, keys: Keys, method: &str, path: &str, body: &str) -> Answer {
        let target = signed_target(keys, method, &format!("/apps/{}{path}", keys.id), body);
        let mut wire = Wire::connect(self.address).await;
        wire.ask(method, &target, &[], body).await;
        wire.answer().await
    }

    /// Publishes `data` to the channel `room`.
    pub(crate) async fn publish(&self, keys: Keys, data: &str) -> Answer {
        let body = serde_json::json!({ "name": "bell", "channel": "room", "data": data }).to_string();
        self.ask(keys, "POST", "/events", &body).await
    }

    /// Asks the listener for metrics and health.
    pub(crate) async fn health(&self, path: &str) -> Answer {
        let mut wire = Wire::connect(self.metrics).await;
        wire.ask("GET", path, &[], "").await;
        wire.answer().await
    }
}

/// Path and query of a signed request.
pub(crate) fn signed_target(keys: Keys, method: &str, path: &str, body: &str) -> String {
    let query = keys.signed_query((method, path), &[], body.as_bytes(), unix_now());
    let query: Vec<_> = query.iter().map(|(name, value)| format!("{name}={value}")).collect();
    format!("{path}?{}", query.join("&"))
}
