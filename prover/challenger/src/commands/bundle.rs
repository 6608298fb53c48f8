//! `gainsay-challenger bundle`: writes everything that one block's run needs into one file.

use std::{fs, path::PathBuf};

use anyhow::Context;

use super::chain_args::{BlockArgs, ProgramArgs};

/// Write everything that one block's run needs into a file.
///
/// `prove --bundle` and `step --bundle` run it without a network.
#[derive(Clone, Debug, clap::Args)]
pub struct BundleArgs {
    /// Which block.
    #[command(flatten)]
    pub block: BlockArgs,
    /// What is going to run.
    #[command(flatten)]
    pub program: ProgramArgs,
    /// The file to write.
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
}

/// Runs the command.
///
/// # Errors
/// A block, a program or a store that cannot be used, and a file that cannot be written.
pub async fn run(args: &BundleArgs) -> anyhow::Result<()> {
    let program = args.program.load()?;
    let block = args.block.load(&program).await?;
    let bytes = block.bundle.to_bytes();
    let out = args.out.display();
    fs::write(&args.out, &bytes).with_context(|| format!("cannot write {out}"))?;
    println!("block      {}", block.bundle.block);
    println!("preimages  {}", block.bundle.witness.iter().len());
    println!("wrote      {out}, {} bytes", bytes.len());
    Ok(())
}
