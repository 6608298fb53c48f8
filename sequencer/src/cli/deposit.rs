//! `gainsay deposit`: sends a transaction to L2 through the Portal on L1.
//!
//! In: what is to happen on L2, a key with ether on L1. Out: the L1 transaction, the deposit's
//! index, the hash that it will have on L2, and, with an L2 endpoint, what became of it there.
//! The L2 hash is known at once, because it follows from what the Inbox recorded.

use std::{path::PathBuf, time::Duration};

use alloy::{rpc::types::TransactionReceipt, sol_types::SolEvent};
use alloy_primitives::{Address, B256, Bytes, U256};
use anyhow::{Context, bail};
use gainsay_derivation::Deposit;
use gainsay_l1::{
    Inbox, L1Client, Portal, RollupConfig, TxSender, UserKeyArgs,
    bindings::{IInbox::DepositEnqueued, IPortal::depositTransactionCall},
};
use gainsay_transition::RecoveredTx;
use tokio::time::{Instant, sleep};

use super::{
    amount::{format_ether, format_secs, parse_address, parse_amount, parse_data, parse_ether},
    force_include::{Forcing, force, forcing},
    l1_sender::{self, check_l1_chain},
    l2_rpc::L2Rpc,
};

/// L2 gas of a plain transfer, and of anything else when no `--gas-limit` is given.
const TRANSFER_GAS: u64 = 21_000;
const CALL_GAS: u64 = 300_000;

/// Pause between two looks at a chain.
const POLL: Duration = Duration::from_millis(500);

/// Send a message or ether from L1 to L2.
///
/// Without --to the ether goes to the key's own address on L2. The key comes from --user-keystore,
/// or from the environment variable GAINSAY_USER_KEY or GAINSAY_KEY.
#[derive(Clone, Debug, clap::Args)]
pub struct DepositArgs {
    /// The chain's rollup.json.
    #[arg(long, value_name = "FILE", default_value = "rollup.json")]
    pub rollup: PathBuf,
    /// JSON-RPC endpoint of L1. Several, separated by commas: the first that works is asked.
    #[arg(long, value_name = "URL")]
    pub l1_rpc: String,
    /// JSON-RPC endpoint of L2: wait until the deposit is executed there.
    #[arg(long, value_name = "URL")]
    pub l2_rpc: Option<String>,
    /// Key that pays on L1 and acts on L2.
    #[command(flatten)]
    pub key: UserKeyArgs,
    /// Recipient on L2. Default: the key's own address.
    #[arg(long, value_name = "ADDRESS", value_parser = parse_address, conflicts_with = "create")]
    pub to: Option<Address>,
    /// Ether to send, such as 0.25.
    #[arg(long, value_name = "ETH", value_parser = parse_ether, conflicts_with = "value_wei")]
    pub value_eth: Option<U256>,
    /// Wei to send, or an amount with a unit.
    #[arg(long, value_name = "AMOUNT", value_parser = parse_amount)]
    pub value_wei: Option<U256>,
    /// Takes the value from the key's balance on L2 instead of depositing it from L1.
    #[arg(long)]
    pub from_l2_balance: bool,
    /// Call data, in hex.
    #[arg(long, value_name = "HEX", value_parser = parse_data, default_value = "0x")]
    pub data: Bytes,
    /// Deploys a contract on L2, whose init code is --data.
    #[arg(long, requires = "data")]
    pub create: bool,
    /// L2 gas, paid for on L1. Default: 21000 for a transfer, 300000 with data.
    #[arg(long, value_name = "GAS")]
    pub gas_limit: Option<u64>,
    /// Forces the deposit into the chain if the sequencer has not read it when the chain's force
    /// delay is over. Waits as long as that takes.
    #[arg(long)]
    pub force: bool,
    /// Seconds to wait for L2.
    #[arg(long, value_name = "SECS", default_value_t = 600)]
    pub timeout_secs: u64,
}

