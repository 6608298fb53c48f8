//! What contracts owe us for moves in trees that have won: the lines to be paid.
//!
//! In: all disputes, and what is settled in the same transaction. Out: lines with moves of ours
//! that are not paid yet. Lines without such moves are for their own movers to claim.

use alloy_primitives::{Address, B256};

use super::{Line, descent::Descent, harvest};
use crate::dispute::game::{AssertionStatus, EdgeId, Level};

/// A line through one tree, from its root down to `at`.
struct Path {
    at: EdgeId,
    /// Index of `at` among the edges of its height.
    index: u64,
    /// Siblings of the nodes on it, downwards.
    siblings: Vec<B256>,
}

impl Descent<'_> {
    /// The lines to be paid now: where a tree has won, and all stakes of losers there are taken.
    // PROTOCOL.md GAME-17
    pub(super) fn unpaid_lines(&self) -> Vec<Line> {
        if self.config.gas_price.is_zero() {
            return Vec::new();
        }
        let game = self.game;
        let closing = self.settlements.iter().filter(|it| !it.losers.is_empty());
        let mut winners: Vec<EdgeId> = closing.map(|it| it.winner).collect();
        for (place, _) in game.pots().filter(|(_, pot)| !pot.is_zero()) {
            let roots = game.place(place).map_or(&[][..], |it| &it.roots);
            let ids = roots.iter().map(|root| EdgeId::new(*place, *root));
            let mut won = ids.filter(|id| game.edge(id).is_some_and(|it| it.confirmed));
            winners.extend(won.next().filter(|id| !winners.contains(id)));
        }
        winners.retain(|winner| self.is_closed(winner));
        let mut lines = Vec::new();
        for winner in winners {
            let path = Path { at: winner, index: 0, siblings: Vec::new() };
            self.walk(winner.mutual_id, path, &mut lines);
        }
        lines
    }

    /// Whether all losers have paid into the pot of a winner, or will by our settlements.
    fn is_closed(&self, winner: &EdgeId) -> bool {
        let game = self.game;
        let Some(edge) = game.edge(winner) else { return false };
        if edge.level == Level::Blocks {
            let children = game.assertion(&edge.dispute).map_or(&[][..], |it| &it.children);
            let is_final = |id: &&B256| {
                let status = game.assertion(id).map(|it| it.status);
                matches!(status, Some(AssertionStatus::Confirmed | AssertionStatus::Halted))
            };
            let right = children.iter().find(is_final);
            let mut losers =
                right.iter().flat_map(|id| harvest::losers_of(game, **id, &edge.dispute));
            return right.is_some() && losers.next().is_none();
        }
        let settled = self.settlements.iter().filter(|it| it.winner == *winner);
        let taken: Vec<B256> = settled.flat_map(|it| it.losers.clone()).collect();
        let place = game.place(&winner.mutual_id);
        let mut rivals = place.iter().flat_map(|it| &it.roots).filter(|it| **it != winner.root);
        rivals.all(|root| {
            let opening = game.opening(&EdgeId::new(winner.mutual_id, *root));
            taken.contains(root) || opening.is_none_or(|it| !it.is_open)
        })
    }

    /// Finds lines below the end of a path. Returns whether it found one, which pays the path, too.
    fn walk(&self, place: B256, path: Path, lines: &mut Vec<Line>) -> bool {
        let Path { at, index, siblings } = path;
        let Some(edge) = self.game.edge(&at) else { return false };
        let is_ours = !edge.is_paid && edge.mover == Some(self.config.account);
        let line = |end: EdgeId, index, siblings: &[B256], opened| Line {
            place,
            index,
            end: end.root,
            siblings: siblings.iter().rev().copied().collect(),
            opened,
        };
        if let Some([left, right]) = edge.children {
            let mut is_any = false;
            for (child, sibling, turn) in [(left, right, 0), (right, left, 1)] {
                let siblings = [siblings.as_slice(), &[sibling.root]].concat();
                let below = Path { at: child, index: 2 * index + turn, siblings };
                is_any |= self.walk(place, below, lines);
            }
            if !is_any && is_ours {
                let siblings = [siblings.as_slice(), &[right.root]].concat();
                lines.push(line(left, 2 * index, &siblings, B256::ZERO));
            }
            return is_any || is_ours;
        }
        if edge.height > 0 || edge.is_paid {
            return false;
        }
        let opened = edge.opened.iter().find(|id| self.is_ours_and_won(id));
        let opened = opened.map_or(B256::ZERO, |id| id.root);
        if is_ours || !opened.is_zero() {
            lines.push(line(at, index, &siblings, opened));
            return true;
        }
        false
    }

    fn is_ours_and_won(&self, opened: &EdgeId) -> bool {
        let staker: Option<Address> = self.game.opening(opened).map(|it| it.staker);
        let is_confirmed = self.game.edge(opened).is_some_and(|it| it.confirmed);
        let is_settled = self.settlements.iter().any(|it| it.winner == *opened);
        staker == Some(self.config.account) && (is_confirmed || is_settled)
    }
}
