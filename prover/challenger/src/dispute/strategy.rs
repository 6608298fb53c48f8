//! What to do next in a dispute.
//!
//! In: the state of all disputes, what we believe, the chain's time. Out: the moves to make now.
//! Pure: it sends nothing and remembers nothing, so a restarted challenger goes on where it was. A
//! move that somebody made already is not decided again.
//!
//! Moves are made for edges that we believe in, and only while their timers need them: it answers
//! each rival with our own half, our own tree, our own instruction. What rivals do with edges of
//! their own does not matter. The strategy goes along the whole line of right assertions, whoever
//! proposed them: it confirms what is due, and takes the stakes of those who lost.
//!
//! | module | job |
//! |---|---|
//! | `moves` | what a player can do |
//! | `descent` | from our root edges down: bisect, open, prove |
//! | `harvest` | after a win: timers, confirmations, stakes |
//! | `pay` | our moves, for which losers pay |

mod descent;
mod harvest;
mod moves;
mod pay;
#[cfg(test)]
mod pending_tests;

use std::collections::BTreeSet;

use alloy_primitives::{Address, B256, U256};
use descent::Descent;
pub use moves::{Conclusion, Line, Move, OpenMove, Position, Settlement, TimerUpdate};

use crate::{
    ChallengerError,
    dispute::game::{AssertionStatus, EdgeId, Game, GameAssertion, Inherited, mutual_id},
    dispute::{Commitment, Trace},
};

/// Who plays, and by which parameters.
#[derive(Clone, Debug)]
pub struct StrategyConfig {
    /// The account that sends and stakes.
    pub account: Address,
    /// Seconds after which an edge or an unrivaled assertion is confirmed.
    pub challenge_period_secs: u64,
    /// Wei to lock for a proposal.
    pub stake: U256,
    /// Wei to lock for a tree of "spans".
    pub spans_stake: U256,
    /// Wei to lock for a tree of "steps".
    pub steps_stake: U256,
    /// Wei that movers are paid for each gas.
    pub gas_price: U256,
    /// Most wei to have locked at one time.
    pub budget: U256,
}

/// Something that a human should know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Alarm {
    /// An assertion contradicts ours.
    WrongAssertion {
        /// Its id.
        id: B256,
        /// Its parent, with which we agree.
        parent: B256,
        /// Its root, as claimed.
        claimed: B256,
        /// The root that we computed.
        computed: B256,
    },
    /// A wrong assertion stood unrivaled for too long, or was confirmed: safety is lost.
    TooLate {
        /// Its id.
        id: B256,
    },
    /// The machine fails on a block after an assertion: the chain will halt there.
    ProgramFails {
        /// The assertion.
        parent: B256,
        /// Which block after it, from 1.
        block: u64,
    },
    /// The program fails on a block, and L1 has found so for ever.
    Halted {
        /// The assertion that said it.
        id: B256,
    },
    /// A move is needed, but its stake exceeds the budget.
    OverBudget {
        /// The move.
        name: &'static str,
        /// Wei locked already, with the moves before it.
        locked: U256,
        /// Wei of its stake.
        stake: U256,
    },
}

/// The moves to make, and the alarms to raise.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decision {
    /// To be sent in this order.
    pub moves: Vec<Move>,
    /// The alarms that hold now.
    pub alarms: Vec<Alarm>,
}

/// Decides what to do at `time`, L1 seconds.
///
/// # Errors
/// Those of the trace.
// PROTOCOL.md GAME-15
pub fn decide(
    game: &Game,
    trace: &mut impl Trace,
    config: &StrategyConfig,
    time: u64,
) -> Result<Decision, ChallengerError> {
    decide_with(game, trace, config, time, &mut Inherited::default())
}

/// [`decide`] for one of several players who look at the same disputes at the same time: each timer
/// is computed once for all of them.
///
/// # Errors
/// As [`decide`].
pub fn decide_with(
    game: &Game,
    trace: &mut impl Trace,
    config: &StrategyConfig,
    time: u64,
    inherited: &mut Inherited,
) -> Result<Decision, ChallengerError> {
    let mut decision = Decision::default();
    let mut descent = Descent::new(game, config, time, inherited);
    let confirmed = game.latest_confirmed();
    let staked_on = descent.staked_on.iter().copied();
    let mut older: BTreeSet<B256> =
        staked_on.filter(|it| is_before(game, it, &confirmed)).collect();
    older.extend(harvest::uncollected(game));
    // The walk along the line, below, starts with this assertion.
    older.remove(&confirmed);
    for parent in older {
        answer_rivals(game, trace, &parent, &mut descent, &mut decision)?;
    }
    // A child is newer than its parent, so the line ends.
    let mut parent = confirmed;
    while let Some(child) = answer_rivals(game, trace, &parent, &mut descent, &mut decision)? {
        parent = child;
    }
    decision.alarms.extend(game.halted_by().map(|id| Alarm::Halted { id }));
    descent.settle_for_all();
    descent.finish(&mut decision);
    harvest::withdraw(game, config, &mut decision);
    keep_within_budget(game, config, &mut decision);
    Ok(decision)
}

