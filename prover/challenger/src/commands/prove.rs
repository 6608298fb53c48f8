//! `gainsay-challenger prove`: runs one block in the machine and compares its claim with the native
//! one, and with the one proposed on L1.

use std::process::ExitCode;

use alloy_primitives::B256;
use gainsay_chain::{AssertionVerdict, judge_assertions, recorded_assertions};
use gainsay_derivation::BlockNumber;
use serde_json::{Value, json};

use super::chain_args::{BlockArgs, LoadedBlock, ProgramArgs};
use crate::{
    ArchivedChain,
    machine::{BlockRun, peak_memory_bytes, run_block},
};

/// Run one block in the machine.
///
/// Exit code: 0 if its claim is that of the chain derived from L1, and no other is proposed; 1
/// otherwise; 2 if the command failed.
#[derive(Clone, Debug, clap::Args)]
pub struct ProveArgs {
    /// Which block.
    #[command(flatten)]
    pub block: BlockArgs,
    /// What runs.
    #[command(flatten)]
    pub program: ProgramArgs,
    /// Print the result as JSON.
    #[arg(long)]
    pub json: bool,
}

/// What L1 holds about the block.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Proposed {
    assertion: B256,
    /// Whether the assertion makes the same claim about this block, with all others.
    is_right: bool,
}

/// Runs the command.
///
/// # Errors
/// A block, a program or a store that cannot be used.
pub async fn run(args: &ProveArgs) -> anyhow::Result<ExitCode> {
    let program = args.program.load()?;
    let block = args.block.load(&program).await?;
    let run = tokio::task::block_in_place(|| {
        run_block(&program, block.bundle.input, &block.bundle.witness)
    })?;
    let proposed = match &block.chain {
        Some(chain) => proposed(chain, block.bundle.block)?,
        None => None,
    };
    if args.json {
        println!("{:#}", to_json(&block, &run, proposed.as_ref()));
    } else {
        print(&block, &run, proposed.as_ref());
    }
    let is_right = run.claim == block.bundle.claim && proposed.is_none_or(|it| it.is_right);
    Ok(ExitCode::from(u8::from(!is_right)))
}

/// The assertion that claims something about a block.
fn proposed(chain: &ArchivedChain, number: BlockNumber) -> anyhow::Result<Option<Proposed>> {
    let Some(tree) = recorded_assertions(chain)? else { return Ok(None) };
    let judged = judge_assertions(chain, &tree)?;
    let mut about = judged.iter().filter_map(|(assertion, verdict)| match *verdict {
        AssertionVerdict::Right { first_block, last_block } => {
            let is_about = (first_block..=last_block).contains(&number);
            is_about.then_some(Proposed { assertion: assertion.id, is_right: true })
        }
        AssertionVerdict::Wrong { first_block: Some(first_block), .. } => {
            // Its last block is not known. All its claims count as wrong.
            let is_about = first_block <= number;
            is_about.then_some(Proposed { assertion: assertion.id, is_right: false })
        }
        _ => None,
    });
    Ok(about.next())
}

fn print(block: &LoadedBlock, run: &BlockRun, proposed: Option<&Proposed>) {
    let bundle = &block.bundle;
    println!("block         {}", bundle.block);
    if let Some((transactions, gas)) = block.size {
        println!("size          {transactions} transactions, {gas} gas");
    }
    println!("program       {}", bundle.program_hash);
    println!("input         {}", bundle.input);
    let bytes: usize = bundle.witness.iter().map(|(_, bytes)| bytes.len()).sum();
    println!("preimages     {}, {bytes} bytes", bundle.witness.iter().len());
    let same = if run.claim == bundle.claim { "equal to the native one" } else { "DIFFERS" };
    println!("claim         {}, {same}", run.claim);
    if run.claim != bundle.claim {
        println!("native claim  {}", bundle.claim);
        println!("exit code     {:#x}, halted: {}", run.exit_code, run.is_halted);
    }
    match proposed {
        Some(Proposed { assertion, is_right: true }) => {
            println!("proposed      the same, by assertion {assertion}");
        }
        Some(Proposed { assertion, is_right: false }) => {
            println!("proposed      assertion {assertion} is WRONG");
        }
        None => println!("proposed      nothing known"),
    }
    println!("instructions  {}", run.instructions);
    println!("time          {:.3} s, {:.0} MIPS", run.seconds, run.mips());
    if let Some(bytes) = peak_memory_bytes() {
        println!("peak memory   {} MiB", bytes >> 20);
    }
    if !run.written.is_empty() {
        println!("it wrote      {}", run.written.trim_end());
    }
}

fn to_json(block: &LoadedBlock, run: &BlockRun, proposed: Option<&Proposed>) -> Value {
    let bundle = &block.bundle;
    json!({
        "block": bundle.block,
        "transactions": block.size.map(|(transactions, _)| transactions),
        "gasUsed": block.size.map(|(_, gas)| gas),
        "programHash": bundle.program_hash,
        "input": bundle.input,
        "preimages": bundle.witness.iter().len(),
        "claim": run.claim,
        "nativeClaim": bundle.claim,
        "equal": run.claim == bundle.claim,
        "proposedBy": proposed.map(|it| it.assertion),
        "proposedEqual": proposed.map(|it| it.is_right),
        "exitCode": run.exit_code,
        "instructions": run.instructions,
        "mips": run.mips(),
        "seconds": run.seconds,
        "peakMemoryBytes": peak_memory_bytes(),
        "written": run.written,
    })
}
