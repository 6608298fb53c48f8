//! `gainsay-challenger verify-deployment`: whether a chain's contracts are those of this
//! repository.
//!
//! In: `rollup.json`, an L1 node, forge's artifacts. Out: a line for each contract and each rule of
//! L1 that is not known, and the exit code. It needs no key and no data folder, and sends nothing.

use std::{path::PathBuf, process::ExitCode};

use anyhow::Context;
use gainsay_l1::{L1Client, RollupConfig};

use crate::{deployment::verify_deployment, l1_rules::unknown_rules};

/// Compare a chain's contracts on L1 with those that this repository builds.
///
/// The init code that L1 created each of them with is compared byte by byte with what forge built and
/// the parameters of rollup.json: their code and the storage that they began with follow from it. Then
/// L1's rules are compared with those that the contracts were made for. Exit code: 0 if all is as it must be, 1 if anything differs, 2 if it failed.
#[derive(Clone, Debug, clap::Args)]
pub struct VerifyDeploymentArgs {
    /// The chain's rollup.json.
    #[arg(long, value_name = "FILE", default_value = "rollup.json")]
    pub rollup: PathBuf,
    /// JSON-RPC of an L1 node, over HTTP. Several, separated by commas: the first that works is
    /// asked.
    #[arg(long, value_name = "URL")]
    pub l1_rpc: String,
    /// Folder with the contracts as forge built them.
    #[arg(long, value_name = "DIR", default_value = "contracts/out")]
    pub artifacts: PathBuf,
}

/// Runs the command.
///
/// # Errors
/// When the file or an artifact cannot be read, or L1 does not answer.
pub async fn run(args: &VerifyDeploymentArgs) -> anyhow::Result<ExitCode> {
    let rollup = RollupConfig::load(&args.rollup)?;
    let client = L1Client::connect(&args.l1_rpc, None)?;
    let found = client.chain_id().await?;
    anyhow::ensure!(
        found == rollup.l1_chain_id,
        "{} is of a chain on L1 {}, the node follows {found}",
        args.rollup.display(),
        rollup.l1_chain_id
    );
    let verdicts = verify_deployment(&client, &rollup, &args.artifacts).await;
    let verdicts = verdicts.context("comparing contracts")?;
    let mut is_right = true;
    for verdict in verdicts {
        let (contract, address) = (verdict.contract, verdict.address);
        match verdict.difference {
            None => println!("right    {contract} at {address}"),
            Some(difference) => {
                is_right = false;
                println!("DIFFERS  {contract} at {address}: {difference}");
            }
        }
    }
    let unknown = unknown_rules(&client).await?;
    if unknown.is_empty() {
        println!("right    the rules of L1, as at Osaka");
    }
    for finding in unknown {
        is_right = false;
        println!("UNKNOWN  a rule of L1: {finding}");
    }
    Ok(ExitCode::from(u8::from(!is_right)))
}
