//! `gainsay withdraw`: takes ether, or a call, from L2 to L1, the whole way.
//!
//! In: what is to happen on L1, a key with ether on both chains. Out: the withdrawal on L2, a line for
//! each state that it goes through with the time left, and the L1 transaction that pays it. All that
//! it must remember is on L2: it can be killed at any moment and goes on with `--resume`.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use alloy::{
    sol,
    sol_types::{SolCall, SolEvent},
};
use alloy_primitives::{Address, B256, Bytes, U256};
use anyhow::{Context, ensure};
use gainsay_l1::{
    Action, L1Call, L1Client, L1Error, RollupConfig, TxSender, TxSenderConfig, UserKeyArgs,
};
use gainsay_transition::MESSAGE_PASSER;
use tokio::time::sleep;

use super::{
    amount::{format_ether, format_secs, parse_address, parse_amount, parse_data},
    finalizer::{Finalized, Finalizer},
    l1_sender::{self, check_l1_chain},
    l2_rpc::L2Rpc,
};
use crate::withdrawal_status::{WithdrawalStage, WithdrawalStatus};

/// L1 gas of the call, if `--gas-limit` does not say: enough for a wallet that is a contract.
const GAS_LIMIT_DEFAULT: u64 = 100_000;
/// Pause between two looks at a withdrawal.
const POLL: Duration = Duration::from_secs(2);
/// Refusals by L1 in a row, after which nobody else can have been the reason.
const REFUSALS_MAX: u32 = 5;
/// Looks without a change of state after which the time left is shown again.
const LOOKS_PER_LINE: u32 = 30;

sol! {
    /// The predeploy of L2 that records withdrawals.
    interface IL2ToL1MessagePasser {
        event MessagePassed(
            uint256 indexed nonce,
            address indexed sender,
            address indexed target,
            uint256 value,
            uint256 gasLimit,
            bytes data,
            bytes32 withdrawalHash
        );
        function initiateWithdrawal(address target, uint256 gasLimit, bytes data) external payable;
    }
}

/// Take ether from L2 to L1, or go on with a withdrawal that was begun.
///
/// Waits until the withdrawal is paid out on L1, and shows how far it is. It may be stopped at any
/// time: --resume goes on. The key comes from --user-keystore, or from the environment variable
/// GAINSAY_USER_KEY or GAINSAY_KEY.
#[derive(Clone, Debug, clap::Args)]
pub struct WithdrawArgs {
    /// The chain's rollup.json.
    #[arg(long, value_name = "FILE", default_value = "rollup.json")]
    pub rollup: PathBuf,
    /// JSON-RPC endpoint of L1. Several, separated by commas: the first that works is asked.
    #[arg(long, value_name = "URL")]
    pub l1_rpc: String,
    /// JSON-RPC endpoint of L2, a sequencer or a follower.
    #[arg(long, value_name = "URL")]
    pub l2_rpc: String,
    /// Key that withdraws on L2 and pays for gas on both chains.
    #[command(flatten)]
    pub key: UserKeyArgs,
    /// Amount to withdraw: wei, or with a unit such as 0.25eth.
    #[arg(
        long,
        value_name = "AMOUNT",
        value_parser = parse_amount,
        required_unless_present_any = ["resume", "data"]
    )]
    pub amount: Option<U256>,
    /// Recipient on L1. Default: the key's own address.
    #[arg(long, value_name = "ADDRESS", value_parser = parse_address)]
    pub to: Option<Address>,
    /// Data of the call on L1, in hex.
    #[arg(long, value_name = "HEX", value_parser = parse_data)]
    pub data: Option<Bytes>,
    /// L1 gas that the call gets at least.
    #[arg(long, value_name = "GAS", default_value_t = GAS_LIMIT_DEFAULT)]
    pub gas_limit: u64,
    /// Goes on with the withdrawal of this hash; without a hash, with all of this account.
    #[arg(
        long,
        value_name = "HASH",
        num_args = 0..=1,
        conflicts_with_all = ["amount", "to", "data", "initiate_only"]
    )]
    pub resume: Option<Option<B256>>,
    /// Ends when L2 has recorded the withdrawal: a relayer, or --resume later, does the rest.
    #[arg(long)]
    pub initiate_only: bool,
    /// Pays a relayer on L1 this much for finalizing: a second withdrawal, which names the first one.
    #[arg(
        long,
        value_name = "AMOUNT",
        value_parser = parse_amount,
        requires = "relayer",
        requires = "initiate_only"
    )]
    pub relay_fee: Option<U256>,
    /// The relayer's address on L1.
    #[arg(long, value_name = "ADDRESS", value_parser = parse_address, requires = "relay_fee")]
    pub relayer: Option<Address>,
}

