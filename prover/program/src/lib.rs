//! The program whose run an L1 contract can verify: one step of the chain, from nothing but its
//! input and preimages.
//!
//! In: an input of 32 bytes, the keccak of `agreed claim:32 ‖ batch accumulator:32 ‖ hash of the
//! chain's configuration:32`, and an [`Oracle`]. Out: the next claim. With no batch left the
//! accumulator is zero and the next claim is the agreed one.
//!
//! The same code runs in the guest and on a host. It trusts no byte: what it reads is the preimage
//! of a hash that it already believes. An error means that no honest chain has such a claim.
#![cfg_attr(not(feature = "std"), no_std)]
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]

extern crate alloc;

mod inbox;
mod state;

use alloc::vec::Vec;
use alloy_consensus::Header;
use alloy_primitives::{B256, keccak256};
use gainsay_derivation::{
    CLAIM_LEN, ChainConfig, Derivation, DerivationError, Output, claim, decode_batch, unpack_claim,
};
use gainsay_oracle::{Oracle, Request};
use gainsay_transition::{TransitionError, transition, trie::TrieError};

pub use inbox::{read_batch_data, read_deposits, read_header};
pub use state::OracleState;

/// Why a run of the program gives no claim.
#[derive(Debug, thiserror::Error)]
pub enum ProgramError<E: core::error::Error + Send + Sync + 'static> {
    /// A preimage is missing. Never in the guest.
    #[error("cannot read a preimage")]
    Read(#[source] E),
    /// A preimage that no honest chain has.
    #[error("the preimage of {hash} is no {expected}")]
    Malformed {
        /// The hash of the preimage.
        hash: B256,
        /// What the preimage had to be.
        expected: &'static str,
    },
    /// The cursor of the agreed claim is not in the batch.
    #[error(transparent)]
    Derivation(DerivationError),
    /// The state could not be read.
    #[error(transparent)]
    Transition(TransitionError<TrieError<E>, E>),
}

/// Bytes of the preimage of a run's input.
pub const INPUT_LEN: usize = 3 * 32;

/// | bytes | what |
/// |---|---|
/// | 32 | agreed claim |
/// | 32 | batch accumulator, zero if no batch is left |
/// | 32 | hash of the chain's configuration |
// PROTOCOL.md PROGRAM-2
#[must_use]
pub fn pack_input(agreed: B256, batch_acc: B256, config: &ChainConfig) -> [u8; INPUT_LEN] {
    let mut packed = [0; INPUT_LEN];
    let words = [agreed, batch_acc, config.hash()];
    for (place, word) in packed.as_chunks_mut().0.iter_mut().zip(words) {
        *place = word.0;
    }
    packed
}

/// The input of a run from `agreed` on: the hash of [`pack_input`].
// PROTOCOL.md PROGRAM-2
#[must_use]
pub fn program_input(agreed: B256, batch_acc: B256, config: &ChainConfig) -> B256 {
    keccak256(pack_input(agreed, batch_acc, config))
}

/// The claim after the one that `input` names.
///
/// # Errors
/// [`ProgramError`]: no honest chain has the claim that `input` names, or a preimage is missing.
// PROTOCOL.md PROGRAM-3
pub fn run<O: Oracle>(oracle: &O, input: B256) -> Result<B256, ProgramError<O::Error>> {
    // Prologue: what is agreed upon.
    let words: [u8; INPUT_LEN] = read(oracle, input, "program input")?;
    let [agreed, batch_acc, config_hash] = words.as_chunks().0 else {
        return Err(ProgramError::Malformed { hash: input, expected: "program input" });
    };
    let (agreed, batch_acc) = (B256::from(*agreed), B256::from(*batch_acc));
    if batch_acc.is_zero() {
        return Ok(agreed);
    }
    let config = ChainConfig::unpack(&read(oracle, B256::from(*config_hash), "configuration")?);
    let packed: [u8; CLAIM_LEN] = read(oracle, agreed, "claim")?;
    let (output_root, cursor) = unpack_claim(&packed);
    let output = Output::unpack(&read(oracle, output_root, "output root")?);
    let parent_hash = output.block_hash;
    let parent = read_parent(oracle, parent_hash)?;

    // Derive.
    let (header, deposit_acc) = read_header(oracle, batch_acc)?;
    let data = read_batch_data(oracle, &header)?;
    let batch = decode_batch(&header, &data, &config);
    let deposits = read_deposits(oracle, deposit_acc, header.deposits_read, cursor.deposits_read)?;
    let mut derivation =
        Derivation::new(&header, batch, deposits, cursor).map_err(ProgramError::Derivation)?;
    let block = derivation
        .next_block()
        .ok_or(ProgramError::Malformed { hash: agreed, expected: "claim of this batch" })?;

    // Execute.
    let state = OracleState::new(oracle, parent.state_root);
    let step = transition(&config, parent_hash, &parent, block, &state, &state)
        .map_err(ProgramError::Transition)?;

    // Claim.
    Ok(claim(step.block.output_root, &step.cursor))
}

fn read_parent<O: Oracle>(oracle: &O, hash: B256) -> Result<Header, ProgramError<O::Error>> {
    let rlp = oracle.read(&Request::Keccak(hash)).map_err(ProgramError::Read)?;
    let malformed = |_| ProgramError::Malformed { hash, expected: "block header" };
    alloy_rlp::decode_exact(&rlp).map_err(malformed)
}

/// The preimage of `hash`, which has `N` bytes.
fn read<const N: usize, O: Oracle>(
    oracle: &O,
    hash: B256,
    expected: &'static str,
) -> Result<[u8; N], ProgramError<O::Error>> {
    let bytes = oracle.read(&Request::Keccak(hash)).map_err(ProgramError::Read)?;
    let bytes: Vec<u8> = bytes.into();
    bytes.try_into().map_err(|_| ProgramError::Malformed { hash, expected })
}
