//! One run of the program: from an agreed claim over one block, or over none when all batches are
//! read.
//!
//! In: the replayed chain. Out: every preimage that the run asks for.

use std::fmt;

use alloy_primitives::{B256, Bytes, keccak256};
use gainsay_derivation::BlockNumber;
use gainsay_oracle::{Request, Witness};

use crate::{ArchivedChain, ChallengerError, machine::OfflineBundle};

/// One run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct DisputedRun {
    /// The block that the run executes; `None` if no batch is left, so that the claim stays.
    pub(super) block: Option<BlockNumber>,
    /// The claim before the run.
    pub(super) agreed: B256,
    /// `batchAcc` after the batch that the block is from, or zero.
    pub(super) batch_acc: B256,
    /// The program's input, which names the run.
    pub(super) input: B256,
    /// The claim after the run, by the native transition.
    pub(super) claim: B256,
}

impl fmt::Display for DisputedRun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.block {
            Some(block) => write!(f, "block {block}"),
            None => f.write_str("no block, all batches are read"),
        }
    }
}

impl DisputedRun {
    /// Records what the run needs. None when L1 was reorganised and the block is another one now.
    pub(super) fn record(
        &self,
        chain: &ArchivedChain,
        program_hash: B256,
    ) -> Result<Option<OfflineBundle>, ChallengerError> {
        let Some(block) = self.block else {
            return Ok(Some(self.record_idle(chain, program_hash)?));
        };
        let recorded = chain.block_witness(block)?;
        let is_same = recorded.input == self.input && recorded.claim == self.claim;
        Ok(is_same.then(|| OfflineBundle::new(recorded, program_hash)))
    }

    /// Without a batch the program reads what its input is the hash of, and nothing else.
    fn record_idle(
        &self,
        chain: &ArchivedChain,
        program_hash: B256,
    ) -> Result<OfflineBundle, ChallengerError> {
        let words = [self.agreed, self.batch_acc, chain.rollup.chain.hash()].map(|word| word.0);
        let preimage = Bytes::from(words.concat());
        let mut witness = Witness::default();
        witness.insert(Request::Keccak(keccak256(&preimage)), preimage)?;
        let (input, claim) = (self.input, self.claim);
        Ok(OfflineBundle { program_hash, block: BlockNumber::ZERO, input, claim, witness })
    }
}