/// Withdraws.
///
/// # Errors
/// A key, a URL or a value that cannot be used, another chain, a call that L2 or L1 refused, or a call
/// that fails on L1. The withdrawal is not lost by any of them.
pub async fn run(args: WithdrawArgs) -> anyhow::Result<()> {
    let rollup = RollupConfig::load(&args.rollup)?;
    let client = L1Client::connect(&args.l1_rpc, None)?;
    check_l1_chain(&rollup, &client).await?;
    let l2 = L2Rpc::connect(&args.l2_rpc)?;
    l2.check_chain(rollup.chain.chain_id).await?;
    let key = args.key.source()?;
    let hashes = match args.resume {
        Some(Some(hash)) => vec![hash],
        Some(None) => open_withdrawals(&l2, key.load()?.address()).await?,
        None => {
            let l2_client = L1Client::connect(&args.l2_rpc, None)?;
            let sender = TxSender::new(l2_client, key.load()?, TxSenderConfig::default()).await?;
            vec![initiate(&sender, &args).await?]
        }
    };
    if args.initiate_only || hashes.is_empty() {
        return Ok(());
    }
    let finalizer = Finalizer::new(&rollup, l1_sender::sender(&key, &client).await?);
    follow(&l2, &finalizer, hashes).await
}

/// Records the withdrawal on L2, and that of the relayer's fee. Its hash.
async fn initiate(sender: &TxSender, args: &WithdrawArgs) -> anyhow::Result<B256> {
    let target = args.to.unwrap_or(sender.address());
    let value = args.amount.unwrap_or_default();
    println!("withdrawing    {} from {} to {target}", format_ether(value), sender.address());
    let data = args.data.clone().unwrap_or_default();
    let hash = pass_message(sender, target, value, args.gas_limit, data).await?;
    println!("withdrawal     {hash}");
    if let (Some(fee), Some(relayer)) = (args.relay_fee, args.relayer) {
        let named = Bytes::copy_from_slice(hash.as_slice());
        let fee_hash = pass_message(sender, relayer, fee, GAS_LIMIT_DEFAULT, named).await?;
        println!("relayer\'s fee  {} to {relayer}, withdrawal {fee_hash}", format_ether(fee));
    }
    Ok(hash)
}

async fn pass_message(
    sender: &TxSender,
    target: Address,
    value: U256,
    gas_limit: u64,
    data: Bytes,
) -> anyhow::Result<B256> {
    let gas_limit = U256::from(gas_limit);
    let call = IL2ToL1MessagePasser::initiateWithdrawalCall { target, gasLimit: gas_limit, data };
    let call = L1Call::new(MESSAGE_PASSER, call.abi_encode()).with_value(value);
    let receipt = sender.send(call).await.context("on L2")?;
    println!("L2 transaction {}", receipt.transaction_hash);
    let logs = receipt.logs().iter().filter(|log| log.address() == MESSAGE_PASSER);
    let event = logs
        .filter_map(|log| IL2ToL1MessagePasser::MessagePassed::decode_log(&log.inner).ok())
        .next();
    let event =
        event.with_context(|| format!("{} recorded no withdrawal", receipt.transaction_hash))?;
    Ok(event.withdrawalHash)
}

/// The withdrawals of an account that are not finalized: those that it sent, signed or receives.
async fn open_withdrawals(l2: &L2Rpc, account: Address) -> anyhow::Result<Vec<B256>> {
    let mut open = Vec::new();
    let mut from = U256::ZERO;
    loop {
        let page = l2.withdrawals(Some(account), from).await?;
        let is_open = |it: &&WithdrawalStatus| it.status != WithdrawalStage::Finalized;
        open.extend(page.withdrawals.iter().filter(is_open).map(|it| it.hash));
        match page.next {
            Some(next) => from = next,
            None => break,
        }
    }
    println!("open           {} withdrawals of {account}", open.len());
    Ok(open)
}

