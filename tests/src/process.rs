//! A child process with its log in a file: ended when dropped, its log printed when a test fails.

use std::{
    fs::{self, File, OpenOptions},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    thread,
    time::{Duration, Instant},
};

/// Lines of a log that are printed when a test fails.
const LOG_LINES: usize = 60;
/// The longest wait for a process that was asked to end.
const STOP_LIMIT: Duration = Duration::from_secs(60);

/// A running child process.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts `command`; its output is appended to `log`.
    pub fn start(name: &str, command: &mut Command, log: &Path) -> Self {
        let file = open_log(log);
        let child = command
            .stdin(Stdio::null())
            .stdout(file.try_clone().unwrap())
            .stderr(file)
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {name} ({command:?}): {error}"));
        Self { name: name.to_owned(), child, log: log.to_owned() }
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// How it ended, if it has.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    /// Ends it at once, as a power cut would (SIGKILL).
    pub fn kill(&mut self) {
        // It may have ended by itself; either way it is reaped.
        let _ended_already = self.child.kill();
        self.child.wait().unwrap();
    }

    /// Asks it to end as Ctrl-C does, and waits until it has.
    pub fn interrupt(&mut self) -> ExitStatus {
        self.signal("INT");
        let started = Instant::now();
        loop {
            if let Some(status) = self.ended() {
                return status;
            }
            assert!(
                started.elapsed() < STOP_LIMIT,
                "{} was asked to stop {} s ago and still runs",
                self.name,
                STOP_LIMIT.as_secs()
            );
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Sends a signal by name: STOP pauses the process, CONT lets it go on.
    pub fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args([&format!("-{name}"), &pid]).status().unwrap();
        assert!(sent.success(), "kill -{name} {pid} ({}): {sent}", self.name);
    }

    /// The last lines that it wrote.
    pub fn log_tail(&self) -> String {
        let text = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(LOG_LINES)..].join("\n")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let ended = self.ended();
        if thread::panicking() {
            let state = ended.map_or("running".to_owned(), |status| status.to_string());
            eprintln!("\n--- {} ({state}), end of its log:\n{}", self.name, self.log_tail());
        }
        if ended.is_none() {
            self.kill();
        }
    }
}

fn open_log(path: &Path) -> File {
    let open = OpenOptions::new().create(true).append(true).open(path);
    open.unwrap_or_else(|error| panic!("cannot write {}: {error}", path.display()))
}

/// A port that nobody listens on, below those that the system gives to outgoing connections.
pub fn free_port() -> u16 {
    const FIRST: u32 = 10_000;
    const COUNT: u32 = 20_000;
    static NEXT: AtomicU32 = AtomicU32::new(0);
    // Test executables that run at the same time start at different places.
    let start = std::process::id().wrapping_mul(61);
    for _ in 0..COUNT {
        let offset = start.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % COUNT;
        let port = u16::try_from(FIRST + offset).expect("30,000 at most");
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
    panic!("no free port from {FIRST} to {}", FIRST + COUNT);
}
