//! `gainsay-challenger replay`: derives the chain from L1 alone and compares every assertion on L1
//! with what it derived.

use std::process::ExitCode;

use alloy_primitives::{Address, B256, hex};
use gainsay_chain::{AssertionVerdict, Difference, ProposedAssertion, judge_assertions};
use gainsay_derivation::Cursor;
use gainsay_l1::L1Client;
use serde_json::{Value, json};

use super::chain_args::{ChainArgs, Until, derive_until};
use crate::ChainFollower;

/// Derive the chain from L1 and compare the claims on L1 with it.
///
/// Goes on where it stopped, also after it was killed or L1 was reorganised. The data of batches is
/// kept in the data folder. Exit code: 0 if every claim seen is right or not decidable yet, 1 if
/// one is wrong, 2 if the command failed.
#[derive(Clone, Debug, clap::Args)]
pub struct ReplayArgs {
    /// Where the chain is.
    #[command(flatten)]
    pub chain: ChainArgs,
    /// JSON-RPC of an L1 node, over HTTP. Several, separated by commas: the first that works is
    /// asked.
    #[arg(long, value_name = "URL")]
    pub l1_rpc: String,
    /// Where to stop: latest, safe or finalized (blocks of L1), or the number of an L2 block.
    #[arg(long, value_name = "WHERE", default_value = "latest")]
    pub until: Until,
    /// Print the result as JSON.
    #[arg(long)]
    pub json: bool,
}

/// Runs the command.
///
/// # Errors
/// L1 or a store that cannot be used.
pub async fn run(args: &ReplayArgs) -> anyhow::Result<ExitCode> {
    let client = L1Client::connect(&args.l1_rpc, args.chain.l1_beacon.as_deref())?;
    let mut follower = args.chain.open()?.follow(client.clone()).await?;
    derive_until(&mut follower, &client, args.until).await?;
    let judged = judge_assertions(follower.chain(), &follower.assertions().read())?;
    follower.chain().store.flush()?;
    if args.json {
        println!("{:#}", to_json(&follower, &judged)?);
    } else {
        print(&follower, &judged)?;
    }
    let is_wrong = |(_, it): &(ProposedAssertion, _)| matches!(it, AssertionVerdict::Wrong { .. });
    Ok(ExitCode::from(u8::from(judged.iter().any(is_wrong))))
}

type Judged = [(ProposedAssertion, AssertionVerdict)];

fn print(follower: &ChainFollower, judged: &Judged) -> anyhow::Result<()> {
    let chain = follower.chain();
    let (block, l1) = (chain.safe_block(), follower.l1_block());
    println!("L1 block   {} {}", l1.number, l1.hash);
    println!("L2 block   {block}, claim {}", chain.claimed(block)?.claim());
    println!("batches    {}", chain.store.batch_count());
    println!("deposits   {}", chain.store.deposit_count());
    if judged.is_empty() {
        println!("no assertions on L1 yet");
        return Ok(());
    }
    println!("\n{:<20} {:<66} {:<15} verdict", "assertion", "claim", "blocks");
    for (assertion, verdict) in judged {
        let (blocks, said) = describe(assertion, verdict);
        println!("{:<20} {:<66} {blocks:<15} {said}", short(assertion.id), assertion.claim());
    }
    Ok(())
}

/// The blocks of an assertion, and what is to be said about it.
fn describe(assertion: &ProposedAssertion, verdict: &AssertionVerdict) -> (String, String) {
    let confirmed = if assertion.confirmed_in.is_some() { ", confirmed" } else { "" };
    let by =
        |proposer: Address| format!("proposed by {proposer} in L1 block {}", assertion.l1_block);
    match verdict {
        AssertionVerdict::Right { first_block, last_block } => {
            (format!("{first_block}..={last_block}"), format!("right{confirmed}"))
        }
        AssertionVerdict::Undecided => ("?".to_owned(), "not derived yet".to_owned()),
        AssertionVerdict::Wrong { first_block, difference } => {
            let blocks = first_block.map_or_else(|| "?".to_owned(), |it| format!("{it}.."));
            let difference = describe_difference(assertion, difference);
            let by = by(assertion.proposer);
            (blocks, format!("WRONG{confirmed}: {difference}; {by}"))
        }
    }
}

fn describe_difference(assertion: &ProposedAssertion, difference: &Difference) -> String {
    let place = |it: &Cursor| format!("({}, {}, {})", it.batch, it.block, it.deposits_read);
    match difference {
        Difference::Parent => format!("its parent {} is wrong", short(assertion.parent)),
        Difference::Cursor { expected } => {
            format!("it ends at {}, expected {}", place(&assertion.cursor), place(expected))
        }
        Difference::OutputRoot { block, expected } => {
            let found = assertion.output_root;
            format!("output root of block {block}: {found}, expected {expected}")
        }
        Difference::Claims { expected } => {
            format!("the root of its claims is {}, expected {expected}", assertion.root)
        }
    }
}

fn short(id: B256) -> String {
    format!("0x{}..", hex::encode(&id[..8]))
}

fn to_json(follower: &ChainFollower, judged: &Judged) -> anyhow::Result<Value> {
    let chain = follower.chain();
    let (block, l1) = (chain.safe_block(), follower.l1_block());
    let assertions = judged.iter().map(|(assertion, verdict)| {
        let (blocks, said) = describe(assertion, verdict);
        let is_right = match verdict {
            AssertionVerdict::Right { .. } => Some(true),
            AssertionVerdict::Wrong { .. } => Some(false),
            AssertionVerdict::Undecided => None,
        };
        json!({
            "id": assertion.id,
            "parent": assertion.parent,
            "proposer": assertion.proposer,
            "l1Block": assertion.l1_block,
            "confirmed": assertion.confirmed_in.is_some(),
            "claim": assertion.claim(),
            "blocks": blocks,
            "right": is_right,
            "verdict": said,
        })
    });
    Ok(json!({
        "l1Block": { "number": l1.number, "hash": l1.hash },
        "block": block,
        "claim": chain.claimed(block)?.claim(),
        "batches": chain.store.batch_count(),
        "deposits": chain.store.deposit_count(),
        "assertions": assertions.collect::<Vec<_>>(),
    }))
}
