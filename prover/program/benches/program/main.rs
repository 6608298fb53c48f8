//! What blocks cost in the machine, in instructions and seconds: `scripts/bench machine`.
//!
//! In: the program's ELF file, named by GAINSAY_PROGRAM_ELF, and the contracts that forge built.
//! Out: tables on the terminal. Options: `blocks`, `gas` for one part alone; `--samples FOLDER`
//! prints the functions that take most of a block, and writes there where it was at every sample;
//! `--json FILE` keeps the rows.
//!
//! | module | what it measures |
//! |---|---|
//! | `blocks` | ETH and ERC-20 transfers, and what spends their instructions |
//! | `gas`, `opcodes` | instructions per gas of every opcode and precompile |
//! | `profile` | instructions by function |
//! | `prover` | runs of the program in the machine |
//! | `report` | rows, and their file |
#![expect(clippy::unwrap_used, reason = "a measurement that fails has nothing to print")]

use std::path::Path;

mod blocks;
#[path = "../../tests/program/chain.rs"]
#[expect(dead_code, clippy::cast_possible_truncation, reason = "made for the tests")]
mod chain;
mod gas;
mod opcodes;
mod profile;
mod prover;
mod report;

fn main() {
    let (mut asked, mut json, mut samples) = (Vec::new(), None, None);
    // cargo adds `--bench`.
    let mut arguments = std::env::args().skip(1).filter(|it| it != "--bench");
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "blocks" | "gas" => asked.push(argument),
            "--samples" => samples = Some(arguments.next().expect("--samples needs a folder")),
            "--json" => json = Some(arguments.next().expect("--json needs a file")),
            other => {
                eprintln!(
                    "error: unknown argument '{other}', expected blocks, gas, --samples, --json"
                );
                std::process::exit(2);
            }
        }
    }
    let wants = |part: &str| asked.is_empty() || asked.iter().any(|it| it == part);
    let program = prover::Prover::load();
    let mut rows = Vec::new();
    if wants("blocks") {
        rows.extend(blocks::measure(&program, samples.as_deref().map(Path::new)));
    }
    if wants("gas") {
        rows.extend(gas::measure(&program));
    }
    report::print(&rows);
    if let Some(file) = json {
        report::save(&rows, file.as_ref());
    }
}
