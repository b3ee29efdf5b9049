//! Database servers of one test's own: a temporary folder, a free port of the loopback interface, gone when dropped.
//!
//! Needs the Debian packages `postgresql` and `mariadb-server`, of which only the programs are used, never the system's
//! service. Both refuse to run as root: then they run as the users `postgres` and `mysql`, which the packages make.
//! `setpriv` (util-linux) changes the user and has the kernel end the server if the test itself is killed.

use std::{
    fs::{self, File},
    net::{Ipv4Addr, TcpListener},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use campanile::store::{Config, Store};
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

/// Name of the database, its user and the password; the password needs escapes in a URL, as good ones do.
const NAME: &str = "campanile";
const PASSWORD: &str = "p@ss/word";
const ESCAPED_PASSWORD: &str = "p%40ss%2Fword";

/// How long a server may take to accept logins; slow machines under load included.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running server. Field order matters: the folder goes last.
pub(crate) struct Database {
    url: String,
    server: Child,
    /// The command that ends the server, where killing it would leave something behind.
    stop: Option<Command>,
    _folder: TempDir,
}

impl Database {
    /// Starts a PostgreSQL server with an empty database.
    pub(crate) async fn postgres() -> Self {
        let folder = Folder::new("postgres");
        let programs = newest_postgres();
        let data = folder.path("data");
        fs::write(folder.path("password"), PASSWORD).unwrap();
        let mut init = folder.command(&programs.join("initdb"));
        init.args(["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync"]);
        init.arg(format!("--username={NAME}")).arg(folder.option("--pwfile=", "password"));
        folder.run(init.arg("-D").arg(&data));

        let mut stop = folder.command(&programs.join("pg_ctl"));
        // Not a plain kill: that would leave a piece of shared memory behind.
        stop.arg("-D").arg(&data).args(["stop", "--mode=immediate", "--silent"]);
        let start = |port: u16| {
            let mut server = folder.command(&programs.join("postgres"));
            server.arg("-D").arg(&data).args(["-F", "-h", "127.0.0.1", "-k", "", "-p", &port.to_string()]);
            server
        };
        let url = |port| format!("postgres://{NAME}:{ESCAPED_PASSWORD}@127.0.0.1:{port}/postgres");
        let (server, url) = folder.serve(start, url).await;
        Self { url, server, stop: Some(stop), _folder: folder.directory }
    }

    /// Starts a MariaDB server with an empty database.
    pub(crate) async fn mariadb() -> Self {
        let folder = Folder::new("mysql");
        let mut init = folder.command(Path::new("mariadb-install-db"));
        init.args(["--no-defaults", "--auth-root-authentication-method=normal", "--skip-test-db"]);
        folder.run(init.arg(folder.option("--datadir=", "data")));
        let user = format!("CREATE DATABASE {NAME};\nCREATE USER '{NAME}'@'127.0.0.1' IDENTIFIED BY '{PASSWORD}';\n");
        let grant = format!("GRANT ALL ON {NAME}.* TO '{NAME}'@'127.0.0.1';\n");
        fs::write(folder.path("init.sql"), user + &grant).unwrap();

        let start = |port: u16| {
            let mut server = folder.command(Path::new("mariadbd"));
            server.args(["--no-defaults", "--bind-address=127.0.0.1", "--skip-name-resolve", "--skip-log-bin"]);
            server.args(["--innodb-flush-log-at-trx-commit=0", "--innodb-buffer-pool-size=16M"]);
            server.arg(folder.option("--datadir=", "data")).arg(folder.option("--socket=", "socket"));
            server.arg(folder.option("--pid-file=", "pid")).arg(folder.option("--init-file=", "init.sql"));
            server.arg(format!("--port={port}"));
            server
        };
        let url = |port| format!("mysql://{NAME}:{ESCAPED_PASSWORD}@127.0.0.1:{port}/{NAME}");
        let (server, url) = folder.serve(start, url).await;
        Self { url, server, stop: None, _folder: folder.directory }
    }

    /// Opens a store on the database.
    pub(crate) async fn store(&self) -> Store {
        Store::open(&config(&self.url)).await.unwrap()
    }

    /// The same, as another server of this name has it.
    pub(crate) async fn store_of(&self, node: &str) -> Store {
        Store::open(&Config { node: node.to_owned(), ..config(&self.url) }).await.unwrap()
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let stopped = self.stop.as_mut().is_some_and(|stop| stop.status().is_ok_and(|status| status.success()));
        if !stopped {
            let _gone = self.server.kill();
        }
        let _status = self.server.wait();
    }
}

fn config(url: &str) -> Config {
    Config { url: url.to_owned(), acquire_timeout: Duration::from_secs(10), ..Config::default() }
}

/// The folder with the PostgreSQL programs, of the newest version that is installed.
fn newest_postgres() -> PathBuf {
    let version = |path: &PathBuf| path.file_name()?.to_str()?.parse::<u32>().ok();
    let installed = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten().map(|entry| entry.path());
    let newest = installed.max_by_key(version).expect("install the Debian package postgresql");
    newest.join("bin")
}

/// A temporary folder and the user whom it belongs to.
struct Folder {
    directory: TempDir,
    /// The user that the programs run as; `None` = whoever runs the test, who is not root then.
    user: Option<&'static str>,
}

impl Folder {
    fn new(user: &'static str) -> Self {
        let directory = TempDir::new().unwrap();
        let is_root = directory.path().metadata().unwrap().uid() == 0;
        let folder = Self { directory, user: is_root.then_some(user) };
        if is_root {
            folder.run(Command::new("chown").arg(format!("{user}:")).arg(folder.directory.path()));
        }
        folder
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn option(&self, option: &str, name: &str) -> String {
        format!("{option}{}", self.path(name).display())
    }

    /// A command that runs as the folder's owner, in the folder, and ends with this thread.
    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new("setpriv");
        command.arg("--pdeathsig=QUIT");
        if let Some(user) = self.user {
            command.args([&format!("--reuid={user}"), &format!("--regid={user}"), "--clear-groups"]);
        }
        command.arg("--").arg(program).current_dir(self.directory.path()).stdin(Stdio::null());
        command
    }

    /// Runs a command to its end. What it prints shows up only when it fails.
    fn run(&self, command: &mut Command) {
        let output = command.output().unwrap();
        let [printed, complained] = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text));
        assert!(output.status.success(), "{command:?}: {}\n{printed}{complained}", output.status);
    }

    /// Starts a server on a free port and waits until it takes logins. The port may be lost to somebody else between
    /// the choice and the start, so a server that gives up gets two more chances.
    async fn serve(&self, start: impl Fn(u16) -> Command, url: impl Fn(u16) -> String) -> (Child, String) {
        for _attempt in 0..3 {
            let port = free_port();
            let log = File::create(self.path("log")).unwrap();
            let mut server = start(port).stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap();
            let url = url(port);
            if self.answers(&mut server, &url).await {
                return (server, url);
            }
        }
        panic!("the server does not start:\n{}", fs::read_to_string(self.path("log")).unwrap())
    }

    /// Waits until the server takes a login; false if it ends before.
    async fn answers(&self, server: &mut Child, url: &str) -> bool {
        let deadline = Instant::now() + PATIENCE;
        while server.try_wait().unwrap().is_none() {
            match Store::open(&config(url)).await {
                Ok(store) => {
                    store.close().await.unwrap();
                    return true;
                }
                Err(error) => assert!(Instant::now() < deadline, "no login after {PATIENCE:?}: {error:?}"),
            }
            sleep(Duration::from_millis(50)).await;
        }
        false
    }
}

fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}
