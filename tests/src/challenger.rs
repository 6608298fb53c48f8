//! The binary `gainsay-challenger` with a data folder of its own, run as people run it.

use std::{fs, path::PathBuf, process::Stdio, time::Duration};

use serde_json::Value;
use tokio::{process::Command, time::timeout};

use crate::{Devnet, PATIENCE, Process, Role, artifacts, challenger_binary, keys::key};

/// How a command ended, and what it printed.
#[derive(Clone, Debug)]
pub struct Report {
    /// Its exit code.
    pub code: i32,
    /// Its standard output, as JSON; null if it is none.
    pub json: Value,
    /// Both outputs, for messages.
    pub text: String,
}

/// A challenger of one devnet.
#[derive(Clone, Debug)]
pub struct Challenger {
    rollup: PathBuf,
    l1_rpc: String,
    data: PathBuf,
    program: Option<PathBuf>,
}

impl Challenger {
    /// A challenger with an empty folder.
    pub fn new(devnet: &Devnet, name: &str) -> Self {
        let data = devnet.data(name);
        assert!(!data.exists(), "there is a folder {name} already");
        let rollup = devnet.folder().join("rollup.json");
        Self { rollup, l1_rpc: devnet.l1.rpc.url().to_owned(), data, program: None }
    }

    /// The same challenger, which can run blocks in the machine.
    #[must_use]
    pub fn with_program(self, program: PathBuf) -> Self {
        Self { program: Some(program), ..self }
    }

    /// The same challenger, which reaches L1 at `l1_rpc`.
    #[must_use]
    pub fn at(self, l1_rpc: &str) -> Self {
        Self { l1_rpc: l1_rpc.to_owned(), ..self }
    }

    /// `gainsay-challenger replay`.
    pub async fn replay(&self, arguments: &[&str]) -> Report {
        run(self.replay_command(arguments)).await
    }

    /// `gainsay-challenger replay`, killed after this time (kill -9) if it has not ended by then.
    pub async fn replay_and_kill(&self, after: Duration) {
        let mut command = self.replay_command(&[]);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        tokio::time::sleep(after).await;
        // It may have ended by itself; either way it is reaped.
        let _ended_already = child.kill().await;
    }

    fn replay_command(&self, arguments: &[&str]) -> Command {
        let mut command = self.on_chain("replay");
        command.args(["--l1-rpc", &self.l1_rpc, "--json"]).args(arguments);
        command
    }

    /// `gainsay-challenger watch`, playing with the challenger's key, in the background.
    pub fn watch(&self, arguments: &[&str]) -> Process {
        let mut command = self.watch_command(arguments);
        command.as_std_mut().env("GAINSAY_CHALLENGER_KEY", key(Role::Challenger).to_string());
        self.start(command)
    }

    /// `gainsay-challenger watch --watch-only`, without a key, in the background.
    pub fn watch_only(&self, arguments: &[&str]) -> Process {
        let mut command = self.watch_command(arguments);
        command.arg("--watch-only");
        self.start(command)
    }

    fn watch_command(&self, arguments: &[&str]) -> Command {
        let mut command = self.on_chain("watch");
        command.args(["--l1-rpc", &self.l1_rpc, "--l1-poll-ms", "200"]).args(arguments);
        command.arg("--artifacts").arg(artifacts());
        command.env_remove("GAINSAY_CHALLENGER_KEY");
        command
    }

    fn start(&self, command: Command) -> Process {
        let log = self.data.with_extension("log");
        Process::start("challenger", &mut command.into_std(), &log)
    }

    /// `gainsay-challenger verify-deployment`.
    pub async fn verify_deployment(&self) -> Report {
        let mut command = Command::new(challenger_binary());
        command.arg("verify-deployment").arg("--rollup").arg(&self.rollup).kill_on_drop(true);
        command.args(["--l1-rpc", &self.l1_rpc]).arg("--artifacts").arg(artifacts());
        run(command).await
    }

    /// What its watches have written.
    pub fn log(&self) -> String {
        fs::read_to_string(self.data.with_extension("log")).unwrap_or_default()
    }

    /// A command about one block, with L1.
    pub async fn with_l1(&self, name: &str, arguments: &[&str]) -> Report {
        let mut command = self.on_chain(name);
        command.args(["--l1-rpc", &self.l1_rpc]).args(arguments);
        run(command).await
    }

    /// A command about one block, with the data folder alone.
    pub async fn with_data(&self, name: &str, arguments: &[&str]) -> Report {
        let mut command = self.on_chain(name);
        command.args(arguments);
        run(command).await
    }

    /// A command about a bundle, which gets no arguments about a chain.
    pub async fn offline(&self, name: &str, arguments: &[&str]) -> Report {
        let mut command = self.command(name);
        command.current_dir("/").args(arguments);
        run(command).await
    }

    fn on_chain(&self, name: &str) -> Command {
        let mut command = self.command(name);
        command.arg("--rollup").arg(&self.rollup).arg("--data").arg(&self.data);
        command.args(["--cache-mib", "32"]);
        command
    }

    fn command(&self, name: &str) -> Command {
        let mut command = Command::new(challenger_binary());
        command.arg(name).env_remove("GAINSAY_PROGRAM_ELF").kill_on_drop(true);
        if name == "step" {
            command.arg("--artifacts").arg(artifacts().canonicalize().unwrap());
        }
        if let Some(program) = &self.program
            && name != "replay"
        {
            command.arg("--program").arg(program);
        }
        command
    }
}

async fn run(mut command: Command) -> Report {
    let what = format!("{command:?}");
    let output = timeout(PATIENCE, command.output()).await;
    let output = output.unwrap_or_else(|_| panic!("{what} did not end")).unwrap();
    let (out, err) =
        [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes)).into();
    let code = output.status.code().unwrap_or_else(|| panic!("{what}: {}", output.status));
    let json = serde_json::from_slice(&output.stdout).unwrap_or(Value::Null);
    Report { code, json, text: format!("{what}: exit code {code}\n{out}{err}") }
}
