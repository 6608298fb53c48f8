//! A block as one file: everything that its run needs, for machines without L1 and without a store.
//!
//! | offset | size | field |
//! |---|---|---|
//! | 0 | 8 | `gainsay` and the version, 1 |
//! | 8 | 32 | program hash |
//! | 40 | 8 | number of the block, big endian |
//! | 48 | 32 | input |
//! | 80 | 32 | claim after the block, by the chain derived from L1 |
//! | 112 | | the witness |

use alloy_primitives::B256;
use gainsay_derivation::BlockNumber;
use gainsay_oracle::Witness;

use crate::{ChallengerError, machine::BlockWitness};

const MAGIC: [u8; 8] = *b"gainsay\x01";
const HEAD_LEN: usize = 112;

/// The content of a bundle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfflineBundle {
    /// The program that the block was recorded for.
    pub program_hash: B256,
    /// Number of the block.
    pub block: BlockNumber,
    /// The program's input.
    pub input: B256,
    /// The claim that it must give.
    pub claim: B256,
    /// Every preimage that it asks for.
    pub witness: Witness,
}

impl OfflineBundle {
    /// The bundle of a block.
    #[must_use]
    pub fn new(block: BlockWitness, program_hash: B256) -> Self {
        let BlockWitness { number, input, claim, witness, .. } = block;
        Self { program_hash, block: number, input, claim, witness }
    }

    /// The file.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend_from_slice(self.program_hash.as_slice());
        bytes.extend_from_slice(&self.block.get().to_be_bytes());
        bytes.extend_from_slice(self.input.as_slice());
        bytes.extend_from_slice(self.claim.as_slice());
        bytes.extend_from_slice(&self.witness.to_bundle());
        bytes
    }

    /// Reads a file; every preimage is checked against its hash.
    ///
    /// # Errors
    /// [`ChallengerError::MalformedBundle`], [`ChallengerError::Oracle`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ChallengerError> {
        let malformed = |reason: &str| ChallengerError::MalformedBundle { reason: reason.into() };
        let (head, witness) = bytes
            .split_first_chunk::<HEAD_LEN>()
            .ok_or_else(|| malformed("it is shorter than its head"))?;
        if head[..8] != MAGIC {
            return Err(malformed("it does not begin as one of version 1"));
        }
        let mut block = [0; 8];
        block.copy_from_slice(&head[40..48]);
        Ok(Self {
            program_hash: B256::from_slice(&head[8..40]),
            block: BlockNumber(u64::from_be_bytes(block)),
            input: B256::from_slice(&head[48..80]),
            claim: B256::from_slice(&head[80..]),
            witness: Witness::from_bundle(witness)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use alloy_primitives::{Bytes, keccak256};
    use gainsay_oracle::Request;

    use super::*;

    #[test]
    fn a_bundle_comes_back_or_is_refused() {
        let mut witness = Witness::default();
        let preimage = Bytes::from_static(b"a preimage");
        witness.insert(Request::Keccak(keccak256(&preimage)), preimage).unwrap();
        let bundle = OfflineBundle {
            program_hash: B256::repeat_byte(1),
            block: BlockNumber(7),
            input: B256::repeat_byte(2),
            claim: B256::repeat_byte(3),
            witness,
        };
        let bytes = bundle.to_bytes();
        assert_eq!(OfflineBundle::from_bytes(&bytes).unwrap(), bundle);
        for len in 0..=HEAD_LEN {
            assert!(OfflineBundle::from_bytes(&bytes[..len]).is_err(), "{len}");
        }
        let mut other = bytes.clone();
        other[7] = 2;
        let error = OfflineBundle::from_bytes(&other).unwrap_err();
        assert!(matches!(error, ChallengerError::MalformedBundle { .. }), "{error}");
        let mut corrupt = bytes;
        *corrupt.last_mut().unwrap() ^= 1;
        assert!(matches!(OfflineBundle::from_bytes(&corrupt), Err(ChallengerError::Oracle(_))));
    }
}
