//! `gainsay deploy`: puts a new chain's contracts on L1 and writes its `rollup.json`.
//!
//! In: an L1 endpoint, a key, forge's artifacts, the genesis manifest, parameters. Out: the
//! contracts, and the file by which any node follows the chain. What is chosen here cannot be
//! changed later: there are no proxies and no owner.

use std::{collections::BTreeMap, path::PathBuf};

use alloy_primitives::{Address, B256, U256};
use anyhow::{Context, bail, ensure};
use gainsay_derivation::{ChainConfig, FEE_REPORT_GAS};
use gainsay_l1::{
    AssertionParams, BridgeContracts, DeployParams, DeployPlan, DeployerKeyArgs, Genesis,
    InboxParams, L1BlockRef, L1Client, L1Fees, MAX_BLOCKS_PER_SEC, RollupConfig, deploy, stake_min,
};

use super::{
    amount::{Funding, format_ether, format_secs, parse_address, parse_amount},
    l1_sender,
    l2_genesis::{GenesisSources, build_alloc, genesis_block},
};

/// L1 chains where ether is worth money, and where devnet parameters would be a mistake.
const MAINNETS: [(u64, &str); 6] = [
    (1, "Ethereum"),
    (10, "OP Mainnet"),
    (100, "Gnosis"),
    (137, "Polygon"),
    (8_453, "Base"),
    (42_161, "Arbitrum One"),
];

const DAY_SECS: u64 = 86_400;

/// Deploy the contracts of a new chain to L1 and write its rollup.json.
///
/// The key comes from --deployer-keystore, or from the environment variable GAINSAY_DEPLOYER_KEY.
#[derive(Clone, Debug, clap::Args)]
pub struct DeployArgs {
    /// JSON-RPC endpoint of L1. Several, separated by commas: the first that works is asked.
    #[arg(long, value_name = "URL")]
    pub l1_rpc: String,
    /// Folder with the contracts as forge built them.
    #[arg(long, value_name = "DIR", default_value = "contracts/out")]
    pub artifacts: PathBuf,
    /// Folder with predeploys.json and preinstalls.json.
    #[arg(long, value_name = "DIR", default_value = "contracts/genesis")]
    pub genesis_manifest: PathBuf,
    /// File to write; it must not exist yet.
    #[arg(long, value_name = "FILE", default_value = "rollup.json")]
    pub out: PathBuf,
    /// Key that deploys.
    #[command(flatten)]
    pub key: DeployerKeyArgs,

    /// Chain id of L2 (EIP-155). Must differ from the id of every chain that users also use.
    #[arg(long, value_name = "ID", default_value_t = 42_069)]
    pub chain_id: u64,
    /// Only account that may post batches. Default: the deployer.
    #[arg(long, value_name = "ADDRESS", value_parser = parse_address)]
    pub sequencer_address: Option<Address>,
    /// Receives the fees that the vaults collect, on L1. Default: the sequencer.
    #[arg(long, value_name = "ADDRESS", value_parser = parse_address)]
    pub fee_recipient: Option<Address>,
    /// Gives an account a balance in block 0, such as 0x..=10eth; may be repeated. This ether is
    /// backed by nothing on L1: for development chains.
    #[arg(long, value_name = "ADDRESS=AMOUNT")]
    pub fund: Vec<Funding>,

