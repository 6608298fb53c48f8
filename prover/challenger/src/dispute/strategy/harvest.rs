//! What a won dispute yields: timers are cached, edges and assertions confirmed, stakes collected.

use alloy_primitives::{B256, U256};

use super::{Decision, Move, Settlement, StrategyConfig, TimerUpdate, descent::Descent, locked};
use crate::dispute::game::{AssertionStatus, EdgeId, Game, mutual_id};

/// Timers that one transaction caches: 22,000 gas each.
const UPDATES_MAX: usize = 200;
/// Stakes that one transaction takes.
const LOSERS_MAX: usize = 64;

impl Descent<'_> {
    /// Notes what brings the contract to use at least `target` seconds for an edge that has them.
    pub(super) fn raise(&mut self, id: &EdgeId, target: u64) {
        if self.game.known_timer(id, self.time) >= target || self.updated.contains(id) {
            return;
        }
        let Some(edge) = self.game.edge(id) else { return };
        let below = target.saturating_sub(self.game.unrivaled(id, self.time));
        let (left, right) = if let Some(children) = edge.children {
            for child in children {
                self.raise(&child, below);
            }
            (children[0].root, children[1].root)
        } else {
            let Some(best) = edge.opened.iter().max_by_key(|it| self.timer(it)) else { return };
            self.raise(best, below);
            (best.root, B256::ZERO)
        };
        self.updated.insert(*id);
        self.updates.push(TimerUpdate { edge: *id, left, right });
    }

    /// Settles a level in which we have staked on `winner`, when it has won.
    pub(super) fn settle(&mut self, winner: EdgeId) {
        let due = self.config.challenge_period_secs;
        let is_open = |id: &EdgeId| self.game.opening(id).is_some_and(|it| it.is_open);
        let rivals = self.game.place(&winner.mutual_id).map_or(&[][..], |place| &place.roots);
        let losers: Vec<B256> = rivals
            .iter()
            .filter(|root| **root != winner.root)
            .filter(|root| is_open(&EdgeId::new(winner.mutual_id, **root)))
            .take(LOSERS_MAX)
            .copied()
            .collect();
        if losers.is_empty() && !is_open(&winner) || self.timer(&winner) < due {
            return;
        }
        if self.game.known_timer(&winner, self.time) >= due {
            self.settlements.push(Settlement { winner, losers });
        } else {
            self.raise(&winner, due);
        }
    }

    /// Turns what was noted into moves.
    pub(super) fn finish(self, decision: &mut Decision) {
        let pages = self.updates.chunks(UPDATES_MAX).map(|page| Move::Update(page.to_vec()));
        decision.moves.extend(pages);
        if !self.settlements.is_empty() {
            decision.moves.push(Move::Settle(self.settlements));
        }
    }
}

/// Confirms the right child of a confirmed assertion when it is due, and takes its rivals' stakes:
/// whoever is paid for it, lies must cost.
pub(super) fn confirm(game: &Game, descent: &mut Descent<'_>, id: B256, decision: &mut Decision) {
    let Some(target) = game.assertion(&id) else { return };
    let is_ours = target.proposer == descent.config.account;
    if target.status == AssertionStatus::Pending && target.parent == game.latest_confirmed() {
        let due = descent.config.challenge_period_secs;
        if target.rivaled_at.is_none() {
            if is_ours && descent.time >= target.created_at.saturating_add(due) {
                decision.moves.push(Move::Confirm(id));
            }
            return;
        }
        let root = EdgeId::new(mutual_id::of_blocks(target.parent), target.root);
        if descent.timer(&root) < due {
            return;
        }
        if game.known_timer(&root, descent.time) < due {
            descent.raise(&root, due);
            return;
        }
    } else if !matches!(target.status, AssertionStatus::Confirmed | AssertionStatus::Halted) {
        return;
    }
    collect(game, id, &target.parent, decision);
}

/// Parents of confirmed assertions that have other children, whose stakes nobody has taken.
pub(super) fn uncollected(game: &Game) -> impl Iterator<Item = B256> {
    let is_pending =
        |id: &B256| game.assertion(id).is_some_and(|it| it.status == AssertionStatus::Pending);
    game.assertions().filter(|(_, it)| it.status == AssertionStatus::Confirmed).filter_map(
        move |(_, it)| {
            let siblings = &game.assertion(&it.parent)?.children;
            siblings.iter().any(is_pending).then_some(it.parent)
        },
    )
}

/// Takes the stakes of the rivals of `winner` and of what builds on them, and confirms it by that.
fn collect(game: &Game, winner: B256, parent: &B256, decision: &mut Decision) {
    let children = |id: &B256| game.assertion(id).map_or(&[][..], |it| &it.children);
    let mut found: Vec<B256> =
        children(parent).iter().filter(|id| **id != winner).copied().collect();
    let mut next = 0;
    while let Some(id) = found.get(next) {
        let below = children(id).to_vec();
        found.extend(below);
        next += 1;
    }
    let is_pending =
        |id: &&B256| game.assertion(id).is_some_and(|it| it.status == AssertionStatus::Pending);
    let losers: Vec<B256> = found.iter().filter(is_pending).take(LOSERS_MAX).copied().collect();
    if !losers.is_empty() {
        decision.moves.push(Move::Collect { winner, losers });
    }
}

/// Takes our credit, when nothing of ours is locked any more or it is worth a stake.
pub(super) fn withdraw(game: &Game, config: &StrategyConfig, decision: &mut Decision) {
    let amount = game.credit(&config.account);
    if amount > U256::ZERO && (amount >= config.stake || locked(game, config).is_zero()) {
        decision.moves.push(Move::Withdraw { amount });
    }
}
