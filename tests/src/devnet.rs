//! L1, contracts, a sequencer, and followers on demand, in a temporary folder.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use alloy::primitives::{Address, B256, U256};
use gainsay_l1::RollupConfig;
use serde_json::json;
use tempfile::TempDir;

use crate::{
    Gate, L1, LyingRelay, Node, Role, Wallet,
    keys::{USERS, key},
    places,
    process::free_port,
    signer,
};

/// What a test wants of its chain.
#[derive(Clone, Debug)]
pub struct DevnetOptions {
    /// `blob`, `calldata` or `auto`.
    pub da: &'static str,
    /// Milliseconds between L2 blocks when there is work.
    pub block_time_ms: u64,
    /// Gas of one L2 block.
    pub block_gas_limit: u64,
    /// L1's finalized block is two epochs behind: a reorg must not reach it.
    pub l1_slots_in_epoch: u64,
    /// Seconds until a deposit may be forced.
    pub force_delay_secs: u64,
    /// Seconds until a claim is confirmed.
    pub challenge_period_secs: u64,
    /// Seconds between claims.
    pub min_interval_secs: u64,
    /// Hash of the program that disputes run.
    pub program_hash: B256,
    /// Whether the sequencer makes claims.
    pub proposes: bool,
    /// Whether the sequencer reaches L1 through [`Devnet::gate`].
    pub is_gated: bool,
    /// Seed of the [`Devnet::relay`] through which the sequencer reaches L1, if it does.
    pub relay_seed: Option<u64>,
    /// URL of another L1 node that the sequencer asks, too.
    pub second_l1: Option<String>,
    /// Accounts with ether on L2 in addition to the users.
    pub funded: Vec<Address>,
}

impl Default for DevnetOptions {
    fn default() -> Self {
        Self {
            da: "auto",
            block_time_ms: 250,
            block_gas_limit: 30_000_000,
            l1_slots_in_epoch: 4,
            force_delay_secs: 600,
            challenge_period_secs: 600,
            min_interval_secs: 5,
            program_hash: places::program_hash(),
            proposes: false,
            is_gated: false,
            relay_seed: None,
            second_l1: None,
            funded: Vec::new(),
        }
    }
}

/// A running devnet. All that it started ends when it is dropped.
#[derive(Debug)]
pub struct Devnet {
    // Dropped in this order: the nodes before the L1 that they stand on, the folder last.
    /// The sequencer.
    pub sequencer: Node,
    gate: Option<Gate>,
    relay: Option<LyingRelay>,
    /// L1.
    pub l1: L1,
    /// What `rollup.json` says.
    pub rollup: RollupConfig,
    options: DevnetOptions,
    folder: TempDir,
}

impl Devnet {
    /// Starts L1, deploys, starts the sequencer.
    pub async fn start(options: DevnetOptions) -> Self {
        let folder = tempfile::Builder::new().prefix("gainsay-test-").tempdir().unwrap();
        let path = folder.path();
        let l1 = L1::start(path, options.l1_slots_in_epoch).await;
        deploy(path, l1.rpc.url(), &options);
        let rollup = RollupConfig::load(&path.join("rollup.json")).unwrap();
        let gate = if options.is_gated { Some(l1.gate().await) } else { None };
        let relay = match options.relay_seed {
            Some(seed) => Some(LyingRelay::to(l1.rpc.url(), seed).await),
            None => None,
        };
        let l1_url = gate.as_ref().map_or(l1.rpc.url(), Gate::url);
        let l1_url = relay.as_ref().map_or(l1_url, LyingRelay::url);
        let second_l1 = options.second_l1.iter().map(String::as_str);
        let l1_urls: Vec<_> = std::iter::once(l1_url).chain(second_l1).collect();
        let mut sequencer = sequencer("sequencer", "sequencer", path, &l1_urls.join(","), &options);
        sequencer.start().await;
        Self { sequencer, gate, relay, l1, rollup, options, folder }
    }

    /// The sequencer's way to L1, on a devnet whose sequencer [has one](DevnetOptions::is_gated).
    pub fn gate(&self) -> &Gate {
        self.gate.as_ref().expect("a devnet with is_gated")
    }

    /// The sequencer's way to L1, on a devnet with a [seed](DevnetOptions::relay_seed) for it.
    pub fn relay(&self) -> &LyingRelay {
        self.relay.as_ref().expect("a devnet with relay_seed")
    }