    /// Gas of one L2 block. Bounds the work of proving one block, so more is not always better.
    #[arg(long, value_name = "GAS", default_value_t = 30_000_000)]
    pub block_gas_limit: u64,
    /// EIP-1559: by how little the base fee can change from block to block (1/N).
    #[arg(long, value_name = "N", default_value_t = 250, value_parser = clap::value_parser!(u64).range(1..))]
    pub base_fee_change_denominator: u64,
    /// EIP-1559: the gas target of a block is its limit divided by this.
    #[arg(long, value_name = "N", default_value_t = 6, value_parser = clap::value_parser!(u64).range(1..))]
    pub elasticity: u64,
    /// Lowest base fee, which also is the first one.
    #[arg(long, value_name = "AMOUNT", default_value = "1000000", value_parser = parse_gas_price)]
    pub min_base_fee: u64,
    /// Seconds by which a block may be older than its batch on L1. A sequencer that posts later
    /// than this gives its blocks other timestamps than it promised.
    #[arg(long, value_name = "SECS", default_value_t = DAY_SECS / 2)]
    pub sequencer_window_secs: u64,
    /// Seconds by which a block may be ahead of its batch on L1.
    #[arg(long, value_name = "SECS", default_value_t = 600)]
    pub sequencer_drift_secs: u64,
    /// Most blocks that the chain admits for each second, so that a thief of the sequencer's key
    /// cannot post faster than claims follow. Default: two thirds of what claims carry, at most 10.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=MAX_BLOCKS_PER_SEC))]
    pub max_blocks_per_sec: Option<u64>,

    /// Seconds after which anyone may force a deposit that the sequencer passed over.
    #[arg(long, value_name = "SECS", default_value_t = DAY_SECS / 2)]
    pub force_delay_secs: u64,
    /// Most L2 gas of the deposits in one batch. Default: two thirds of a block.
    #[arg(long, value_name = "GAS")]
    pub max_batch_deposit_gas: Option<u64>,
    /// Most L2 gas of the deposits that one L1 block takes. Default: a third of a block.
    #[arg(long, value_name = "GAS")]
    pub max_deposit_gas_per_block: Option<u64>,

    /// Seconds that a claim must stand unchallenged before withdrawals rely on it.
    #[arg(long, value_name = "SECS", default_value_t = 7 * DAY_SECS)]
    pub challenge_period_secs: u64,
    /// Seconds between a claim and the next one.
    #[arg(long, value_name = "SECS", default_value_t = 3_600)]
    pub min_interval_secs: u64,
    /// log2 of the most blocks that one claim covers.
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u8).range(1..=32))]
    pub blocks_height: u8,
    /// Stake of a claim, in wei or with a unit. Lost if the claim is proven wrong. More, if half of
    /// it does not pay all answers to a wrong claim at the reference gas price.
    #[arg(long, value_name = "AMOUNT", default_value = "1eth", value_parser = parse_amount)]
    pub stake_wei: U256,
    /// Gas price of L1 at which the stakes of losers pay all moves against them, for ever.
    #[arg(long, value_name = "AMOUNT", default_value = "50gwei", value_parser = parse_gas_price)]
    pub reference_gas_price: u64,
    /// Hash of the program that disputes run; prover/program/program-hash.txt has this version's.
    #[arg(long, value_name = "HASH", value_parser = parse_program_hash)]
    pub program_hash: B256,
    /// Version of the machine that runs the program.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub vm_version: u64,
}

/// log2 of the machine states of a span dispute and of a step dispute; fixed by the machine.
const SPANS_HEIGHT: u8 = 16;
const STEPS_HEIGHT: u8 = 20;
/// Blocks a second that a chain admits by default: one each 100 ms.
const BLOCKS_PER_SEC: u64 = 10;

fn parse_gas_price(text: &str) -> Result<u64, String> {
    let wei = parse_amount(text).map_err(|error| error.to_string())?;
    u64::try_from(wei).map_err(|_| format!("found {wei} wei, expected at most {}", u64::MAX))
}

/// Reads a program hash. Refuses zero: without a program no lie could be disproved.
fn parse_program_hash(text: &str) -> Result<B256, String> {
    match text.trim().parse() {
        Ok(B256::ZERO) => Err("it is zero, which is no program's hash; expected the hash in \
                               prover/program/program-hash.txt"
            .to_owned()),
        Ok(hash) => Ok(hash),
        Err(error) => Err(format!("{error}; expected 32 bytes in hex")),
    }
}

