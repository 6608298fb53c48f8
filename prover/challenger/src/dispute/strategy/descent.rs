//! From our root edges down, along all edges that we believe in, to what is missing: a bisection, a
//! tree, an instruction.

use alloy_primitives::{B256, map::HashSet};

use super::{Decision, Move, OpenMove, Position, Settlement, StrategyConfig, TimerUpdate};
use crate::{
    ChallengerError,
    dispute::{
        Commitment, Trace, TracePoint,
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

    /// Whether the program has failed before this leaf: nothing runs there.
    // PROTOCOL.md GAME-16
    fn is_behind_zero(&self, index: u64) -> bool {
        let before = index.checked_sub(1).map(|before| self.tree.leaf(before));
        self.level == Level::Blocks && before == Some(B256::ZERO)
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

/// An edge that is a subtree of our tree.
#[derive(Clone, Copy)]
struct Subtree {
    id: EdgeId,
    height: u8,
    /// Its place among the subtrees of this height, from the left.
    index: u64,
    /// Seconds that its timer must reach, 0 if it is not needed.
    needed_secs: u64,
}

/// What a descent reads, and the moves that it collects.
struct Play<'p, T> {
    trace: &'p mut T,
    decision: &'p mut Decision,
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

    /// The inherited timer of an edge, seconds.
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
        let id = EdgeId::new(mutual_id::of_blocks(parent), claims.root());
        let needed_secs = self.config.challenge_period_secs;
        let root = Subtree { id, height: claims.height(), index: 0, needed_secs };
        self.descend(&view, root, &mut Play { trace, decision })
    }

    /// Below the edge that is a subtree of our tree.
    fn descend(
        &mut self,
        view: &LevelView<'_>,
        at: Subtree,
        play: &mut Play<'_, impl Trace>,
    ) -> Result<(), ChallengerError> {
        let Some(edge) = self.game.edge(&at.id) else { return Ok(()) };
        let is_wanted = self.timer(&at.id) < at.needed_secs;
        let own_secs = self.game.unrivaled(&at.id, self.time);
        let needed_secs = if is_wanted { at.needed_secs.saturating_sub(own_secs) } else { 0 };
        let is_missing = is_wanted && self.game.is_rivaled(&at.id);
        // Below an edge that is not needed we play on only where a stake of ours is locked: it
        // comes back when its own level is won.
        if !is_wanted && !self.above_stakes.contains(&at.id.mutual_id) {
            return Ok(());
        }
        let Some(height) = at.height.checked_sub(1) else {
            let leaf = Subtree { needed_secs, ..at };
            if view.is_behind_zero(at.index) {
                if is_missing && at.id.root.is_zero() && edge.cached != INFINITE {
                    play.decision.moves.push(prove_zero(view, at.id, at.index));
                }
                return Ok(());
            }
            return match view.level {
                Level::Blocks | Level::Spans => self.enter(view, leaf, edge, is_missing, play),
                Level::Steps => {
                    if is_missing && edge.cached != INFINITE {
                        play.decision.moves.push(prove_step(view, at.id, at.index));
                    }
                    Ok(())
                }
            };
        };
        let [left, right] = [2 * at.index, 2 * at.index + 1];
        // A root that is ours has only halves that are ours.
        if let Some(children) = edge.children {
            for (id, index) in children.into_iter().zip([left, right]) {
                self.descend(view, Subtree { id, height, index, needed_secs }, play)?;
            }
        } else if is_missing {
            let [left, right] = [left, right].map(|index| view.tree.node(height, index));
            play.decision.moves.push(Move::Bisect { edge: at.id, left, right });
        }
        Ok(())
    }

    /// Into the next level, below the edge of height 0 that is this leaf of our tree.
    fn enter(
        &mut self,
        view: &LevelView<'_>,
        leaf: Subtree,
        edge: &Edge,
        is_missing: bool,
        play: &mut Play<'_, impl Trace>,
    ) -> Result<(), ChallengerError> {
        let opened_id = edge.opened_id(leaf.id.mutual_id);
        if !is_missing && !self.above_stakes.contains(&opened_id) {
            return Ok(());
        }
        let point = view.point_at(leaf.index);
        let level = if view.level == Level::Blocks { Level::Spans } else { Level::Steps };
        let tree = match level {
            Level::Spans => play.trace.spans(&point)?,
            _ => play.trace.steps(&point)?,
        };
        // The tree is not computed yet; a later look may have it.
        let Some(tree) = tree else { return Ok(()) };
        let id = EdgeId::new(opened_id, tree.root());
        let Some(opening) = self.game.opening(&id) else {
            if is_missing {
                play.decision.moves.push(self.open(view, leaf.id, leaf.index, level, &tree));
            }
            return Ok(());
        };
        let whole_secs = self.config.challenge_period_secs;
        let needed_secs = if self.is_our_stake(&id) { whole_secs } else { leaf.needed_secs };
        let view = LevelView { level, start: opened_id, tree: &tree, first: opening.agreed, point };
        let root = Subtree { id, height: tree.height(), index: 0, needed_secs };
        self.descend(&view, root, play)?;
        if opening.staker == self.config.account {
            self.settle(id);
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

fn prove_zero(view: &LevelView<'_>, edge: EdgeId, index: u64) -> Move {
    Move::ProveZero { edge, position: view.position(index) }
}

fn prove_step(view: &LevelView<'_>, edge: EdgeId, index: u64) -> Move {
    let (position, point) = (view.position(index), view.point_at(index));
    Move::ProveStep { edge, position, point, agreed: view.agreed(index) }
}