    /// A second sequencer with the same keys and `rollup.json`, not started, on the folder of this
    /// name (see [`Self::data`]).
    pub fn second_sequencer(&self, name: &str, data: &str) -> Node {
        sequencer(name, data, self.folder(), self.l1.rpc.url(), &self.options)
    }

    /// The folder of a node's blocks and state. The first sequencer's name is `sequencer`.
    pub fn data(&self, name: &str) -> PathBuf {
        self.folder().join(name)
    }

    /// A follower with an empty folder, started, that knows L1 and `rollup.json` only.
    pub async fn follower(&self, name: &str) -> Node {
        self.follower_at(name, self.l1.rpc.url()).await
    }

    /// The same, which reaches L1 at `l1_rpc`.
    pub async fn follower_at(&self, name: &str, l1_rpc: &str) -> Node {
        let mut node = self.new_follower(name, l1_rpc, None);
        node.start().await;
        node
    }

    /// A follower that asks the sequencer, too.
    pub async fn follower_of_sequencer(&self, name: &str) -> Node {
        let mut node = self.new_follower(name, self.l1.rpc.url(), Some(self.sequencer.rpc.url()));
        node.start().await;
        node
    }

    /// A follower with an empty folder, not started.
    pub fn new_follower(&self, name: &str, l1_rpc: &str, sequencer: Option<&str>) -> Node {
        let path = self.folder.path();
        let data = path.join(name);
        assert!(!data.exists(), "there is a follower {name} already");
        let (port, mut arguments) = node_arguments("follow", path, &data, l1_rpc);
        if let Some(url) = sequencer {
            arguments.extend(["--sequencer-rpc".to_owned(), url.to_owned()]);
        }
        Node::new(name, port, arguments, Vec::new(), path.join(format!("{name}.log")))
    }

    /// A user's wallet on L2.
    pub fn wallet(&self, user: usize) -> Wallet {
        Wallet::new(signer(Role::User(user)), self.rollup.chain.chain_id)
    }

    /// Where the devnet keeps its files.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Deposits with `gainsay deposit` as an L1 user; the hash that it has on L2.
    pub async fn deposit(&self, user: usize, arguments: &[&str]) -> B256 {
        let output = self.user_command("deposit", user, arguments).await;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "gainsay deposit: {}", report(&output));
        let hash = text.lines().find_map(|line| line.strip_prefix("L2 transaction "));
        hash.and_then(|hash| hash.trim().parse().ok())
            .unwrap_or_else(|| panic!("gainsay deposit named no L2 transaction: {text}"))
    }

    /// Runs `gainsay force-include` as an L1 user.
    pub async fn force_include(&self, user: usize) -> Result<String, String> {
        let output = self.user_command("force-include", user, &[]).await;
        match output.status.success() {
            true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
            false => Err(report(&output)),
        }
    }

    /// `gainsay withdraw` as a user, ready to be run.
    pub fn withdraw(&self, user: usize, arguments: &[&str]) -> Command {
        self.bridge_command("withdraw", ("GAINSAY_KEY", Role::User(user)), arguments)
    }

    /// `gainsay relay` with a user's key, ready to be run.
    pub fn relay_withdrawals(&self, user: usize, arguments: &[&str]) -> Command {
        self.bridge_command("relay", ("GAINSAY_RELAYER_KEY", Role::User(user)), arguments)
    }

    fn bridge_command(
        &self,
        command: &str,
        (variable, role): (&str, Role),
        arguments: &[&str],
    ) -> Command {
        let mut program = Command::new(places::gainsay_binary());
        program
            .arg(command)
            .args(["--l1-rpc", self.l1.rpc.url(), "--l2-rpc", self.sequencer.rpc.url(), "--rollup"])
            .arg(self.folder().join("rollup.json"))
            .args(arguments)
            .env(variable, key(role).to_string());
        program
    }

    /// Runs a command of a user, whose key is in the environment.
    async fn user_command(&self, command: &str, user: usize, arguments: &[&str]) -> Output {
        let mut program = tokio::process::Command::new(places::gainsay_binary());
        program
            .arg(command)
            .args(["--l1-rpc", self.l1.rpc.url(), "--rollup"])
            .arg(self.folder().join("rollup.json"))
            .args(arguments)
            .env("GAINSAY_KEY", key(Role::User(user)).to_string())
            .kill_on_drop(true);
        program.output().await.unwrap()
    }

    /// Writes the `endpoints.json` that `scripts/devnet` writes, for client scripts.
    pub fn write_endpoints(&self, follower: &Node) -> PathBuf {
        let account = |user| {
            let role = Role::User(user);
            json!({ "address": signer(role).address(), "private_key": key(role) })
        };
        let endpoints = json!({
            "l1_rpc": self.l1.rpc.url(),
            "l2_rpc": self.sequencer.rpc.url(),
            "follower_rpc": follower.rpc.url(),
            "rollup_config": self.folder().join("rollup.json"),
            "accounts": (0..USERS).map(account).collect::<Vec<_>>(),
        });
        let path = self.folder().join("endpoints.json");
        fs::write(&path, serde_json::to_vec_pretty(&endpoints).unwrap()).unwrap();
        path
    }
}

