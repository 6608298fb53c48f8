//! Runs the clients that users have: Node.js scripts with viem and ethers, and cast.

use std::{path::Path, process::Output};

use tokio::{process::Command, time::timeout};

use crate::{PATIENCE, cast_binary, in_repository, node_modules};

/// Runs a script of `tests/clients` against the devnet of `endpoints`, and returns what it said.
///
/// # Panics
/// When it fails, or ends without its last line, `done: <n> checks`.
pub async fn run_script(name: &str, endpoints: &Path) -> String {
    let mut command = Command::new("node");
    command
        .arg(in_repository("tests/clients").join(name))
        .arg(endpoints)
        .env("NODE_PATH", node_modules())
        .kill_on_drop(true);
    let output = output(command, name).await;
    let text = text(&output);
    assert!(output.status.success(), "{name} failed ({}):\n{text}", output.status);
    let last = text.lines().last().unwrap_or_default();
    assert!(
        last.starts_with("done: ") && last.ends_with(" checks"),
        "{name} ended before it was done:\n{text}"
    );
    text
}

/// Runs cast and returns what it printed, without the newline at the end.
///
/// # Panics
/// When it fails.
pub async fn run_cast(url: &str, arguments: &[&str]) -> String {
    let mut command = Command::new(cast_binary());
    // By environment: after `--create` cast takes no options any more.
    command.args(arguments).env("ETH_RPC_URL", url).kill_on_drop(true);
    let what = format!("cast {}", arguments.join(" "));
    let output = output(command, &what).await;
    assert!(output.status.success(), "{what} failed ({}):\n{}", output.status, text(&output));
    String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
}

async fn output(mut command: Command, what: &str) -> Output {
    match timeout(PATIENCE, command.output()).await {
        Ok(output) => output.unwrap_or_else(|error| panic!("{what} cannot be started: {error}")),
        Err(_) => panic!("{what} did not end in {} s", PATIENCE.as_secs()),
    }
}

fn text(output: &Output) -> String {
    let (out, err) = (&output.stdout, &output.stderr);
    format!("{}{}", String::from_utf8_lossy(err), String::from_utf8_lossy(out))
        .trim_end()
        .to_owned()
}
