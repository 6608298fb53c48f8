//! Preimages: what the program asks for, the keys under which the machine finds the answers, and
//! the host's record of all questions and answers.
//!
//! In: requests. Out: keys (`type byte ‖ low 31 bytes of a keccak hash`) and bytes.
//! Architecture invariant: no disk, no network. To this crate, preimages are bytes without a
//! meaning.
#![cfg_attr(not(feature = "std"), no_std)]
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]

extern crate alloc;

mod request;
#[cfg(feature = "std")]
mod witness;

pub use request::{Oracle, Request};
#[cfg(feature = "std")]
pub use witness::{OracleError, Source, Witness, WitnessOracle};
