//! From our root edges down, along all edges that we believe in, to what is missing: a bisection, a
//! tree, an instruction.

use alloy_primitives::{B256, map::HashSet};

use super::{
    Decision, Move, OpenMove, Position, Settlement, StrategyConfig, TimerUpdate, TracePoint,
};
use crate::{
    ChallengerError,
    dispute::Trace,
    dispute::{
        Commitment,
        game::{Edge, EdgeId, Game, INFINITE, Inherited, Level, mutual_id},
    },
};

/// One look at all disputes.
pub(super) struct Descent<'a> {
    pub(super) game: &'a Game,
    pub(super) config: &'a StrategyConfig,
    pub(super) time: u64,
    pub(super) inherited: &'a mut Inherited,
    pub(super) updates: Vec<TimerUpdate>,
    pub(super) updated: HashSet<EdgeId>,
    pub(super) settlements: Vec<Settlement>,
    /// Assertions in the disputes about whose children we have stakes on trees of machine states.
    pub(super) staked_on: HashSet<B256>,
    /// Mutual ids of these trees' root edges and of all above them.
    above_stakes: HashSet<B256>,
}

/// The tree of a level in which we are.
struct LevelView<'t> {
    level: Level,
    /// Start of positions: see [`Position`].
    start: B256,
    tree: &'t Commitment,
    /// The state before the first leaf, where L1 knows it.
    first: B256,
    point: TracePoint,
}

impl LevelView<'_> {
    fn agreed(&self, index: u64) -> B256 {
        index.checked_sub(1).map_or(self.first, |before| self.tree.leaf(before))
    }

    fn position(&self, index: u64) -> Position {
        Position::of_leaf(self.start, self.tree, index)
    }

    /// What the leaf at `index` is about.
    const fn point_at(&self, index: u64) -> TracePoint {
        let mut point = self.point;
        match self.level {
            Level::Blocks => point.block = index,
            Level::Spans => point.span = index,
            Level::Steps => point.step = index,
        }
        point
    }
}

impl<'a> Descent<'a> {
    pub(super) fn new(
        game: &'a Game,
        config: &'a StrategyConfig,
        time: u64,
        inherited: &'a mut Inherited,
    ) -> Self {
        let mut staked_on = HashSet::default();
        let mut above_stakes = HashSet::default();
        for (id, opening) in game.openings() {
            if opening.is_open && opening.staker == config.account {
                staked_on.extend(game.edge(id).map(|edge| edge.dispute));
                above_stakes.extend(game.places_above(id));
            }
        }
        Self {
            game,
            config,
            time,
            staked_on,
            above_stakes,
            inherited,
            updates: Vec::new(),
            updated: HashSet::default(),
            settlements: Vec::new(),
        }
    }

    /// What the contract could be brought to use for an edge now.
    pub(super) fn timer(&mut self, id: &EdgeId) -> u64 {
        self.game.inherited(id, self.time, self.inherited)
    }

    /// Plays for the child with these claims of the assertion `parent`.
    pub(super) fn play(
        &mut self,
        parent: B256,
        claims: &Commitment,
        trace: &mut impl Trace,
        decision: &mut Decision,
    ) -> Result<(), ChallengerError> {
        let point = TracePoint { parent, block: 0, span: 0, step: 0 };
        let (start, first) = (parent, B256::ZERO);
        let view = LevelView { level: Level::Blocks, start, tree: claims, first, point };
        let root = EdgeId::new(mutual_id::of_blocks(parent), claims.root());
        let needed = self.config.challenge_period_secs;
        self.descend(&view, root, claims.height(), 0, needed, trace, decision)
    }

