//! What is played, how it went, and why it may go wrong.

use std::collections::BTreeMap;

use alloy_primitives::{B256, U256};

use super::{Refusal, Rules};
use gainsay_challenger::ChallengerError;

/// When rivals move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tactic {
    /// Everything in each block.
    Eager,
    /// One move each, after random waits.
    Random,
    /// One move, of one of them, whenever the right assertion is about to win.
    LastMoment,
    /// As `Eager`, but each one stops after some moves.
    Quitters,
}

/// What is played.
#[derive(Clone, Copy, Debug)]
pub struct Trial {
    /// Its parameters.
    pub rules: Rules,
    /// How many players are not the honest one.
    pub rivals: u64,
    /// When they move.
    pub tactic: Tactic,
    /// Seconds from the honest player's look at L1 to its moves there.
    pub lag_secs: u64,
    /// Seconds for which all of its transactions are kept out of L1, from the first one on.
    pub censorship_secs: u64,
}

/// How it went.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Seconds from the first assertion to the confirmation of the right one.
    pub delay_secs: u64,
    /// Seconds until the honest player had its stakes back.
    pub settled_secs: u64,
    /// The most that the honest side should ever have to wait.
    pub bound_secs: u64,
    /// The honest player's moves, by name.
    pub moves: BTreeMap<&'static str, u64>,
    /// Most wei that it had locked.
    pub locked_max: U256,
    /// What that may be: one stake, and one for each point at which somebody else has staked.
    pub locked_bound: U256,
    /// Wei paid out to the honest player.
    pub returned: U256,
    /// Of these, wei that it had not staked.
    pub gained: U256,
    /// Moves of the honest player that nobody was made to pay.
    pub unpaid: usize,
    /// Edges made by all.
    pub edges: usize,
}

/// Why a trial went wrong.
#[derive(Debug, thiserror::Error)]
pub enum SimulationError {
    /// A wrong assertion was confirmed.
    #[error("after {secs} s the wrong assertion {id} was confirmed")]
    WrongConfirmed {
        /// Its id.
        id: B256,
        /// Since the first assertion.
        secs: u64,
    },
    /// Nothing was confirmed, or the stakes did not come back, for too long.
    #[error("after {secs} s the right assertion is not confirmed, or a stake not returned")]
    Stuck {
        /// Since the first assertion.
        secs: u64,
    },
    /// The contracts refused a move of the honest player.
    #[error("{name} of the honest player was refused: {refusal}")]
    Refused {
        /// The move.
        name: &'static str,
        /// The reason.
        refusal: Refusal,
    },
    /// Money came from nowhere or went there.
    #[error("{paid_in} wei in, {accounted} wei accounted for")]
    NotConserved {
        /// Wei paid to the contracts.
        paid_in: U256,
        /// Wei paid out, burnt, credited and locked.
        accounted: U256,
    },
    /// A belief that is no tree.
    #[error(transparent)]
    Belief(#[from] ChallengerError),
}
