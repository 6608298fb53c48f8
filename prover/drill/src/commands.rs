//! The program `gainsay-drill`: its two commands, and [`main`], which chooses.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::{drill, simulate};

/// Plant lies on a devnet, or play the dispute protocol alone, and see the truth win.
#[derive(Debug, Parser)]
#[command(name = "gainsay-drill", version, propagate_version = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

// What a command does stands above its arguments: a document of a variant would hide it.
#[derive(Debug, Subcommand)]
enum Command {
    Drill(drill::DrillArgs),
    Simulate(simulate::SimulateArgs),
}

/// The command could not be carried out. Wrong arguments end like this, too.
const FAILED: u8 = 2;

/// The whole program. It is here and not in the binary, because an `async fn` is compiled where it is
/// awaited: the binary would compile the library a second time.
#[tokio::main]
pub async fn main() -> ExitCode {
    gainsay_l1::start_log("info,hyper=warn,gainsay_l1::tx_sender=warn");
    run(Arguments::parse().command).await.unwrap_or_else(|error| {
        eprintln!("Error: {error:?}");
        ExitCode::from(FAILED)
    })
}

async fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Drill(args) => drill::run(&args).await,
        Command::Simulate(args) => {
            tokio::task::block_in_place(|| simulate::run(&args)).map(|()| ExitCode::SUCCESS)
        }
    }
}
