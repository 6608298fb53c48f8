//! `gainsay relay`: finalizes withdrawals of other people, once or for ever.
//!
//! In: the withdrawals that a node lists, a key with ether on L1. Out: L1 transactions, each of which
//! pays many withdrawals. It remembers nothing between two runs: the node knows what is open.
//!
//! A withdrawal pays its relayer by a second one: `target` is the relayer, `data` is the hash of the
//! first, `value` is the fee. With `--fee-min` the relayer takes those alone that pay it enough, and
//! finalizes both together.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    time::Duration,
};

use alloy_primitives::{Address, B256, U256};
use gainsay_l1::{L1Client, RelayerKeyArgs, RollupConfig};
use tokio::time::sleep;

use super::{
    amount::parse_amount,
    finalizer::{Finalized, Finalizer},
    l1_sender::{self, check_l1_chain},
    l2_rpc::L2Rpc,
};
use crate::withdrawal_status::{WithdrawalStage, WithdrawalStatus};

/// Withdrawals that one round asks for at most.
const ROUND_MAX: usize = 256;

/// Finalize withdrawals of other people.
///
/// The key comes from --relayer-keystore, or from the environment variable GAINSAY_RELAYER_KEY.
#[derive(Clone, Debug, clap::Args)]
pub struct RelayArgs {
    /// The chain's rollup.json.
    #[arg(long, value_name = "FILE", default_value = "rollup.json")]
    pub rollup: PathBuf,
    /// JSON-RPC endpoint of L1. Several, separated by commas: the first that works is asked.
    #[arg(long, value_name = "URL")]
    pub l1_rpc: String,
    /// JSON-RPC endpoint of L2, a sequencer or a follower.
    #[arg(long, value_name = "URL")]
    pub l2_rpc: String,
    /// Key that pays for gas on L1, and whose address fees go to.
    #[command(flatten)]
    pub key: RelayerKeyArgs,
    /// Least fee of a withdrawal: wei, or with a unit. Without it all are finalized.
    #[arg(long, value_name = "AMOUNT", value_parser = parse_amount, default_value = "0")]
    pub fee_min: U256,
    /// Ends when nothing is left that can be finalized now.
    #[arg(long)]
    pub once: bool,
    /// Seconds between rounds.
    #[arg(long, value_name = "SECS", default_value_t = 12)]
    pub poll_secs: u64,
}

/// Relays.
///
/// # Errors
/// A key or a URL that cannot be used, another chain; with `--once` also what L1 or L2 refused.
pub async fn run(args: RelayArgs) -> anyhow::Result<()> {
    let rollup = RollupConfig::load(&args.rollup)?;
    let client = L1Client::connect(&args.l1_rpc, None)?;
    check_l1_chain(&rollup, &client).await?;
    let l2 = L2Rpc::connect(&args.l2_rpc)?;
    l2.check_chain(rollup.chain.chain_id).await?;
    let sender = l1_sender::sender(&args.key.source()?, &client).await?;
    let mut desk = Desk::new(sender.address(), args.fee_min);
    let finalizer = Finalizer::new(&rollup, sender);
    loop {
        match round(&l2, &finalizer, &mut desk).await {
            Ok(0) if args.once => return Ok(()),
            Ok(0) => sleep(Duration::from_secs(args.poll_secs)).await,
            Ok(_) => {}
            Err(error) if args.once => return Err(error),
            Err(error) => {
                tracing::warn!("this round failed, the next one tries again: {error:#}");
                sleep(Duration::from_secs(args.poll_secs)).await;
            }
        }
    }
}