/// Whether the children of a confirmed assertion have been decided.
fn is_before(game: &Game, parent: &B256, confirmed: &B256) -> bool {
    parent != confirmed
        && game.assertion(parent).is_some_and(|it| it.status == AssertionStatus::Confirmed)
}

/// Plays for the right child of an assertion with which we agree. Returns that child, if L1 has it.
fn answer_rivals(
    game: &Game,
    trace: &mut impl Trace,
    parent_id: &B256,
    descent: &mut Descent<'_>,
    decision: &mut Decision,
) -> Result<Option<B256>, ChallengerError> {
    let Some(parent) = game.assertion(parent_id) else { return Ok(None) };
    if parent.children.is_empty() {
        return Ok(None);
    }
    let Some(root) = trace.child_root(*parent_id, parent)? else { return Ok(None) };
    let mut right_id = None;
    for id in &parent.children {
        match game.assertion(id) {
            Some(child) if child.root == root => right_id = Some(*id),
            Some(child) => alarm_about(*id, child, root, decision),
            None => {}
        }
    }
    let Some(right_id) = right_id else {
        let Some(right) = trace.child(*parent_id, parent)? else { return Ok(None) };
        alarm_about_failure(*parent_id, &right.claims, decision);
        if may_still_rival(game, parent, descent.config, descent.time) {
            decision.moves.push(Move::propose(game, descent.config, *parent_id, right));
        } else {
            decision.alarms.push(Alarm::TooLate { id: parent.children[0] });
        }
        return Ok(None);
    };
    let is_disputed = game.edge(&EdgeId::new(mutual_id::of_blocks(*parent_id), root)).is_some();
    let is_halt = game.assertion(&right_id).is_some_and(|it| it.end_claim().is_zero());
    // The tree is computed only where it is needed, because the line may be long.
    if (is_disputed || is_halt)
        && let Some(right) = trace.child(*parent_id, parent)?
    {
        alarm_about_failure(*parent_id, &right.claims, decision);
        descent.play(*parent_id, &right.claims, trace, decision)?;
    }
    harvest::confirm(game, descent, right_id, decision);
    Ok(Some(right_id))
}

fn alarm_about_failure(parent: B256, claims: &Commitment, decision: &mut Decision) {
    if let Some(block) = first_zero(claims) {
        decision.alarms.push(Alarm::ProgramFails { parent, block });
    }
}

/// The first block, from 1, after which a player claims 0.
fn first_zero(claims: &Commitment) -> Option<u64> {
    if !claims.last_leaf().is_zero() {
        return None;
    }
    // Zeros follow each other to the end.
    let (mut from, mut to) = (0, (1_u64 << claims.height()).saturating_sub(1));
    while from < to {
        let middle = from.midpoint(to);
        match claims.leaf(middle).is_zero() {
            true => to = middle,
            false => from = middle.saturating_add(1),
        }
    }
    Some(to.saturating_add(1))
}

fn alarm_about(id: B256, child: &GameAssertion, computed: B256, decision: &mut Decision) {
    if matches!(child.status, AssertionStatus::Confirmed | AssertionStatus::Halted) {
        decision.alarms.push(Alarm::TooLate { id });
    } else if child.status == AssertionStatus::Pending {
        let (parent, claimed) = (child.parent, child.root);
        decision.alarms.push(Alarm::WrongAssertion { id, parent, claimed, computed });
    }
}

/// Whether L1 would take another child, as `AssertionChain.checkTime` does.
fn may_still_rival(
    game: &Game,
    parent: &GameAssertion,
    config: &StrategyConfig,
    time: u64,
) -> bool {
    let is_decided = |id: &B256| {
        let status = game.assertion(id).map(|it| it.status);
        matches!(status, Some(AssertionStatus::Confirmed | AssertionStatus::Halted))
    };
    if game.halted_by().is_some() || parent.children.iter().any(is_decided) {
        return false;
    }
    parent.children.first().and_then(|first| game.assertion(first)).is_none_or(|first| {
        let due = first.created_at.saturating_add(config.challenge_period_secs);
        first.status == AssertionStatus::Pending && (first.rivaled_at.is_some() || time < due)
    })
}

/// Wei that `account` has locked: on pending leaves of the tree of assertions, and on openings.
#[must_use]
pub fn locked(game: &Game, config: &StrategyConfig) -> U256 {
    let assertions = game
        .assertions()
        .filter(|(_, it)| it.proposer == config.account && it.holds_stake())
        .fold(U256::ZERO, |sum, _| sum.saturating_add(config.stake));
    game.openings()
        .filter(|(_, it)| it.is_open && it.staker == config.account)
        .fold(assertions, |sum, (_, it)| sum.saturating_add(it.stake))
}

/// Leaves out what would lock more than the budget, with an alarm.
fn keep_within_budget(game: &Game, config: &StrategyConfig, decision: &mut Decision) {
    let mut locked = locked(game, config);
    let alarms = &mut decision.alarms;
    decision.moves.retain(|next| {
        let stake = next.stake();
        let after = locked.saturating_add(stake);
        if !stake.is_zero() && after > config.budget {
            alarms.push(Alarm::OverBudget { name: next.name(), locked, stake });
            return false;
        }
        locked = after;
        true
    });
}
