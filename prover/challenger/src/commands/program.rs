//! `gainsay-challenger program`: prints the hash of a program and the size of its code.
//!
//! In: an ELF file. Out: on the first line the hash, to which `gainsay deploy` binds a chain; on
//! the second how large the code is, which every step's witness pays for. It runs nothing.

use std::path::PathBuf;

use anyhow::Context;
use gainsay_vm::Program;

/// Print the hash of a program, to which a chain's contracts are bound.
#[derive(Clone, Debug, clap::Args)]
pub struct ProgramArgs {
    /// A static ELF file for RV64IM.
    pub file: PathBuf,
}

/// Prints the program's hash.
///
/// # Errors
/// When the file cannot be read, or is no program for the machine.
// PROTOCOL.md PROGRAM-1
pub fn run(args: &ProgramArgs) -> anyhow::Result<()> {
    let elf = std::fs::read(&args.file).with_context(|| format!("read {}", args.file.display()))?;
    let program = Program::from_elf(&elf).with_context(|| args.file.display().to_string())?;
    let bytes = program.code().end() - program.code().start();
    // A leaf of the code tree has 32 bytes.
    let levels = bytes.div_ceil(32).next_power_of_two().trailing_zeros();
    println!("{}\n{bytes} bytes of code, a tree of {levels} levels", program.hash());
    Ok(())
}
