//! A real anvil for one test: started on a free port, killed when dropped.

use std::{
    env, fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use alloy::{providers::Provider, signers::local::PrivateKeySigner};
use gainsay_l1::{L1Client, PendingNonce, TxSender, TxSenderConfig};
use serde_json::{Value, json};

/// The first accounts of anvil's published test mnemonic.
const KEYS: [&str; 4] = [
    "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80",
    "59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d",
    "5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a",
    "7c852118294e51e653712a81e05800f419141751be58f605c371e15141b007a6",
];

/// A running anvil and a connection to it.
#[derive(Debug)]
pub(crate) struct Anvil {
    process: Child,
    pub(crate) client: L1Client,
    url: String,
}

impl Drop for Anvil {
    fn drop(&mut self) {
        // It may have ended by itself; either way it is reaped.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Anvil {
    /// Starts anvil at the Osaka rules with the limits of real L1, and further arguments.
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let binary = binary();
        let mut process = Command::new(&binary)
            .args(["--hardfork", "osaka", "--enable-tx-gas-limit", "--port", "0"])
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {}: {error}", binary.display()));
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let address = lines
            .find_map(|line| line.unwrap().strip_prefix("Listening on ").map(str::to_owned))
            .expect("anvil ended before it listened");
        // Anvil stops when nobody reads what it prints.
        thread::spawn(move || lines.for_each(drop));
        let url = format!("http://{address}");
        let client = L1Client::connect(&url, None).unwrap();
        Self { process, client, url }
    }

    /// Where it listens.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// The signer of a funded account.
    pub(crate) fn signer(&self, account: usize) -> PrivateKeySigner {
        KEYS[account].parse().unwrap()
    }

    /// A sender that looks often, for a funded account.
    pub(crate) async fn sender(&self, account: usize, config: TxSenderConfig) -> TxSender {
        TxSender::new(self.client.clone(), self.signer(account), config).await.unwrap()
    }

    /// Calls one of anvil's own methods.
    pub(crate) async fn control(&self, method: &'static str, params: Value) -> Value {
        self.client.provider().raw_request(method.into(), params).await.unwrap()
    }

    /// Mines blocks.
    pub(crate) async fn mine(&self, blocks: u64) {
        self.control("anvil_mine", json!([format!("{blocks:#x}")])).await;
    }

    /// Replaces the last `depth` blocks by empty ones.
    pub(crate) async fn reorg(&self, depth: u64) {
        self.control("anvil_reorg", json!([depth, []])).await;
    }
}

/// A configuration for tests: looks every 20 ms, bumps by time only after `bump_after`.
pub(crate) fn fast(bump_after: Duration) -> TxSenderConfig {
    TxSenderConfig {
        poll_interval: Duration::from_millis(20),
        bump_after,
        bump_after_blocks: u64::MAX,
        time_limit: Duration::from_secs(30),
        replaced_after: Duration::from_millis(200),
        pending: PendingNonce::Replace,
        ..TxSenderConfig::default()
    }
}

/// `GAINSAY_ANVIL`, or the native binary of the npm package, not its wrapper script: a killed
/// wrapper would leave anvil running.
fn binary() -> PathBuf {
    if let Some(path) = env::var_os("GAINSAY_ANVIL") {
        return path.into();
    }
    let packages =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../node_modules/@foundry-rs").to_path_buf();
    fs::read_dir(&packages)
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path().join("bin/anvil")))
        .find(|path| {
            path.parent().is_some_and(|bin| bin.parent().is_some_and(is_native)) && path.is_file()
        })
        .unwrap_or_else(|| {
            panic!("no anvil in {}: run scripts/test, which installs it", packages.display())
        })
}

fn is_native(package: &Path) -> bool {
    package.file_name().is_some_and(|name| name.to_string_lossy().starts_with("anvil-"))
}