/// Deploys.
///
/// # Errors
/// Before anything is sent: a key, an artifact or a parameter that cannot be used, or an output
/// file that exists. Afterwards: a transaction that L1 refused, or contracts that are not as
/// deployed.
pub async fn run(args: DeployArgs) -> anyhow::Result<()> {
    let out = args.out.display();
    ensure!(
        !args.out.exists(),
        "{out} exists: it is the only way to its chain, choose another --out"
    );
    let client = L1Client::connect(&args.l1_rpc, None)?;
    let l1_chain_id = client.chain_id().await.context("L1 does not answer")?;
    ensure!(
        args.chain_id != l1_chain_id,
        "--chain-id {} is the chain id of L1: transactions could be replayed",
        args.chain_id
    );
    for warning in warnings(&args, l1_chain_id) {
        eprintln!("warning: {warning}");
    }
    let sender = l1_sender::sender(&args.key.source()?, &client).await?;
    let sequencer = args.sequencer_address.unwrap_or(sender.address());
    let inbox = inbox_params(&args, sequencer)?;
    let plan = DeployPlan::next(&sender).await?;
    let l1_block = client.latest().await?;
    let l1_fees = client.fees_with_blobs().await?;
    let chain = chain_config(&args)?;
    let genesis = Genesis {
        timestamp: l1_block.timestamp,
        alloc: build_alloc(&GenesisSources {
            manifest: &args.genesis_manifest,
            artifacts: &args.artifacts,
            chain_id: args.chain_id,
            parameters: parameters(
                &args,
                l1_chain_id,
                &l1_block,
                &l1_fees,
                sequencer,
                &plan.bridge(),
            ),
            funds: &args.fund,
        })?,
    };
    let block = genesis_block(&chain, &genesis)?;
    let assertions = assertion_params(&args);
    println!("genesis        {} (output root {})", block.hash, block.output_root);
    println!("deployer       {} on L1 chain {l1_chain_id}", sender.address());
    let params = DeployParams {
        inbox,
        assertions,
        reference_gas_price_wei: args.reference_gas_price,
        config_hash: chain.hash(),
        genesis_output_root: block.output_root,
    };
    let deployment = deploy(&sender, &args.artifacts, &params, &plan).await?;
    let rollup = RollupConfig {
        l1_chain_id,
        l1_start: deployment.l1_start,
        inbox: deployment.inbox,
        assertion_chain: deployment.assertion_chain,
        bridge: deployment.bridge,
        sequencer,
        force_delay_secs: inbox.force_delay_secs,
        max_batch_deposit_gas: inbox.max_batch_deposit_gas,
        max_deposit_gas_per_block: inbox.max_deposit_gas_per_block,
        chain,
        assertions,
        genesis,
        genesis_hash: block.hash,
    };
    rollup.save(&args.out)?;
    print_summary(&args, &rollup);
    // The file is there; now be sure that it says what L1 has.
    rollup.check_l1(&client).await.context("the contracts on L1 differ from what was deployed")?;
    Ok(())
}

fn print_summary(args: &DeployArgs, rollup: &RollupConfig) {
    println!("Inbox          {}", rollup.inbox);
    println!("AssertionChain {}", rollup.assertion_chain);
    println!("Portal         {}", rollup.bridge.portal);
    println!("ConfirmedGames {}", rollup.bridge.confirmed_games);
    println!("messenger      {}", rollup.bridge.cross_domain_messenger);
    println!("bridge         {}", rollup.bridge.standard_bridge);
    println!("sequencer      {}", rollup.sequencer);
    println!(
        "L2 chain id    {}, {} genesis accounts",
        rollup.chain.chain_id,
        rollup.genesis.alloc.len()
    );
    println!(
        "bounds         force {}, challenge {}, stake {}, blocks a second {}",
        format_secs(rollup.force_delay_secs),
        format_secs(rollup.assertions.challenge_period_secs),
        format_ether(rollup.assertions.stake_wei),
        rollup.chain.max_blocks_per_sec
    );
    println!("wrote          {}", args.out.display());
}