/// Deposits.
///
/// # Errors
/// A key, a URL or a value that cannot be used, the wrong L1, a transaction that L1 refused, or a
/// deposit that L2 did not execute in time.
pub async fn run(args: DepositArgs) -> anyhow::Result<()> {
    let rollup = RollupConfig::load(&args.rollup)?;
    let client = L1Client::connect(&args.l1_rpc, None)?;
    check_l1_chain(&rollup, &client).await?;
    let l2 = args.l2_rpc.as_deref().map(L2Rpc::connect).transpose()?;
    if let Some(l2) = &l2 {
        l2.check_chain(rollup.chain.chain_id).await?;
    }
    let sender = l1_sender::sender(&args.key.source()?, &client).await?;
    let inbox = Inbox::new(&client, rollup.inbox);
    let call = call(&args, sender.address())?;
    let mint = if args.from_l2_balance { U256::ZERO } else { call.value };
    println!(
        "depositing     {} from {} to {}",
        format_ether(call.value),
        sender.address(),
        if call.isCreation { "a new contract".to_owned() } else { call.to.to_string() }
    );
    let portal = Portal::new(&client, rollup.bridge.portal);
    let receipt = portal.deposit_transaction(&sender, call, mint).await?;
    let deposit = deposit_of(&receipt, rollup.inbox)?;
    let hash = RecoveredTx::from_deposit(deposit.to_transaction()).hash;
    println!("L1 transaction {}", receipt.transaction_hash);
    println!("deposit        {} in L1 block {}", deposit.index, deposit.l1_block);
    println!("L2 transaction {hash}");
    if args.force {
        wait_and_force(&rollup, &inbox, &sender, deposit.index.get()).await?;
    }
    match l2 {
        Some(l2) => wait_for_l2(&l2, hash, Duration::from_secs(args.timeout_secs)).await,
        None => Ok(()),
    }
}

fn call(args: &DepositArgs, own: Address) -> anyhow::Result<depositTransactionCall> {
    let value = args.value_eth.or(args.value_wei).unwrap_or_default();
    if value.is_zero() && args.data.is_empty() && args.to.is_none() {
        bail!("nothing to do: give --value-eth, --value-wei or --data");
    }
    if args.create && args.data.is_empty() {
        bail!("--create needs the contract's init code in --data");
    }
    let plain = args.data.is_empty() && !args.create;
    Ok(depositTransactionCall {
        to: if args.create { Address::ZERO } else { args.to.unwrap_or(own) },
        value,
        gasLimit: args.gas_limit.unwrap_or(if plain { TRANSFER_GAS } else { CALL_GAS }),
        isCreation: args.create,
        data: args.data.clone(),
    })
}

/// The deposit as the Inbox recorded it in the transaction's logs.
fn deposit_of(receipt: &TransactionReceipt, inbox: Address) -> anyhow::Result<Deposit> {
    let logs = receipt.logs().iter().filter(|log| log.address() == inbox);
    let event = logs
        .filter_map(|log| DepositEnqueued::decode_log(&log.inner).ok())
        .next()
        .with_context(|| format!("{} recorded no deposit", receipt.transaction_hash))?;
    Ok(Deposit::try_from(event.data)?)
}

/// Waits until a batch has read the deposit, and forces it when it is overdue.
async fn wait_and_force(
    rollup: &RollupConfig,
    inbox: &Inbox,
    sender: &TxSender,
    index: u64,
) -> anyhow::Result<()> {
    println!(
        "waiting        for the sequencer to read it, or for {} to force it",
        format_secs(rollup.force_delay_secs)
    );
    loop {
        match forcing(rollup, inbox, sender.client()).await? {
            Forcing::NothingToForce { deposits } if deposits > index => break,
            Forcing::Possible { oldest, .. } if oldest > index => break,
            Forcing::NotYet { oldest, .. } if oldest > index => break,
            Forcing::Possible { deposits_read, .. } => {
                force(inbox, sender, deposits_read).await?;
            }
            Forcing::NotYet { .. } | Forcing::NothingToForce { .. } => sleep(POLL * 4).await,
        }
    }
    println!("read           deposit {index} is in a batch on L1");
    Ok(())
}

async fn wait_for_l2(l2: &L2Rpc, hash: B256, limit: Duration) -> anyhow::Result<()> {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(outcome) = l2.outcome(hash).await? {
            let block = outcome.block_number;
            if !outcome.success {
                bail!(
                    "failed on L2, in block {block}; what was deposited is in the sender's account"
                );
            }
            println!("executed       in L2 block {block}, {} gas", outcome.gas_used);
            if let Some(contract) = outcome.contract_address {
                println!("contract       {contract}");
            }
            return Ok(());
        }
        if Instant::now() >= deadline {
            bail!(
                "not on L2 after {}: `gainsay status` shows how far deposits are read, \
                 `gainsay force-include` forces overdue ones",
                format_secs(limit.as_secs())
            );
        }
        sleep(POLL).await;
    }
}
