//! A node, sequencer or follower: a folder, a port, and a process that may come and go.

use std::{
    fs,
    future::Future,
    path::PathBuf,
    process::{Command, ExitStatus},
    time::{Duration, Instant},
};

use serde_json::json;

use crate::{PATIENCE, Process, Rpc, places};

/// Pause between two looks.
const POLL: Duration = Duration::from_millis(100);

/// A node. Its process ends when it is dropped; its folder stays as long as the devnet.
#[derive(Debug)]
pub struct Node {
    name: String,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
    log: PathBuf,
    process: Option<Process>,
    /// Its JSON-RPC, at the same URL after every restart.
    pub rpc: Rpc,
}

impl Node {
    pub(crate) fn new(
        name: &str,
        port: u16,
        arguments: Vec<String>,
        environment: Vec<(String, String)>,
        log: PathBuf,
    ) -> Self {
        let rpc = Rpc::new(&format!("http://127.0.0.1:{port}"));
        Self { name: name.to_owned(), arguments, environment, log, process: None, rpc }
    }

    /// Starts the process on its folder, and waits until it answers.
    pub async fn start(&mut self) {
        self.launch();
        self.wait_to_answer().await;
    }

    /// Waits until it answers.
    pub async fn wait_to_answer(&mut self) {
        let rpc = self.rpc.clone();
        self.wait("to answer", || rpc.try_call("eth_blockNumber", json!([]))).await;
    }

    /// Starts the process on its folder, and waits for nothing.
    pub fn launch(&mut self) {
        assert!(self.process.is_none(), "{} runs already", self.name);
        let mut command = Command::new(places::gainsay_binary());
        command.args(&self.arguments).envs(self.environment.iter().cloned());
        self.process = Some(Process::start(&self.name, &mut command, &self.log));
    }

    /// Stops it as Ctrl-C does. It must end by itself, and well.
    pub fn stop(&mut self) {
        let status = self.take().interrupt();
        assert!(status.success(), "{} was stopped and ended with {status}", self.name);
    }

    /// Kills it as a power cut would (kill -9).
    pub fn kill(&mut self) {
        self.take().kill();
    }

    /// Its process id.
    ///
    /// # Panics
    /// When it was not started.
    pub fn pid(&self) -> u32 {
        self.process.as_ref().unwrap_or_else(|| panic!("{} does not run", self.name)).id()
    }

    /// All that it has logged.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Warnings and errors that it has logged.
    pub fn warnings(&self) -> Vec<String> {
        let log = self.log();
        let is_one = |line: &&str| line.contains(" WARN ") || line.contains("ERROR ");
        log.lines().filter(is_one).map(str::to_owned).collect()
    }

    /// Waits until it has logged these words.
    pub async fn wait_for_log(&mut self, words: &str) {
        let log = self.log.clone();
        self.wait(&format!("to log {words:?}"), || async {
            let text = fs::read_to_string(&log).unwrap_or_default();
            let is_there = text.contains(words);
            if is_there { Ok(()) } else { Err(text.lines().last().unwrap_or_default().to_owned()) }
        })
        .await;
    }

    /// Starts the process, which is to end by itself; how it did.
    pub async fn start_and_end(&mut self) -> ExitStatus {
        self.launch();
        let started = Instant::now();
        loop {
            if let Some(status) = self.ended() {
                self.process = None;
                return status;
            }
            assert!(started.elapsed() < PATIENCE, "{} did not end by itself", self.name);
            tokio::time::sleep(POLL).await;
        }
    }

    /// How it ended, when it was started and ended by itself.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.process.as_mut().and_then(Process::ended)
    }

    /// As [`wait_until`](crate::wait_until), but gives up at once when the node has ended.
    pub async fn wait<T, F>(&mut self, what: &str, mut look: impl FnMut() -> F) -> T
    where
        F: Future<Output = Result<T, String>>,
    {
        let started = Instant::now();
        loop {
            let seen = match look().await {
                Ok(found) => return found,
                Err(seen) => seen,
            };
            if let Some(status) = self.ended() {
                panic!("{} ended ({status}) before {what}; last seen: {seen}", self.name);
            }
            assert!(
                started.elapsed() < PATIENCE,
                "waited {} s for {} {what}; last seen: {seen}",
                PATIENCE.as_secs(),
                self.name
            );
            tokio::time::sleep(POLL).await;
        }
    }

    fn take(&mut self) -> Process {
        let name = &self.name;
        let mut process = self.process.take().unwrap_or_else(|| panic!("{name} does not run"));
        if let Some(status) = process.ended() {
            // Dropped while panicking, it prints its log.
            self.process = Some(process);
            panic!("{} ended by itself: {status}", self.name);
        }
        process
    }
}