    /// Below the edge at `height` that is the subtree `index` of our tree. Its timer is needed up to
    /// `needed` seconds, 0 if not at all.
    #[expect(clippy::too_many_arguments, reason = "a recursion whose state is its arguments")]
    fn descend(
        &mut self,
        view: &LevelView<'_>,
        id: EdgeId,
        height: u8,
        index: u64,
        needed: u64,
        trace: &mut impl Trace,
        decision: &mut Decision,
    ) -> Result<(), ChallengerError> {
        let Some(edge) = self.game.edge(&id) else { return Ok(()) };
        let is_wanted = self.timer(&id) < needed;
        let own = self.game.unrivaled(&id, self.time);
        let below = if is_wanted { needed.saturating_sub(own) } else { 0 };
        let is_missing = is_wanted && self.game.is_rivaled(&id);
        // Our stakes come back when their own level is won, long after what is above may be.
        if !is_wanted && !self.above_stakes.contains(&id.mutual_id) {
            return Ok(());
        }
        if height == 0 {
            return match view.level {
                Level::Steps => {
                    if is_missing && edge.cached != INFINITE {
                        decision.moves.push(prove_step(view, id, index));
                    }
                    Ok(())
                }
                _ => self.enter(view, id, edge, index, (is_missing, below), trace, decision),
            };
        }
        let (left, right) =
            (view.tree.node(height - 1, 2 * index), view.tree.node(height - 1, 2 * index + 1));
        // The root is ours, so the halves are.
        if let Some([left, right]) = edge.children {
            self.descend(view, left, height - 1, 2 * index, below, trace, decision)?;
            self.descend(view, right, height - 1, 2 * index + 1, below, trace, decision)?;
        } else if is_missing {
            decision.moves.push(Move::Bisect { edge: id, left, right });
        }
        Ok(())
    }

    /// Into the next level, below the height-0 edge `id`.
    #[expect(clippy::too_many_arguments, reason = "a recursion whose state is its arguments")]
    fn enter(
        &mut self,
        view: &LevelView<'_>,
        id: EdgeId,
        edge: &Edge,
        index: u64,
        (is_missing, needed): (bool, u64),
        trace: &mut impl Trace,
        decision: &mut Decision,
    ) -> Result<(), ChallengerError> {
        let opened_id = edge.opened_id(id.mutual_id);
        if !is_missing && !self.above_stakes.contains(&opened_id) {
            return Ok(());
        }
        let point = view.point_at(index);
        let level = if view.level == Level::Blocks { Level::Spans } else { Level::Steps };
        let tree = match level {
            Level::Spans => trace.spans(point.parent, point.block)?,
            _ => trace.steps(point.parent, point.block, point.span)?,
        };
        // Not known yet: the next look may.
        let Some(tree) = tree else { return Ok(()) };
        let opened = EdgeId::new(opened_id, tree.root());
        let Some(opening) = self.game.opening(&opened) else {
            if is_missing {
                decision.moves.push(self.open(view, id, index, level, &tree));
            }
            return Ok(());
        };
        let whole = self.config.challenge_period_secs;
        let is_ours = self.is_our_stake(&opened);
        let needed = if is_ours { whole } else { needed };
        let view = LevelView { level, start: opened_id, tree: &tree, first: opening.agreed, point };
        self.descend(&view, opened, tree.height(), 0, needed, trace, decision)?;
        if opening.staker == self.config.account {
            self.settle(opened);
        }
        Ok(())
    }

    fn is_our_stake(&self, opened: &EdgeId) -> bool {
        let opening = self.game.opening(opened);
        opening.is_some_and(|it| it.is_open && it.staker == self.config.account)
    }

    fn open(
        &self,
        view: &LevelView<'_>,
        edge: EdgeId,
        index: u64,
        level: Level,
        tree: &Commitment,
    ) -> Move {
        let open = OpenMove {
            edge,
            position: view.position(index),
            point: view.point_at(index),
            agreed: view.agreed(index),
            root: tree.root(),
            last_leaf_proof: tree.last_leaf_proof(),
            stake: match level {
                Level::Spans => self.config.spans_stake,
                _ => self.config.steps_stake,
            },
        };
        if level == Level::Spans { Move::OpenSpans(open) } else { Move::OpenSteps(open) }
    }
}

fn prove_step(view: &LevelView<'_>, edge: EdgeId, index: u64) -> Move {
    let (position, point) = (view.position(index), view.point_at(index));
    Move::ProveStep { edge, position, point, agreed: view.agreed(index) }
}
