//! `gainsay-challenger watch` as people run it: a process with a key, a folder, and L1.

use std::{fs, path::PathBuf, process::Command};

use crate::{
    Devnet, Process, Role,
    keys::key,
    places::{artifacts, challenger_binary, program_elf},
    process::free_port,
    rpc::http_client,
    wait::wait_until,
};

/// What precedes the number of looks that L1 answered, in the metrics.
const LOOKS_SEEN: &str = "gainsay_challenger_looks_total{outcome=\"seen\"}";

/// A live challenger.
#[derive(Debug)]
pub struct Watcher {
    name: String,
    role: Role,
    arguments: Vec<String>,
    metrics: String,
    log: PathBuf,
    process: Option<Process>,
}

impl Watcher {
    /// Starts a challenger that plays with the key of `role`.
    pub fn start(devnet: &Devnet, name: &str, role: Role) -> Self {
        Self::start_at(devnet, name, role, devnet.l1.rpc.url())
    }

    /// The same, which reaches L1 at `l1_rpc`.
    pub fn start_at(devnet: &Devnet, name: &str, role: Role, l1_rpc: &str) -> Self {
        let data = devnet.data(name);
        assert!(!data.exists(), "there is a folder {name} already");
        let rollup = devnet.folder().join("rollup.json").display().to_string();
        let metrics = format!("127.0.0.1:{}", free_port());
        let (data, program) = (data.display().to_string(), program_elf().display().to_string());
        let artifacts = artifacts().display().to_string();
        let arguments = [
            ["--rollup", &rollup],
            ["--data", &data],
            ["--l1-rpc", l1_rpc],
            ["--program", &program],
            ["--artifacts", &artifacts],
            ["--cache-mib", "32"],
            ["--l1-poll-ms", "50"],
            ["--metrics", &metrics],
        ];
        let arguments = arguments.concat().into_iter().map(str::to_owned).collect();
        let log = devnet.folder().join(format!("{name}.log"));
        let name = name.to_owned();
        let metrics = format!("http://{metrics}/metrics");
        let mut watcher = Self { name, role, arguments, metrics, log, process: None };
        watcher.restart();
        watcher
    }

    /// Starts the process again on its folder.
    pub fn restart(&mut self) {
        self.process = None;
        let mut command = Command::new(challenger_binary());
        command
            .arg("watch")
            .args(&self.arguments)
            .env("GAINSAY_CHALLENGER_KEY", key(self.role).to_string());
        self.process = Some(Process::start(&self.name, &mut command, &self.log));
    }

    /// Ends it at once, as a power cut would.
    pub fn kill(&mut self) {
        self.running().kill();
    }

    /// Panics if it has ended by itself.
    pub fn assert_alive(&mut self) {
        let name = self.name.clone();
        let ended = self.running().ended();
        assert!(ended.is_none(), "{name} ended: {ended:?}");
    }

    /// All that it wrote.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Returns once it has looked at L1 since it was started.
    pub async fn looked(&self) {
        let client = http_client();
        wait_until(&format!("{} to look at L1", self.name), async || {
            let answer = client.get(&self.metrics).send().await.map_err(|it| it.to_string())?;
            let numbers = answer.text().await.map_err(|it| it.to_string())?;
            let mut looks = numbers.lines().filter_map(|it| it.strip_prefix(LOOKS_SEEN));
            if looks.any(|count| count.trim() != "0") { Ok(()) } else { Err(numbers) }
        })
        .await;
    }

    /// Where its metrics are.
    pub fn metrics(&self) -> &str {
        &self.metrics
    }

    /// The last lines that it wrote.
    pub fn log_tail(&self) -> String {
        self.process.as_ref().map(Process::log_tail).unwrap_or_default()
    }

    fn running(&mut self) -> &mut Process {
        self.process.as_mut().expect("started")
    }
}
