//! After a dispute is won: caches timers, confirms edges and assertions, takes stakes, pays moves.
//! It does so for every winner, so that no liar keeps a stake because the winner is away.

use std::collections::{BTreeMap, BTreeSet};

use alloy_primitives::{B256, U256};

use super::{
    Conclusion, Decision, Move, Settlement, StrategyConfig, TimerUpdate, descent::Descent, locked,
};
use crate::dispute::game::{AssertionStatus, EdgeId, Game, mutual_id};

/// Timers that one transaction caches: 22,000 gas each.
const UPDATES_MAX: usize = 200;
/// Stakes that one transaction closes. A single settlement may close the winner's in addition.
const LOSERS_MAX: usize = 64;
/// Lines that one transaction pays, in addition to timers and stakes: 7,000 gas for each edge.
const LINES_MAX: usize = 24;

/// A credit below this share of a stake stays: 1/1000, which is 0.001 ether of a stake of one.
const WITHDRAWAL_SHARE: U256 = U256::from_limbs([1_000, 0, 0, 0]);

impl Descent<'_> {
    /// Notes the updates after which the contract uses at least `target` seconds for an edge.
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

    /// Settles the level of `winner`, when it has won.
    pub(super) fn settle(&mut self, winner: EdgeId) {
        let due = self.config.challenge_period_secs;
        let losers = open_rivals(self.game, &winner);
        if losers.is_empty() && !is_open(self.game, &winner) || self.timer(&winner) < due {
            return;
        }
        // In one transaction timers come first.
        self.raise(&winner, due);
        self.settlements.push(Settlement { winner, losers });
    }

    /// Settles each level that was won against rivals whose stakes are locked, unless a stake of
    /// ours is locked there: then the descent decides.
    pub(super) fn settle_for_all(&mut self) {
        let (game, due) = (self.game, self.config.challenge_period_secs);
        let done: BTreeSet<B256> = self.settlements.iter().map(|it| it.winner.mutual_id).collect();
        let mut open: BTreeMap<B256, bool> = BTreeMap::new();
        for (id, opening) in game.openings().filter(|(_, it)| it.is_open) {
            *open.entry(id.mutual_id).or_default() |= opening.staker == self.config.account;
        }
        let theirs = open.into_iter().filter(|(id, is_ours)| !is_ours && !done.contains(id));
        for (place, _) in theirs {
            let roots = game.place(&place).map_or(&[][..], |it| &it.roots);
            let mut edges = roots.iter().map(|root| EdgeId::new(place, *root));
            let is_confirmed = |id: &EdgeId| game.edge(id).is_some_and(|it| it.confirmed);
            let confirmed = edges.clone().find(is_confirmed);
            let winner = confirmed.or_else(|| edges.find(|id| self.timer(id) >= due));
            // A tree without rivals harms nobody: its staker takes the stake back.
            if let Some(winner) = winner.filter(|it| !open_rivals(game, it).is_empty()) {
                self.settle(winner);
            }
        }
    }

    /// Turns what was noted into moves: in its order, in as few transactions as hold it.
    pub(super) fn finish(self, decision: &mut Decision) {
        let lines = self.unpaid_lines();
        let mut pages: Vec<Conclusion> = Vec::new();
        for updates in self.updates.chunks(UPDATES_MAX) {
            pages.push(Conclusion { updates: updates.to_vec(), ..Conclusion::default() });
        }
        let mut stakes = 0;
        for next in self.settlements {
            let more = next.losers.len().saturating_add(1);
            let is_full = stakes > 0 && more.saturating_add(stakes) > LOSERS_MAX;
            if is_full || pages.is_empty() {
                pages.push(Conclusion::default());
                stakes = 0;
            }
            stakes = stakes.saturating_add(more);
            pages.last_mut().into_iter().for_each(|page| page.settlements.push(next.clone()));
        }
        for (count, next) in lines.into_iter().enumerate() {
            if pages.is_empty() || count > 0 && count % LINES_MAX == 0 {
                pages.push(Conclusion::default());
            }
            pages.last_mut().into_iter().for_each(|page| page.lines.push(next.clone()));
        }
        decision.moves.extend(pages.into_iter().map(Move::Conclude));
    }
}

fn is_open(game: &Game, id: &EdgeId) -> bool {
    game.opening(id).is_some_and(|it| it.is_open)
}

/// Roots of rivals of a level's root edge whose stakes are locked, as many as one transaction
/// takes.
fn open_rivals(game: &Game, winner: &EdgeId) -> Vec<B256> {
    let roots = game.place(&winner.mutual_id).map_or(&[][..], |place| &place.roots);
    let rivals = roots.iter().filter(|root| **root != winner.root);
    let open = rivals.filter(|root| is_open(game, &EdgeId::new(winner.mutual_id, **root)));
    open.take(LOSERS_MAX).copied().collect()
}

/// Confirms the right child of a confirmed assertion when it is due, whoever proposed it, and takes
/// its rivals' stakes, because each lie must cost its stake, whoever is paid.
pub(super) fn confirm(game: &Game, descent: &mut Descent<'_>, id: B256, decision: &mut Decision) {
    let Some(target) = game.assertion(&id) else { return };
    if target.status == AssertionStatus::Pending && target.parent == game.latest_confirmed() {
        let due = descent.config.challenge_period_secs;
        if target.rivaled_at.is_none() {
            if descent.time >= target.created_at.saturating_add(due) {
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

/// Parents of confirmed and halted assertions below which nobody has taken the stakes of other
/// children, or of what builds on them.
pub(super) fn uncollected(game: &Game) -> impl Iterator<Item = B256> {
    let is_decided =
        |status| matches!(status, AssertionStatus::Confirmed | AssertionStatus::Halted);
    let decided = game.assertions().filter(move |(_, it)| is_decided(it.status));
    decided.filter_map(|(id, it)| {
        let is_any = losers_of(game, *id, &it.parent).next().is_some();
        is_any.then_some(it.parent)
    })
}

/// The rivals of `winner` and what builds on them, parents first, as far as nobody took their
/// stakes.
pub(super) fn losers_of(game: &Game, winner: B256, parent: &B256) -> impl Iterator<Item = B256> {
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
        |id: &B256| game.assertion(id).is_some_and(|it| it.status == AssertionStatus::Pending);
    found.into_iter().filter(is_pending)
}

/// Takes the stakes of the assertions that lost to `winner`, which also confirms `winner`.
fn collect(game: &Game, winner: B256, parent: &B256, decision: &mut Decision) {
    let losers: Vec<B256> = losers_of(game, winner, parent).take(LOSERS_MAX).collect();
    if !losers.is_empty() {
        decision.moves.push(Move::Collect { winner, losers });
    }
}

/// Takes our credit when it is worth a stake, or, once nothing of ours is locked any more, when it
/// is worth the gas: anybody may credit us a wei.
pub(super) fn withdraw(game: &Game, config: &StrategyConfig, decision: &mut Decision) {
    let used = decision.moves.iter().map(Move::credit_used).sum();
    let amount = game.credit(&config.account).saturating_sub(used);
    if amount > config.stake / WITHDRAWAL_SHARE
        && (amount >= config.stake || locked(game, config).is_zero())
    {
        decision.moves.push(Move::Withdraw { amount });
    }
}
