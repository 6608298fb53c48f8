//! Steps with their witnesses, judged by the contracts many at once, on all cores: a step that has
//! its witness depends on no other step.

use alloy_primitives::B256;
use rayon::prelude::*;

use crate::{
    ChallengerError,
    machine::{OnchainVerifier, VerifierCode},
};

/// One step of a run with everything that proves it.
#[derive(Clone, Debug)]
pub struct WitnessedStep {
    /// Steps before this one.
    pub step: u64,
    /// Address of the instruction.
    pub pc: u64,
    /// Hash of the state before.
    pub pre: B256,
    /// Proves the step from `pre` to `post`.
    pub witness: Vec<u8>,
    /// Hash of the state after, by the machine.
    pub post: B256,
}

impl WitnessedStep {
    /// Has the contract take the step and returns the gas.
    ///
    /// # Errors
    /// [`ChallengerError::Refused`] or [`ChallengerError::Disagreement`] when contract and machine
    /// do not agree on the step.
    pub fn verify(&self, verifier: &mut OnchainVerifier) -> Result<u64, ChallengerError> {
        let &Self { step, pc, pre, ref witness, post: rust } = self;
        let verdict = verifier.verify(pre, witness)?;
        match verdict.post_state_hash {
            Ok(contract) if contract == rust => Ok(verdict.gas),
            Ok(contract) => Err(ChallengerError::Disagreement { step, pc, pre, rust, contract }),
            Err(refusal) => {
                let refusal = Box::new(refusal);
                Err(ChallengerError::Refused { step, pc, pre, rust, refusal })
            }
        }
    }
}

/// Has the contract take all steps and returns the gas of each. Each thread of rayon gets a share
/// of them and deploys the contracts for it: an EVM stays on its thread.
///
/// # Errors
/// Those of [`WitnessedStep::verify`], of the first such step in the order given.
pub fn verify_all(
    code: &VerifierCode,
    steps: &[WitnessedStep],
) -> Result<Vec<u64>, ChallengerError> {
    let share = steps.len().div_ceil(rayon::current_num_threads()).max(1);
    let shares = steps.par_chunks(share).map(|steps| {
        let mut verifier = OnchainVerifier::deploy(code)?;
        steps.iter().map(|step| step.verify(&mut verifier)).collect()
    });
    let shares: Vec<Result<Vec<_>, _>> = shares.collect();
    Ok(shares.into_iter().collect::<Result<Vec<_>, _>>()?.concat())
}
