//! The program `gainsay-challenger`: its subcommands, one file each, and [`main`], which chooses.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

pub mod bundle;
pub mod chain_args;
pub mod program;
pub mod prove;
pub mod replay;
pub mod step;
pub mod verify_deployment;
pub mod vm;
pub mod watch;

/// Replay a chain from L1 and prove what it computes, instruction by instruction.
#[derive(Debug, Parser)]
#[command(name = "gainsay-challenger", version, propagate_version = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

// What a command does stands above its arguments: a document of a variant would hide it.
#[derive(Debug, Subcommand)]
enum Command {
    Watch(watch::WatchArgs),
    Replay(replay::ReplayArgs),
    Prove(prove::ProveArgs),
    Step(step::StepArgs),
    Bundle(bundle::BundleArgs),
    Program(program::ProgramArgs),
    VerifyDeployment(verify_deployment::VerifyDeploymentArgs),
    Vm(vm::VmArgs),
}

/// Exit code of a command that failed, or had wrong arguments. A verdict has another exit code.
const FAILED: u8 = 2;

/// The whole program. It is here and not in the binary, because an `async fn` is compiled where it
/// is awaited: the binary would compile the library a second time.
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
        Command::Watch(args) => watch::run(&args).await,
        Command::Replay(args) => replay::run(&args).await,
        Command::Prove(args) => prove::run(&args).await,
        Command::Step(args) => step::run(&args).await,
        Command::Bundle(args) => bundle::run(&args).await.map(|()| ExitCode::SUCCESS),
        Command::Program(args) => program::run(&args).map(|()| ExitCode::SUCCESS),
        Command::VerifyDeployment(args) => verify_deployment::run(&args).await,
        Command::Vm(args) => {
            let exit_code = tokio::task::block_in_place(|| vm::run(&args))?;
            // A program that fails is a failure for whoever runs it from a script.
            Ok(ExitCode::from(u8::from(exit_code.is_some_and(|code| code != 0))))
        }
    }
}
