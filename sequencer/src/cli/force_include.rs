//! `gainsay force-include`: executes deposits that the sequencer passed over. Anyone may do it.
//!
//! In: the Inbox on L1. Out: a batch of deposits alone, or the time that is left until L1 takes
//! one. What is possible is decided in [`forcing`], without sending anything.

use std::{path::PathBuf, time::Duration};

use anyhow::{Context, bail};
use gainsay_l1::{Inbox, L1Client, RollupConfig, TxSender, UserKeyArgs};
use tokio::time::sleep;

use super::{
    amount::format_secs,
    l1_sender::{self, check_l1_chain},
};

/// Longest pause between two looks at L1 while waiting.
const POLL_MAX_SECS: u64 = 12;

/// Have overdue deposits executed without the sequencer.
///
/// The key only pays for L1 gas; it comes from --user-keystore, or from the environment variable
/// GAINSAY_USER_KEY or GAINSAY_KEY.
#[derive(Clone, Debug, clap::Args)]
pub struct ForceIncludeArgs {
    /// The chain's rollup.json.
    #[arg(long, value_name = "FILE", default_value = "rollup.json")]
    pub rollup: PathBuf,
    /// JSON-RPC endpoint of L1. Several, separated by commas: the first that works is asked.
    #[arg(long, value_name = "URL")]
    pub l1_rpc: String,
    /// Key that pays on L1.
    #[command(flatten)]
    pub key: UserKeyArgs,
    /// Waits until the oldest deposit is overdue, instead of ending with the time that is left.
    #[arg(long)]
    pub wait: bool,
}

/// What can be forced now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forcing {
    /// All deposits are read.
    NothingToForce {
        /// Their number.
        deposits: u64,
    },
    /// The oldest unread deposit is not overdue.
    NotYet {
        /// Its index.
        oldest: u64,
        /// Deposits in the Inbox.
        deposits: u64,
        /// Seconds of L1 time until it is.
        seconds_left: u64,
    },
    /// L1 takes a forced batch now.
    Possible {
        /// Index of the oldest unread deposit.
        oldest: u64,
        /// Seconds of L1 time since it is overdue.
        overdue_secs: u64,
        /// Deposits read after it: as many as one batch may take.
        deposits_read: u64,
    },
}

/// Looks at L1 and says what can be forced.
///
/// # Errors
/// When L1 does not answer.
pub async fn forcing(
    rollup: &RollupConfig,
    inbox: &Inbox,
    client: &L1Client,
) -> anyhow::Result<Forcing> {
    let (oldest, deposits) = (inbox.deposits_read().await?, inbox.deposit_count().await?);
    if oldest >= deposits {
        return Ok(Forcing::NothingToForce { deposits });
    }
    let due = info(inbox, oldest).await?.l1_time.saturating_add(rollup.force_delay_secs);
    let now = client.latest().await?.timestamp;
    // The contract wants the time to be past, not reached.
    if now <= due {
        let seconds_left = due.saturating_sub(now).saturating_add(1);
        return Ok(Forcing::NotYet { oldest, deposits, seconds_left });
    }
    let deposits_read =
        deposits_that_fit(inbox, oldest, deposits, rollup.max_batch_deposit_gas).await?;
    Ok(Forcing::Possible { oldest, overdue_secs: now - due, deposits_read })
}

/// What the Inbox keeps of a deposit.
struct DepositInfo {
    l1_time: u64,
    /// Gas of all deposits up to and including it.
    gas_end: u128,
}

async fn info(inbox: &Inbox, index: u64) -> anyhow::Result<DepositInfo> {
    let info = inbox.contract().depositInfo(index).call().await;
    let info = info.with_context(|| format!("depositInfo({index})"))?;
    Ok(DepositInfo { l1_time: info.l1Time, gas_end: info.gasEnd })
}

/// The most deposits, counted from the first of all, that one batch from `oldest` on may read.
async fn deposits_that_fit(
    inbox: &Inbox,
    oldest: u64,
    deposits: u64,
    gas_max: u64,
) -> anyhow::Result<u64> {
    let gas_before = match oldest.checked_sub(1) {
        Some(before) => info(inbox, before).await?.gas_end,
        None => 0,
    };
    // One always fits: the Inbox takes no deposit above the bound of a batch.
    let (mut fits, mut too_many) = (oldest + 1, deposits + 1);
    while fits + 1 < too_many {
        let middle = fits + (too_many - fits) / 2;
        let gas = info(inbox, middle - 1).await?.gas_end.saturating_sub(gas_before);
        if gas <= u128::from(gas_max) { fits = middle } else { too_many = middle }
    }
    Ok(fits)
}

/// Sends the forced batch and prints what it did.
pub(crate) async fn force(
    inbox: &Inbox,
    sender: &TxSender,
    deposits_read: u64,
) -> anyhow::Result<()> {
    let receipt = inbox.force_include(sender, deposits_read).await?;
    println!("L1 transaction {}", receipt.transaction_hash);
    println!("forced         all deposits below {deposits_read} are part of the chain now");
    Ok(())
}

/// Forces.
///
/// # Errors
/// A key that cannot be used, a deposit that is not overdue (without `--wait`), or a transaction
/// that L1 refused.
pub async fn run(args: ForceIncludeArgs) -> anyhow::Result<()> {
    let rollup = RollupConfig::load(&args.rollup)?;
    let client = L1Client::connect(&args.l1_rpc, None)?;
    check_l1_chain(&rollup, &client).await?;
    let inbox = Inbox::new(&client, rollup.inbox);
    loop {
        match forcing(&rollup, &inbox, &client).await? {
            Forcing::NothingToForce { deposits } => {
                println!("nothing to force: all {deposits} deposits are read");
                return Ok(());
            }
            Forcing::NotYet { oldest, deposits, seconds_left } => {
                let unread = deposits - oldest;
                let left = format_secs(seconds_left);
                if !args.wait {
                    bail!(
                        "not yet: {unread} deposits are unread, the oldest ({oldest}) may be \
                         forced in {left} ({seconds_left} s); --wait waits for it"
                    );
                }
                println!("waiting        {left} until deposit {oldest} is overdue");
                sleep(Duration::from_secs(seconds_left.clamp(1, POLL_MAX_SECS))).await;
            }
            Forcing::Possible { oldest, overdue_secs, deposits_read } => {
                let overdue = format_secs(overdue_secs);
                println!("overdue        deposit {oldest}, for {overdue}");
                let sender = l1_sender::sender(&args.key.source()?, &client).await?;
                return force(&inbox, &sender, deposits_read).await;
            }
        }
    }
}