fn deploy(folder: &Path, l1_rpc: &str, options: &DevnetOptions) {
    let mut command = Command::new(places::gainsay_binary());
    command
        .args(["deploy", "--l1-rpc", l1_rpc, "--artifacts"])
        .arg(places::artifacts())
        .arg("--genesis-manifest")
        .arg(places::in_repository("contracts/genesis"))
        .arg("--out")
        .arg(folder.join("rollup.json"))
        .args(["--sequencer-address", &signer(Role::Poster).address().to_string()])
        .args(["--force-delay-secs", &options.force_delay_secs.to_string()])
        .args(["--challenge-period-secs", &options.challenge_period_secs.to_string()])
        .args(["--min-interval-secs", &options.min_interval_secs.to_string()])
        .args(["--block-gas-limit", &options.block_gas_limit.to_string()])
        .args(["--blocks-height", "12"])
        .args(["--program-hash", &options.program_hash.to_string()])
        .env("GAINSAY_DEPLOYER_KEY", key(Role::Deployer).to_string());
    let wei = U256::from(10_000) * U256::from(10).pow(U256::from(18));
    let users = (0..USERS).map(|user| signer(Role::User(user)).address());
    for address in users.chain(options.funded.iter().copied()) {
        command.arg("--fund").arg(format!("{address}={wei}"));
    }
    let output = command.output().unwrap();
    assert!(output.status.success(), "gainsay deploy: {}", report(&output));
}

fn sequencer(name: &str, data: &str, folder: &Path, l1_rpc: &str, options: &DevnetOptions) -> Node {
    let data = folder.join(data);
    let (port, mut arguments) = node_arguments("sequence", folder, &data, l1_rpc);
    let block_time = options.block_time_ms.to_string();
    let more = ["--da", options.da, "--block-time-ms", &block_time];
    // Batches soon, so that tests wait for little.
    let soon = ["--batch-age-ms", "500", "--batch-idle-age-ms", "4000"];
    arguments.extend(more.iter().chain(&soon).map(|text| (*text).to_owned()));
    let mut keys = vec![("GAINSAY_POSTER_KEY".to_owned(), key(Role::Poster).to_string())];
    if options.proposes {
        keys.push(("GAINSAY_PROPOSER_KEY".to_owned(), key(Role::Proposer).to_string()));
    }
    Node::new(name, port, arguments, keys, folder.join(format!("{name}.log")))
}

/// The arguments of both kinds of nodes, and the port on which the node listens.
fn node_arguments(kind: &str, folder: &Path, data: &Path, l1_rpc: &str) -> (u16, Vec<String>) {
    let port = free_port();
    let rollup = folder.join("rollup.json").display().to_string();
    let arguments = [
        (kind, ""),
        ("--rollup", &rollup),
        ("--data", &data.display().to_string()),
        ("--l1-rpc", l1_rpc),
        ("--listen", &format!("127.0.0.1:{port}")),
        ("--l1-poll-ms", "200"),
        ("--cache-mib", "32"),
    ];
    let words = arguments.iter().flat_map(|(name, value)| [*name, *value]);
    (port, words.filter(|word| !word.is_empty()).map(str::to_owned).collect())
}

fn report(output: &Output) -> String {
    format!(
        "{}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}