/// Blocks a second that the chain may admit: two thirds of what assertions carry, but at least one.
fn blocks_per_sec_bound(args: &DeployArgs) -> u64 {
    let seconds = args.min_interval_secs.saturating_mul(3);
    (2_u64 << args.blocks_height).checked_div(seconds).unwrap_or(u64::MAX).max(1)
}

fn chain_config(args: &DeployArgs) -> anyhow::Result<ChainConfig> {
    let bound = blocks_per_sec_bound(args);
    let max_blocks_per_sec = args.max_blocks_per_sec.unwrap_or(bound.min(BLOCKS_PER_SEC));
    ensure!(
        max_blocks_per_sec <= bound,
        "--max-blocks-per-sec is {max_blocks_per_sec}, expected at most {bound}: claims of 2^{} \
         blocks every {} s must keep up with whoever holds the sequencer's key",
        args.blocks_height,
        args.min_interval_secs,
    );
    Ok(ChainConfig {
        chain_id: args.chain_id,
        block_gas_limit: args.block_gas_limit,
        base_fee_change_denominator: args.base_fee_change_denominator,
        elasticity: args.elasticity,
        min_base_fee_wei: args.min_base_fee,
        initial_base_fee_wei: args.min_base_fee,
        sequencer_window_secs: args.sequencer_window_secs,
        sequencer_drift_secs: args.sequencer_drift_secs,
        max_blocks_per_sec,
    })
}

fn inbox_params(args: &DeployArgs, sequencer: Address) -> anyhow::Result<InboxParams> {
    let limit = args.block_gas_limit;
    let max_batch_deposit_gas = args.max_batch_deposit_gas.unwrap_or(limit / 3 * 2);
    let max_deposit_gas_per_block =
        args.max_deposit_gas_per_block.unwrap_or((limit / 3).min(max_batch_deposit_gas / 2));
    if max_batch_deposit_gas > limit {
        bail!("--max-batch-deposit-gas {max_batch_deposit_gas} is above --block-gas-limit {limit}");
    }
    // The Inbox demands it: a batch has room for the deposits of an L1 block and its own fee
    // report.
    let per_block_max = max_batch_deposit_gas.saturating_sub(FEE_REPORT_GAS);
    if max_deposit_gas_per_block > per_block_max {
        bail!(
            "--max-deposit-gas-per-block is {max_deposit_gas_per_block}, expected at most \
             {per_block_max}: --max-batch-deposit-gas {max_batch_deposit_gas} less {FEE_REPORT_GAS}"
        );
    }
    Ok(InboxParams {
        sequencer,
        force_delay_secs: args.force_delay_secs,
        max_batch_deposit_gas,
        max_deposit_gas_per_block,
    })
}

fn assertion_params(args: &DeployArgs) -> AssertionParams {
    AssertionParams {
        blocks_height: args.blocks_height,
        spans_height: SPANS_HEIGHT,
        steps_height: STEPS_HEIGHT,
        challenge_period_secs: args.challenge_period_secs,
        min_interval_secs: args.min_interval_secs,
        stake_wei: args.stake_wei.max(stake_min(args.blocks_height, args.reference_gas_price)),
        program_hash: args.program_hash,
        vm_version: args.vm_version,
    }
}

