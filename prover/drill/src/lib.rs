//! Liars, for drills and tests. The binary that watches a chain contains none of this code.
//!
//! | module | job |
//! |---|---|
//! | [`adversary`] | players who lie about the chain, about the machine, or about both |
//! | [`drill`] | the command `drill`: plants lies on a devnet and lets its live challenger win |
//! | [`simulation`] | the protocol alone, against many rivals, by seed |
//! | [`simulate`] | the command `simulate`: plays it and prints delay and stakes |
//! | [`commands`] | the program `gainsay-drill`, which chooses between the two commands |
//!
//! Architecture invariant: `gainsay-challenger` knows nothing of this crate; liars use its strategy
//! with beliefs that are wrong.

pub mod adversary;
pub mod commands;
pub mod drill;
pub mod simulate;
pub mod simulation;