/// Learns what is new and finalizes what is ready. How many withdrawals were paid.
async fn round(l2: &L2Rpc, finalizer: &Finalizer, desk: &mut Desk) -> anyhow::Result<usize> {
    let mut from = Some(desk.next);
    while let Some(nonce) = from {
        let page = l2.withdrawals(None, nonce).await?;
        desk.learn(&page.withdrawals);
        from = page.next;
    }
    let mut ready = Vec::new();
    for hash in desk.accepted() {
        // One that a reorg of L2 took away is gone.
        let Some(status) = l2.withdrawal(hash).await? else {
            desk.forget(hash);
            continue;
        };
        if status.status == WithdrawalStage::Finalized {
            desk.forget(hash);
        } else if status.proof.is_some() {
            ready.push(status);
        } else {
            // Later withdrawals are in later blocks.
            break;
        }
        if ready.len() == ROUND_MAX {
            break;
        }
    }
    let mut paid = 0;
    for (hash, outcome) in finalizer.finalize(&ready).await? {
        desk.forget(hash);
        match outcome {
            Finalized::Paid(transaction) => {
                tracing::info!(withdrawal = %hash, l1_transaction = %transaction, "finalized");
                paid += 1;
            }
            Finalized::CallFails => {
                tracing::warn!(withdrawal = %hash, "its call fails: left alone")
            }
        }
    }
    Ok(paid)
}

/// The withdrawals that are open, and which of them are worth it.
#[derive(Debug)]
struct Desk {
    relayer: Address,
    fee_min: U256,
    /// Nonce of the first withdrawal that is not known yet, or that no assertion covers: a reorg of L2
    /// may put another one in its place.
    next: U256,
    /// Open ones by nonce, which is their order on L2.
    open: BTreeMap<U256, B256>,
    /// Those that pay enough: the hash of the one that is paid for, and of the one that pays.
    paid_for: BTreeSet<B256>,
}

impl Desk {
    fn new(relayer: Address, fee_min: U256) -> Self {
        let (open, paid_for) = (BTreeMap::new(), BTreeSet::new());
        Self { relayer, fee_min, next: U256::ZERO, open, paid_for }
    }

    /// Takes in withdrawals in the order of their nonces.
    fn learn(&mut self, page: &[WithdrawalStatus]) {
        for it in page {
            if it.status != WithdrawalStage::Initiated {
                self.next = self.next.max(it.nonce.saturating_add(U256::ONE));
            }
            if it.status == WithdrawalStage::Finalized {
                continue;
            }
            self.open.insert(it.nonce, it.hash);
            let named = B256::try_from(it.data.as_ref()).ok();
            if let Some(named) = named
                && it.target == self.relayer
                && it.value >= self.fee_min
            {
                self.paid_for.extend([named, it.hash]);
            }
        }
    }

    /// Those to finalize, in order.
    fn accepted(&self) -> Vec<B256> {
        let is_worth = |hash: &&B256| self.fee_min.is_zero() || self.paid_for.contains(*hash);
        self.open.values().filter(is_worth).copied().collect()
    }

    fn forget(&mut self, hash: B256) {
        self.open.retain(|_, open| *open != hash);
        self.paid_for.remove(&hash);
    }
}

#[cfg(test)]
mod tests {
    use alloy_primitives::Bytes;

    use super::*;
    use crate::cli::finalizer::tests::withdrawal;

    #[test]
    fn with_a_least_fee_only_those_are_taken_that_pay_it() {
        let relayer = Address::repeat_byte(7);
        let fee = |nonce, named: u64, value: u64, target| WithdrawalStatus {
            target,
            value: U256::from(value),
            data: Bytes::copy_from_slice(B256::from(U256::from(named)).as_slice()),
            ..withdrawal(nonce, 0)
        };
        let done = WithdrawalStatus { status: WithdrawalStage::Finalized, ..withdrawal(5, 0) };
        let page = [
            withdrawal(1, 0),
            withdrawal(2, 0),
            withdrawal(3, 0),
            fee(4, 1, 10, relayer),
            done,
            fee(6, 2, 9, relayer),
            fee(7, 3, 10, Address::repeat_byte(8)),
        ];
        let hashes = |nonces: &[u64]| -> Vec<B256> {
            nonces.iter().map(|nonce| B256::from(U256::from(*nonce))).collect()
        };
        let mut desk = Desk::new(relayer, U256::from(10));
        desk.learn(&page);
        assert_eq!((desk.accepted(), desk.next), (hashes(&[1, 4]), U256::from(8)));
        desk.forget(page[0].hash);
        assert_eq!(desk.accepted(), hashes(&[4]));
        let mut all = Desk::new(relayer, U256::ZERO);
        all.learn(&page);
        assert_eq!(all.accepted(), hashes(&[1, 2, 3, 4, 6, 7]));
    }
}