/// Values of the manifest's parameters that have no default.
fn parameters(
    args: &DeployArgs,
    l1_chain_id: u64,
    l1_block: &L1BlockRef,
    l1_fees: &L1Fees,
    sequencer: Address,
    bridge: &BridgeContracts,
) -> BTreeMap<String, U256> {
    let fee_recipient = args.fee_recipient.unwrap_or(sequencer);
    [
        ("l1BlockNumber", U256::from(l1_block.number)),
        ("l1Timestamp", U256::from(l1_block.timestamp)),
        ("l1BaseFee", U256::from(l1_fees.base_fee)),
        // The first batch brings the price of its day; until then the lowest that there is.
        ("l1BlobBaseFee", U256::from(l1_fees.blob_base_fee.unwrap_or(1))),
        ("feeRecipient", fee_recipient.into_word().into()),
        ("l1CrossDomainMessenger", bridge.cross_domain_messenger.into_word().into()),
        ("l1StandardBridge", bridge.standard_bridge.into_word().into()),
        ("l1ERC721Bridge", bridge.erc721_bridge.into_word().into()),
        ("l1ChainId", U256::from(l1_chain_id)),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}

/// What an operator should think about twice.
fn warnings(args: &DeployArgs, l1_chain_id: u64) -> Vec<String> {
    let mut warnings = Vec::new();
    let Some((_, name)) = MAINNETS.iter().find(|(id, _)| *id == l1_chain_id) else {
        return warnings;
    };
    let mut warn = |wrong: bool, text: String| {
        if wrong {
            warnings.push(format!("{text}, on {name} (chain {l1_chain_id})"));
        }
    };
    let period = args.challenge_period_secs;
    warn(
        period < 7 * DAY_SECS,
        format!("a challenge period of {} leaves little time to dispute", format_secs(period)),
    );
    let delay = args.force_delay_secs;
    warn(
        delay < 3_600,
        format!("a force delay of {} lets L1 congestion stop the sequencer", format_secs(delay)),
    );
    warn(
        args.reference_gas_price == 0,
        "a reference gas price of 0 pays nobody who defends a claim of somebody else".to_owned(),
    );
    warn(
        args.stake_wei < U256::from(100_000_000_000_000_000_u64),
        format!("a stake of {} makes wrong claims cheap", format_ether(args.stake_wei)),
    );
    warn(
        !args.fund.is_empty(),
        format!("--fund creates ether for {} accounts that L1 does not back", args.fund.len()),
    );
    warnings
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, clap::Parser)]
    struct Cli {
        #[command(flatten)]
        args: DeployArgs,
    }

    #[test]
    fn a_chain_admits_fewer_blocks_than_claims_carry() {
        let hash = B256::repeat_byte(0x70).to_string();
        let admitted = |more: &[&str]| {
            let given = ["deploy", "--l1-rpc", "http://localhost:1", "--program-hash", &hash];
            let cli = Cli::try_parse_from([&given, more].concat()).unwrap();
            chain_config(&cli.args).map(|config| config.max_blocks_per_sec)
        };
        assert_eq!(admitted(&[]).unwrap(), 10);
        // 2^16 blocks an hour are 18.2 a second.
        assert_eq!(admitted(&["--max-blocks-per-sec", "12"]).unwrap(), 12);
        let error = admitted(&["--max-blocks-per-sec", "13"]).unwrap_err().to_string();
        assert!(error.contains("is 13, expected at most 12"), "{error}");
        assert_eq!(admitted(&["--blocks-height", "14"]).unwrap(), 3);
        assert_eq!(admitted(&["--blocks-height", "1"]).unwrap(), 1);
        assert_eq!(admitted(&["--min-interval-secs", "0"]).unwrap(), 10);
    }

    #[test]
    fn no_chain_is_deployed_without_a_program() {
        let parse = |more: &[&str]| {
            Cli::try_parse_from([&["deploy", "--l1-rpc", "http://localhost:1"], more].concat())
        };
        let missing = parse(&[]).unwrap_err().to_string();
        assert!(missing.contains("--program-hash <HASH>"), "{missing}");
        let zero = parse(&["--program-hash", &B256::ZERO.to_string()]).unwrap_err().to_string();
        assert!(zero.contains("no program's hash"), "{zero}");
        let no_hash = parse(&["--program-hash", "0x12"]).unwrap_err().to_string();
        assert!(no_hash.contains("expected 32 bytes"), "{no_hash}");
        let hash = B256::repeat_byte(0x70);
        let given = parse(&["--program-hash", &hash.to_string()]).unwrap();
        assert_eq!(given.args.program_hash, hash);
    }
}
