//! `gainsay-challenger`: proves wrong claims wrong, down to one instruction.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use gainsay_challenger::commands::{simulate, vm};

/// Replay a chain from L1 and prove what it computes, instruction by instruction.
#[derive(Debug, Parser)]
#[command(version, propagate_version = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run any static RV64IM ELF file in the machine, and each step on the contracts.
    Vm(vm::VmArgs),
    /// Play the dispute protocol alone against many rivals, and compare delay and stakes with their
    /// bounds.
    Simulate(simulate::SimulateArgs),
}

fn main() -> anyhow::Result<ExitCode> {
    match Arguments::parse().command {
        Command::Simulate(args) => simulate::run(&args).map(|()| ExitCode::SUCCESS),
        Command::Vm(args) => {
            let exit_code = vm::run(&args)?;
            // A program that fails is a failure for whoever runs it from a script.
            Ok(ExitCode::from(u8::from(exit_code.is_some_and(|code| code != 0))))
        }
    }
}