/// Shows what happens to withdrawals, and pays them out when it is time, until all are.
async fn follow(l2: &L2Rpc, finalizer: &Finalizer, hashes: Vec<B256>) -> anyhow::Result<()> {
    let mut shown: BTreeMap<B256, Shown> = BTreeMap::new();
    let mut open = hashes;
    let mut failing: Vec<B256> = Vec::new();
    let mut refusals = 0;
    while !open.is_empty() {
        let mut ready = Vec::new();
        for hash in std::mem::take(&mut open) {
            let status = match l2.withdrawal(hash).await {
                Ok(found) => found.with_context(|| {
                    format!("{hash} is no withdrawal that the node at --l2-rpc knows")
                })?,
                // A node that restarts is asked again; what is open stays so.
                Err(error) => {
                    println!("{hash}  {error:#}; asking again");
                    open.push(hash);
                    continue;
                }
            };
            shown.entry(hash).or_default().show(&status);
            match (status.status, &status.proof) {
                (WithdrawalStage::Finalized, _) => {}
                (_, Some(_)) => ready.push(status),
                _ => open.push(hash),
            }
        }
        let tried = match finalizer.finalize(&ready).await {
            Ok(outcomes) => {
                refusals = 0;
                outcomes
            }
            Err(error) => {
                refusals += 1;
                check_passing(&error, refusals)?;
                println!("L1 has not taken it yet: {error:#}; trying again");
                BTreeMap::new()
            }
        };
        for it in &ready {
            match tried.get(&it.hash) {
                Some(Finalized::Paid(transaction)) => {
                    println!("{}  finalized, L1 transaction {transaction}", it.hash);
                }
                Some(Finalized::CallFails) => failing.push(it.hash),
                None => open.push(it.hash),
            }
        }
        if !open.is_empty() {
            sleep(POLL).await;
        }
    }
    ensure!(
        failing.is_empty(),
        "the call on L1 fails of {failing:?}: nothing is lost, try again with --resume when the \
         recipient takes it"
    );
    Ok(())
}

/// Stops at an error that does not pass: L1 out of reach does, and what L1 refuses because somebody else
/// was faster, too.
fn check_passing(error: &anyhow::Error, refusals: u32) -> anyhow::Result<()> {
    let action = error.downcast_ref::<L1Error>().map(L1Error::action);
    let passes = match action {
        Some(Action::Retry) => true,
        Some(Action::Reconsider) => refusals < REFUSALS_MAX,
        _ => false,
    };
    ensure!(passes, "cannot finalize: {error:#}");
    Ok(())
}

/// What was said of a withdrawal last.
#[derive(Debug, Default)]
struct Shown {
    stage: Option<WithdrawalStage>,
    looks: u32,
}

impl Shown {
    /// Prints its state when that is new, and the time left from time to time.
    fn show(&mut self, status: &WithdrawalStatus) {
        if self.stage == Some(status.status) && self.looks < LOOKS_PER_LINE {
            self.looks += 1;
            return;
        }
        (self.stage, self.looks) = (Some(status.status), 0);
        println!("{}  {}", status.hash, line(status));
    }
}

fn line(status: &WithdrawalStatus) -> String {
    let left = status.seconds_left.map(format_secs).unwrap_or_default();
    let block = status.l2_block.number;
    let assertion = status.assertion.map(|id| id.to_string()).unwrap_or_default();
    match status.status {
        WithdrawalStage::Initiated => {
            format!("initiated in L2 block {block}, no assertion yet: at least {left} left")
        }
        WithdrawalStage::InAssertion if status.seconds_left == Some(0) => {
            format!("in assertion {assertion}, whose time is over")
        }
        WithdrawalStage::InAssertion => {
            format!("in assertion {assertion}: {left} left unless it is challenged")
        }
        WithdrawalStage::Disputed => {
            format!("in assertion {assertion}, which is disputed: the dispute decides how long")
        }
        WithdrawalStage::Confirmed => "confirmed: it can be finalized".to_owned(),
        WithdrawalStage::Proven => "proven: it can be finalized".to_owned(),
        WithdrawalStage::Finalized => match status.finalized_in {
            Some(l1_block) => format!("finalized in L1 block {l1_block}"),
            None => "finalized".to_owned(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::finalizer::tests::withdrawal;

    #[test]
    fn every_state_is_shown_with_the_time_left() {
        let at = |status, seconds_left| {
            line(&WithdrawalStatus { status, seconds_left, ..withdrawal(1, 0) })
        };
        let text = at(WithdrawalStage::Initiated, Some(3_660));
        assert!(text.ends_with("at least 1 h 1 min left"), "{text}");
        let text = at(WithdrawalStage::InAssertion, Some(60));
        assert!(text.ends_with("1 min left unless it is challenged"), "{text}");
        assert!(at(WithdrawalStage::InAssertion, Some(0)).contains("time is over"));
        assert!(at(WithdrawalStage::Disputed, None).contains("the dispute decides"));
        assert!(at(WithdrawalStage::Confirmed, Some(0)).contains("can be finalized"));
    }
}
