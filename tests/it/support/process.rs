//! The server as a process of its own, for what cannot be seen from within: memory, limits, logs however long.

use std::{
    fs::{self, File},
    net::SocketAddr,
    os::fd::OwnedFd,
    process::{ExitStatus, Stdio},
};

use rustix::process::Signal;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    net::unix::pipe,
};

use super::{
    app::{Keys, MAIN},
    binary::{Folder, Running},
    client::Client,
    eventually, within,
};

/// A running `campanile serve` in a folder of its own. Killed when dropped.
pub(crate) struct Process {
    pub(crate) address: SocketAddr,
    keys: Keys,
    child: Running,
    folder: Folder,
}

/// What a process left behind.
pub(crate) struct Remains {
    pub(crate) status: ExitStatus,
    pub(crate) log: String,
}

impl Process {
    /// Starts a server with the app [`MAIN`] and further variables.
    pub(crate) async fn start(variables: &[(&str, &str)]) -> Self {
        Self::start_for(MAIN, variables).await
    }

    /// Starts a server with another app.
    pub(crate) async fn start_for(keys: Keys, variables: &[(&str, &str)]) -> Self {
        Self::spawn(&[], keys, variables).await
    }

    /// Starts a server that may have at most `descriptors` open files.
    pub(crate) async fn with_descriptors(descriptors: u32, variables: &[(&str, &str)]) -> Self {
        let limit = format!("--nofile={descriptors}:{descriptors}");
        Self::spawn(&["prlimit", &limit, "--"], MAIN, variables).await
    }

    async fn spawn(before: &[&str], keys: Keys, variables: &[(&str, &str)]) -> Self {
        let folder = Folder::new();
        let log = File::create(folder.path("log")).unwrap();
        let mut command = folder.command_within(before, &[], variables);
        command.env("CAMPANILE_PORT", "0").env("CAMPANILE_METRICS_ADDRESS", "off");
        command.env("CAMPANILE_APP_ID", keys.id).env("CAMPANILE_APP_KEY", keys.key);
        command.env("CAMPANILE_APP_SECRET", keys.secret);
        let mut child = Running::start(command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log));
        let output = pipe::Receiver::from_owned_fd(OwnedFd::from(child.0.stdout.take().unwrap())).unwrap();
        let mut process = Self { address: SocketAddr::from(([127, 0, 0, 1], 0)), keys, child, folder };
        let mut lines = BufReader::new(output).lines();
        while process.address.port() == 0 {
            let line = within("the greeting", lines.next_line()).await.unwrap();
            let line = line.unwrap_or_else(|| panic!("the server does not start: {}", process.log()));
            if let Some((_, rest)) = line.split_once("Campanile listens on http://") {
                process.address = rest.split_whitespace().next().unwrap().parse().unwrap();
            }
        }
        process
    }

    /// Opens a socket and takes its greeting.
    pub(crate) async fn connect(&self) -> Client {
        let path = format!("/app/{}?protocol=7&client=js", self.keys.key);
        let mut client = Client::open(self.address, &path, &[]).await.unwrap();
        client.keys = self.keys;
        client.established().await;
        client
    }

    /// What the server has logged so far.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.folder.path("log")).unwrap()
    }

    /// Memory in use, in bytes.
    pub(crate) fn memory(&self) -> u64 {
        let status = procfs::process::Process::new(self.child.id()).unwrap().status().unwrap();
        status.vmrss.unwrap() * 1_024
    }

    /// Tells whether the process runs.
    pub(crate) fn is_up(&mut self) -> bool {
        self.child.0.try_wait().unwrap().is_none()
    }

    /// Sends SIGTERM and does not wait.
    pub(crate) fn terminate(&self) {
        self.child.signal(Signal::TERM);
    }

    /// Waits for the end after [`Process::terminate`].
    pub(crate) async fn ended(mut self) -> Remains {
        eventually("the end", async || !self.is_up()).await;
        Remains { status: self.child.0.wait().unwrap(), log: self.log() }
    }
}
