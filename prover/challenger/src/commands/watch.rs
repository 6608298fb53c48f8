//! `gainsay-challenger watch`: the honest challenger.

use std::{net::SocketAddr, path::PathBuf, process::ExitCode, sync::Arc, time::Duration};

use alloy::signers::local::PrivateKeySigner;
use alloy_primitives::{U256, utils::parse_ether};
use anyhow::Context;
use gainsay_l1::{
    ChallengerKeyArgs, FeeLimits, L1Client, PendingNonce, TxSender, TxSenderConfig,
    until_l1_answers,
};
use gainsay_vm::Program;

use super::chain_args::{ChainArgs, ProgramArgs};
use crate::{
    ArchivedChain, ChallengerError,
    dispute::{FollowedGame, MachineTrace},
    watch::{Budget, Metrics, Player, Watch, WatchOptions, listen},
};

const GWEI: u128 = 1_000_000_000;

/// Follow L1, and win every dispute about a wrong claim.
///
/// Where a wrong assertion is alone it proposes the right one; against every rival it bisects,
/// opens and proves what is needed; it confirms what has won and collects stakes. It may be stopped
/// or killed at any time and goes on where it was; many may run at once, each with a key of its
/// own.
///
/// The key comes from --challenger-keystore, or from the environment variable
/// GAINSAY_CHALLENGER_KEY, and must be used by nothing else. Its account needs ether on L1 for
/// stakes and gas.
///
/// With --watch-only it needs no key and no program, makes no move, and ends with exit code 1 at
/// the first wrong assertion; with --keep-watching it goes on, and says so by alarms and metrics.
/// Exit code: 0 if it was stopped and saw no wrong claim, or plays; 1 if it only watches and saw
/// one; 2 if it failed.
#[derive(Clone, Debug, clap::Args)]
pub struct WatchArgs {
    /// Where the chain is.
    #[command(flatten)]
    pub chain: ChainArgs,
    /// JSON-RPC of an L1 node, over HTTP. Several, separated by commas: the first that works is
    /// asked.
    #[arg(long, value_name = "URL")]
    pub l1_rpc: String,
    /// The program's ELF file, as scripts/build-program made it. Needed to play.
    #[arg(
        long,
        value_name = "FILE",
        env = "GAINSAY_PROGRAM_ELF",
        required_unless_present = "watch_only"
    )]
    pub program: Option<PathBuf>,
    /// The key.
    #[command(flatten)]
    pub key: ChallengerKeyArgs,
    /// Make no move; end with exit code 1 at the first wrong assertion.
    #[arg(long)]
    pub watch_only: bool,
    /// Go on after a wrong assertion was seen, with alarms and metrics.
    #[arg(long, requires = "watch_only")]
    pub keep_watching: bool,
    /// Most ether to have locked as stakes at one time. A move above it is held back, with an
    /// alarm. Default: no limit but the account's balance.
    #[arg(long, value_name = "ETHER", value_parser = parse_ether)]
    pub budget: Option<U256>,
    /// Most ether to spend on gas in all, restarts included. Beyond it all moves are held back,
    /// with an alarm. Default: no limit.
    #[arg(long, value_name = "ETHER", value_parser = parse_ether)]
    pub gas_budget: Option<U256>,
    /// Highest price of gas ever offered, also when a transaction is not included for long.
    #[arg(long, value_name = "GWEI", default_value_t = 1_000)]
    pub max_fee_gwei: u64,
    /// Address for Prometheus metrics (`/metrics`) and a health check (`/health`), as
    /// 127.0.0.1:9464.
    #[arg(long, value_name = "ADDRESS")]
    pub metrics: Option<SocketAddr>,
    /// Folder with the contracts as forge built them: those on L1 are compared with them.
    #[arg(long, value_name = "DIR", default_value = "contracts/out")]
    pub artifacts: PathBuf,
    /// Milliseconds between two looks at L1.
    #[arg(long, value_name = "MS", default_value_t = 1_000,
        value_parser = clap::value_parser!(u64).range(20..))]
    pub l1_poll_ms: u64,
}

