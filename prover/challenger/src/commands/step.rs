//! `gainsay-challenger step`: one instruction of a block's run as the proof that decides a dispute,
//! and what the contract says about it.

use std::{path::PathBuf, process::ExitCode};

use alloy_primitives::{Address, B256, Bytes, hex};
use anyhow::Context;
use gainsay_derivation::BlockNumber;
use gainsay_l1::{AssertionChain, L1Client, L1Error, StepVerifier};
use gainsay_oracle::Request;
use serde_json::{Value, json};

use super::chain_args::{BlockArgs, ProgramArgs};
use crate::{
    ArchivedChain,
    machine::{OnchainVerifier, StepPosition, StepProof, VerifierCode, prove_step},
};

/// Prove one instruction of a block's run, and have the contract take it.
///
/// Prints JSON: the states before and after, the witness, the preimage that is read, the verdict.
/// With --l1-rpc the chain's own StepVerifier is asked by eth_call, else its bytecode in an EVM in
/// this process. Exit code: 0 if the contract goes to the same state, 1 otherwise; 2 if the
/// command failed.
#[derive(Clone, Debug, clap::Args)]
pub struct StepArgs {
    /// Which block.
    #[command(flatten)]
    pub block: BlockArgs,
    /// What runs.
    #[command(flatten)]
    pub program: ProgramArgs,
    /// Which step: its number from 0 on, first, last, or the first one of a kind: alu, load,
    /// store, keccak, preimage, blob, precompile.
    #[arg(long, value_name = "K")]
    pub at: StepPosition,
    /// Folder with the contracts as forge built them; only used without --l1-rpc.
    #[arg(long, value_name = "DIR", default_value = "contracts/out")]
    pub artifacts: PathBuf,
}

/// What a contract said.
struct Verdict {
    /// Its address on L1; none in this process.
    verifier: Option<Address>,
    post: Result<B256, String>,
    gas: Option<u64>,
}

/// Runs the command.
///
/// # Errors
/// A block, a program, a store or an L1 that cannot be used.
pub async fn run(args: &StepArgs) -> anyhow::Result<ExitCode> {
    let program = args.program.load()?;
    let block = args.block.load(&program).await?;
    let bundle = &block.bundle;
    let proof = tokio::task::block_in_place(|| {
        prove_step(&program, bundle.input, &bundle.witness, args.at)
    })?;
    let verdict = match (&args.block.l1_rpc, &block.chain) {
        (Some(url), Some(chain)) => ask_l1(url, chain, &proof).await?,
        _ => ask_here(args, &proof)?,
    };
    println!("{:#}", to_json(bundle.block, &proof, &verdict));
    let agrees = verdict.post.as_ref() == Ok(&proof.witnessed.post);
    Ok(ExitCode::from(u8::from(!agrees)))
}

async fn ask_l1(url: &str, chain: &ArchivedChain, proof: &StepProof) -> anyhow::Result<Verdict> {
    let client = L1Client::connect(url, None)?;
    let contract = AssertionChain::new(&client, chain.rollup.assertion_chain);
    let address = contract.step_verifier().await?;
    let verifier = StepVerifier::new(&client, address);
    let witness = Bytes::from(proof.witnessed.witness.clone());
    let post = match verifier.step(proof.witnessed.pre, witness.clone()).await {
        Ok(post) => Ok(post),
        Err(error @ L1Error::Reverted { .. }) => Err(error.to_string()),
        Err(error) => return Err(error).context("asking StepVerifier"),
    };
    let gas = match post {
        Ok(_) => Some(verifier.step_gas(proof.witnessed.pre, witness).await?),
        Err(_) => None,
    };
    Ok(Verdict { verifier: Some(address), post, gas })
}

fn ask_here(args: &StepArgs, proof: &StepProof) -> anyhow::Result<Verdict> {
    let mut verifier = OnchainVerifier::deploy(&VerifierCode::load(&args.artifacts)?)?;
    let verdict = verifier.verify(proof.witnessed.pre, &proof.witnessed.witness)?;
    let post = verdict.post_state_hash.map_err(|refusal| refusal.to_string());
    Ok(Verdict { verifier: None, post, gas: Some(verdict.gas) })
}

fn to_json(block: BlockNumber, proof: &StepProof, verdict: &Verdict) -> Value {
    let witnessed = &proof.witnessed;
    let preimage = proof.preimage.as_ref().map(|read| {
        let kind = match read.request {
            Request::Keccak(_) => "keccak",
            Request::Blob { .. } => "blob",
            Request::Precompile { .. } => "precompile",
        };
        let name = hex::encode_prefixed(read.request.name());
        json!({ "kind": kind, "key": read.key, "name": name, "bytes": read.bytes })
    });
    json!({
        "block": block,
        "step": witnessed.step,
        "pc": format!("{:#x}", witnessed.pc),
        "instruction": proof.instruction(),
        "pre": witnessed.pre,
        "post": witnessed.post,
        "witness": hex::encode_prefixed(&witnessed.witness),
        "preimage": preimage,
        "contract": {
            "verifier": verdict.verifier,
            "post": verdict.post.as_ref().ok(),
            "refusal": verdict.post.as_ref().err(),
            "gas": verdict.gas,
            "accepted": verdict.post.as_ref() == Ok(&witnessed.post),
        },
    })
}
