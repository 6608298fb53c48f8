//! `gainsay-drill drill`: plants faults on a devnet and lets the live challenger win.
//!
//! | module | job |
//! |---|---|
//! | `scenario` | who plays, by name |
//! | `devnet` | what a drill asks of the devnet: traffic, time, wealth |
//! | `copier` | a player with no opinion, who copies the moves of others before they are in |
//! | `account` | who did what, and what it cost |
//! | `honest_side` | whether the honest challengers rest |
//! | `exercise` | one scenario, until it is decided |

mod account;
mod copier;
mod devnet;
mod exercise;
mod honest_side;
mod scenario;

use std::{fs, path::PathBuf, process::ExitCode, time::Duration};

use alloy_primitives::{U256, utils::format_ether};
use anyhow::Context;
use devnet::DrillDevnet;
use exercise::{Exercise, Report};
use gainsay_challenger::commands::chain_args::ProgramArgs;
use honest_side::HonestSide;
pub use scenario::Scenario;
use serde_json::{Value, json};

/// Plant faults on a devnet, one after another, and let its live challenger win each.
///
/// Names: the faults first-block, middle-block, last-block, receipts, cursor, dropped-batch,
/// reordered-batch, altered-batch, ignored-deposit, invented-deposit, interior, after-end, spans,
/// steps, alu, load, store, syscall, preimage, blob, precompile, halt, padding; the behaviours
/// attack, sybils, last-moment, front-runner, deserter, quarrel.
///
/// The devnet must run a challenger (scripts/devnet does); L1 must be an anvil: where nobody has a
/// move to make the drill lets time pass. Prints a table. Exit code: 0 if the right assertion was
/// confirmed and no wrong one, in each; 1 otherwise; 2 if the command failed.
#[derive(Clone, Debug, clap::Args)]
pub struct DrillArgs {
    /// The devnet's folder, where its endpoints.json is.
    #[arg(long, value_name = "DIR", default_value = ".devnet")]
    pub devnet: PathBuf,
    /// Folder for what the adversaries derive from L1. Default: drill in the devnet's.
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// What runs.
    #[command(flatten)]
    pub program: ProgramArgs,
    /// What to plant; may be given often. Default: everything.
    #[arg(long, value_name = "NAME")]
    pub fault: Vec<Scenario>,
    /// Plant all in one dispute, of all against all.
    #[arg(long)]
    pub together: bool,
    /// Write the results to a file: a list of {fault, won, seconds, l1_blocks, transactions, gas,
    /// stake} and more; stakes in wei, as text.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Metrics of the honest challenger, as http://127.0.0.1:9464/metrics; once for each, if they are
    /// several. L1's time is let pass only while they have nothing to do. Default: whenever nobody
    /// has moved for some seconds, so that a slow challenger loses time.
    #[arg(long, value_name = "URL")]
    pub challenger_metrics: Vec<reqwest::Url>,
    /// Most seconds for one fault, on the clock of the wall.
    #[arg(long, value_name = "SECS", default_value_t = 900)]
    pub patience_secs: u64,
}

/// Runs the command.
///
/// # Errors
/// A devnet, a program or a folder that cannot be used.
pub async fn run(args: &DrillArgs) -> anyhow::Result<ExitCode> {
    let program = args.program.load()?;
    let devnet = DrillDevnet::open(&args.devnet)?;
    let data = args.data.clone().unwrap_or_else(|| args.devnet.join("drill"));
    let patience = Duration::from_secs(args.patience_secs);
    let honest = HonestSide::new(args.challenger_metrics.clone())?;
    let mut exercise = Exercise::open(devnet, &data, program, patience, honest).await?;
    let scenarios = if args.fault.is_empty() { Scenario::all() } else { args.fault.clone() };
    println!("{HEAD}");
    let mut reports = Vec::new();
    let at_once = if args.together { scenarios.len() } else { 1 };
    for together in scenarios.chunks(at_once.max(1)) {
        let report = exercise.play(together).await.with_context(|| {
            let names: Vec<&str> = together.iter().map(|it| it.name()).collect();
            format!("the fault {}", names.join(" and "))
        })?;
        println!("{}", row(&report));
        reports.push(report);
        if let Some(path) = &args.json {
            let text = format!("{:#}\n", Value::from_iter(reports.iter().map(to_json)));
            fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))?;
        }
    }
    let won = reports.iter().filter(|report| report.won).count();
    println!(
        "\nthe right assertion was confirmed, and no wrong one, in {won} of {}",
        reports.len()
    );
    Ok(ExitCode::from(u8::from(won < reports.len())))
}

const HEAD: &str = "fault               won    L1 s  blocks  moves        gas   staked ETH  \
                    not back  slashed ETH  their moves  seconds";

fn row(it: &Report) -> String {
    let won = if it.won { "yes" } else { "NO" };
    let ether = |wei: U256| {
        let text = format_ether(wei);
        let (whole, part) = text.split_once('.').unwrap_or((&text, "0"));
        format!("{whole}.{}", part.get(..4).unwrap_or(part))
    };
    format!(
        "{:<19} {won:<4} {:>6} {:>7} {:>6} {:>10} {:>12} {:>9} {:>12} {:>12} {:>8}",
        it.fault,
        it.seconds,
        it.l1_blocks,
        it.transactions,
        it.gas,
        ether(it.stake),
        ether(it.stake_open),
        ether(it.slashed),
        it.adversary_moves,
        it.wall_seconds,
    )
}

fn to_json(it: &Report) -> Value {
    json!({
        "fault": it.fault,
        "won": it.won,
        "seconds": it.seconds,
        "l1_blocks": it.l1_blocks,
        "transactions": it.transactions,
        "gas": it.gas,
        "stake": it.stake.to_string(),
        "stake_open": it.stake_open.to_string(),
        "slashed": it.slashed.to_string(),
        "adversary_transactions": it.adversary_moves,
        "wall_seconds": it.wall_seconds,
    })
}