/// Runs the command.
///
/// # Errors
/// A chain, a key, a program or a data folder that cannot be used.
pub async fn run(args: &WatchArgs) -> anyhow::Result<ExitCode> {
    let client = L1Client::connect(&args.l1_rpc, args.chain.l1_beacon.as_deref())?;
    let program = match (&args.program, args.watch_only) {
        (Some(program), false) => Some(ProgramArgs { program: program.clone() }.load()?),
        _ => None,
    };
    let metrics = Metrics::default();
    if let Some(address) = args.metrics {
        let listener = listen(address).await.with_context(|| format!("metrics on {address}"))?;
        tracing::info!("metrics at http://{}/metrics", listener.local_addr()?);
        tokio::spawn(metrics.clone().serve(listener));
    }
    let chain = args.chain.open()?;
    let options = WatchOptions {
        poll: Duration::from_millis(args.l1_poll_ms),
        ends_at_a_wrong_claim: args.watch_only && !args.keep_watching,
        metrics: metrics.clone(),
        artifacts: args.artifacts.clone(),
    };
    tokio::select! {
        ended = watch(args, &client, &chain, program, options) => {
            chain.store.flush()?;
            ended
        }
        () = stopped() => {
            chain.store.flush()?;
            println!("stopped");
            let has_seen_a_wrong_claim = args.watch_only
                && metrics.numbers().alarms.iter().any(|(kind, (_, raised))| {
                    kind.is_about_a_claim() && *raised > 0
                });
            Ok(ExitCode::from(u8::from(has_seen_a_wrong_claim)))
        }
    }
}

async fn watch(
    args: &WatchArgs,
    client: &L1Client,
    chain: &ArchivedChain,
    program: Option<Arc<Program>>,
    options: WatchOptions,
) -> anyhow::Result<ExitCode> {
    let signer = if args.watch_only { None } else { Some(load_key(args)?) };
    let watch = until_l1_answers("start", async || {
        open(args, client, chain, program.clone(), signer.clone(), options.clone()).await
    });
    let mut watch = watch.await?;
    watch.run().await?;
    println!("a claim on L1 is WRONG");
    Ok(ExitCode::FAILURE)
}

async fn open(
    args: &WatchArgs,
    client: &L1Client,
    chain: &ArchivedChain,
    program: Option<Arc<Program>>,
    signer: Option<PrivateKeySigner>,
    options: WatchOptions,
) -> Result<Watch, ChallengerError> {
    let follower = chain.follow(client.clone()).await?;
    let disputes = FollowedGame::new(&follower)?;
    let genesis = *follower.assertions().read().genesis();
    let trace = MachineTrace::new(chain.clone(), genesis, program, &args.chain.data)?;
    let player = match signer {
        None => None,
        Some(signer) => Some(open_player(args, client, chain, signer).await?),
    };
    Ok(Watch::new(client.clone(), follower, disputes, trace, player, options))
}

fn load_key(args: &WatchArgs) -> anyhow::Result<PrivateKeySigner> {
    let key = args.key.source().and_then(|source| source.load());
    key.context("watch plays with a key; --watch-only needs none")
}

async fn open_player(
    args: &WatchArgs,
    client: &L1Client,
    chain: &ArchivedChain,
    signer: PrivateKeySigner,
) -> Result<Player, ChallengerError> {
    let fee_max = u128::from(args.max_fee_gwei).saturating_mul(GWEI);
    let default = TxSenderConfig::default();
    let poll_interval = default.poll_interval.min(Duration::from_millis(args.l1_poll_ms));
    let config = TxSenderConfig {
        poll_interval,
        pending: PendingNonce::Replace,
        fee_limits: FeeLimits { fee_max, ..FeeLimits::default() },
        ..default
    };
    let sender = TxSender::new(client.clone(), signer, config).await?;
    let budget = Budget {
        stake: args.budget.unwrap_or(U256::MAX),
        gas: args.gas_budget.unwrap_or(U256::MAX),
    };
    let player = Player::open(sender, chain, budget).await?;
    tracing::info!(account = %player.rules().account, "playing");
    Ok(player)
}

/// Ctrl-C, or the signal that service managers send.
async fn stopped() {
    let terminated = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut signal) => signal.recv().await,
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminated => {}
    }
}
