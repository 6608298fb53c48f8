//! All disputes, rebuilt from the logs of AssertionChain and EdgeGame alone.
//!
//! In: events in L1 order, and a time. Out: assertions, edges, rivals, stakes, and timers at that
//! time exactly as the contract computes them. Pure: it asks nothing of L1. After a reorg it is
//! rebuilt from the events that are left.
//!
//! | module | job |
//! |---|---|
//! | `mutual_id` | names of places |
//! | `event` | what the logs say |
//! | `edge` | what is known of an edge, a place, a stake, an assertion |
//! | `timers` | the seconds that count for an edge |

mod edge;
mod event;
pub mod mutual_id;
mod timers;

use std::collections::BTreeMap;

use alloy_primitives::{Address, B256, U256, map::HashMap};
use gainsay_l1::AssertionParams;

pub use edge::{AssertionStatus, Edge, EdgeId, GameAssertion, Level, Opening, Place};
pub use event::GameEvent;
pub use timers::{INFINITE, Inherited};

/// Heights of the root edges of the three levels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heights {
    /// 2^blocks claims.
    pub blocks: u8,
    /// 2^spans machine states of one block.
    pub spans: u8,
    /// 2^steps machine states of one span.
    pub steps: u8,
}

impl Heights {
    /// The heights that a chain's `rollup.json` fixes.
    #[must_use]
    pub const fn of_chain(rules: &AssertionParams) -> Self {
        let (blocks, spans) = (rules.blocks_height, rules.spans_height);
        Self { blocks, spans, steps: rules.steps_height }
    }

    /// Height of root edges of `level`.
    #[must_use]
    pub const fn of(&self, level: Level) -> u8 {
        match level {
            Level::Blocks => self.blocks,
            Level::Spans => self.spans,
            Level::Steps => self.steps,
        }
    }
}

/// The state of all disputes of one AssertionChain.
#[derive(Clone, Debug)]
pub struct Game {
    heights: Heights,
    assertions: BTreeMap<B256, GameAssertion>,
    latest_confirmed: B256,
    halted_by: Option<B256>,
    edges: HashMap<EdgeId, Edge>,
    places: HashMap<B256, Place>,
    openings: BTreeMap<EdgeId, Opening>,
    credit: BTreeMap<Address, U256>,
    pots: BTreeMap<B256, U256>,
}

impl Game {
    /// Disputes before the first event, which is the confirmation of the genesis assertion.
    #[must_use]
    pub fn new(heights: Heights) -> Self {
        Self {
            heights,
            assertions: BTreeMap::new(),
            latest_confirmed: B256::ZERO,
            halted_by: None,
            edges: HashMap::default(),
            places: HashMap::default(),
            openings: BTreeMap::new(),
            credit: BTreeMap::new(),
            pots: BTreeMap::new(),
        }
    }

    /// Takes in what happened at `time`, L1 seconds.
    pub fn apply(&mut self, event: &GameEvent, time: u64) {
        match event {
            GameEvent::Proposed { id, assertion } => {
                let made = GameAssertion { created_at: time, ..assertion.clone() };
                if let Some(parent) = self.assertions.get_mut(&made.parent) {
                    parent.children.push(*id);
                }
                self.assertions.insert(*id, made);
            }
            GameEvent::Rivaled { first, rival } => {
                for id in [first, rival] {
                    if let Some(assertion) = self.assertions.get_mut(id) {
                        assertion.rivaled_at.get_or_insert(time);
                    }
                }
            }
            GameEvent::Confirmed { id, output_root, cursor } => {
                let genesis = || GameAssertion::genesis(*output_root, *cursor, time);
                let confirmed = self.assertions.entry(*id).or_insert_with(genesis);
                confirmed.status = AssertionStatus::Confirmed;
                self.latest_confirmed = *id;
            }
            GameEvent::Halted { id } => {
                if let Some(halted) = self.assertions.get_mut(id) {
                    halted.status = AssertionStatus::Halted;
                }
                self.halted_by = Some(*id);
            }
            GameEvent::Lost { id } => {
                if let Some(lost) = self.assertions.get_mut(id) {
                    lost.status = AssertionStatus::Lost;
                }
            }
            GameEvent::CreditAdded { account, amount } => {
                let credit = self.credit.entry(*account).or_default();
                *credit = credit.saturating_add(*amount);
            }
            GameEvent::CreditStaked { account, amount } => {
                let credit = self.credit.entry(*account).or_default();
                *credit = credit.saturating_sub(*amount);
            }
            GameEvent::CreditWithdrawn { account, .. } => {
                self.credit.remove(account);
            }
            GameEvent::RootAdded { edge, parent_assertion, created_at } => {
                let height = self.heights.blocks;
                let made = Edge::new(*parent_assertion, Level::Blocks, height, *created_at);
                self.add(*edge, made, time, None);
            }
            GameEvent::Bisected { edge, left, right, mover } => {
                self.bisect(edge, [*left, *right], *mover, time);
            }
            GameEvent::Opened { opened, opening } => self.open(*opened, opening, time),
            GameEvent::Proven { edge, mover } => {
                self.raise(edge, INFINITE);
                if let Some(found) = self.edges.get_mut(edge) {
                    found.mover = Some(*mover);
                }
            }
            GameEvent::TimerUpdated { edge, timer } => self.raise(edge, *timer),
            GameEvent::EdgeConfirmed { edge } => {
                if let Some(found) = self.edges.get_mut(edge) {
                    found.confirmed = true;
                }
            }
            GameEvent::StakeClosed { edge } => {
                if let Some(opening) = self.openings.get_mut(edge) {
                    opening.is_open = false;
                }
            }
            GameEvent::PotFilled { place, amount } => {
                let pot = self.pots.entry(*place).or_default();
                *pot = pot.saturating_add(*amount);
            }
            GameEvent::LinePaid { place, end, opened, amount } => {
                let pot = self.pots.entry(*place).or_default();
                *pot = pot.saturating_sub(*amount);
                self.note_paid(place, end, opened);
            }
        }
    }

    /// Notes that the moves on a line down to the edge `end` are paid.
    fn note_paid(&mut self, place: &B256, end: &EdgeId, opened: &B256) {
        // Upwards there is one place above each place; downwards the edges say where to go.
        let above = |id: &B256| self.places.get(id)?.above;
        let up = std::iter::successors(Some(end.mutual_id), above);
        let mut turns: Vec<B256> = up.take_while(|id| id != place).collect();
        let roots = self.places.get(place).map_or(&[][..], |it| &it.roots);
        let mut ids = roots.iter().map(|root| EdgeId::new(*place, *root));
        let mut next = ids.find(|id| self.edges.get(id).is_some_and(|it| it.confirmed));
        while let Some(edge) = next.filter(|id| id != end).and_then(|id| self.edges.get_mut(&id)) {
            edge.is_paid = true;
            let turn = turns.pop();
            next = edge.children.into_iter().flatten().find(|id| Some(id.mutual_id) == turn);
        }
        if let Some(leaf) = self.edges.get_mut(end).filter(|it| it.height == 0) {
            leaf.is_paid |= !opened.is_zero() || leaf.mover.is_some();
        }
    }

    fn bisect(&mut self, edge: &EdgeId, [left, right]: [B256; 2], mover: Address, time: u64) {
        let Some(found) = self.edges.get_mut(edge) else { return };
        found.mover = Some(mover);
        let children = edge.children(left, right);
        found.children = Some(children);
        let height = found.height.saturating_sub(1);
        let half = Edge::new(found.dispute, found.level, height, time);
        for child in children {
            self.add(child, half.clone(), time, Some(edge.mutual_id));
        }
    }

    fn open(&mut self, opened: EdgeId, opening: &Opening, time: u64) {
        let Some(parent) = self.edges.get_mut(&opening.parent) else { return };
        parent.opened.push(opened);
        let height = self.heights.of(opening.level);
        let made = Edge::new(parent.dispute, opening.level, height, time);
        self.add(opened, made, time, Some(opening.parent.mutual_id));
        self.openings.insert(opened, opening.clone());
    }

    fn raise(&mut self, edge: &EdgeId, timer: u64) {
        if let Some(found) = self.edges.get_mut(edge) {
            found.cached = found.cached.max(timer);
        }
    }

    /// Adds an edge unless it exists.
    fn add(&mut self, id: EdgeId, edge: Edge, time: u64, above: Option<B256>) {
        if self.edges.contains_key(&id) {
            return;
        }
        self.edges.insert(id, edge);
        let place = self.places.entry(id.mutual_id).or_default();
        place.above = above;
        place.roots.push(id.root);
        if place.roots.len() == 2 {
            place.rivaled_at = Some(time);
        }
    }

    /// Heights of the levels.
    #[must_use]
    pub const fn heights(&self) -> Heights {
        self.heights
    }

    /// The end of the line of confirmed assertions; zero before the first event.
    #[must_use]
    pub const fn latest_confirmed(&self) -> B256 {
        self.latest_confirmed
    }

    /// The assertion that has ended the chain: the program fails on one of its blocks.
    #[must_use]
    pub const fn halted_by(&self) -> Option<B256> {
        self.halted_by
    }

    /// The assertion with this id.
    #[must_use]
    pub fn assertion(&self, id: &B256) -> Option<&GameAssertion> {
        self.assertions.get(id)
    }

    /// All assertions, by id.
    pub fn assertions(&self) -> impl Iterator<Item = (&B256, &GameAssertion)> {
        self.assertions.iter()
    }

    /// The edge with this id.
    #[must_use]
    pub fn edge(&self, id: &EdgeId) -> Option<&Edge> {
        self.edges.get(id)
    }

    /// All edges, in no order.
    pub fn edges(&self) -> impl Iterator<Item = (&EdgeId, &Edge)> {
        self.edges.iter()
    }

    /// The edges that contradict each other at a place.
    #[must_use]
    pub fn place(&self, mutual_id: &B256) -> Option<&Place> {
        self.places.get(mutual_id)
    }

    /// The places above a root edge of "spans" or "steps", its own among them, up to "blocks".
    pub fn places_above(&self, id: &EdgeId) -> impl Iterator<Item = B256> {
        let above = |id: &B256| self.places.get(id)?.above;
        std::iter::successors(Some(id.mutual_id), above)
    }

    /// Whether an edge has a rival.
    #[must_use]
    pub fn is_rivaled(&self, id: &EdgeId) -> bool {
        self.places.get(&id.mutual_id).is_some_and(|place| place.rivaled_at.is_some())
    }

    /// The stake on a root edge of "spans" or "steps".
    #[must_use]
    pub fn opening(&self, id: &EdgeId) -> Option<&Opening> {
        self.openings.get(id)
    }

    /// All stakes on root edges of "spans" and "steps", by edge.
    pub fn openings(&self) -> impl Iterator<Item = (&EdgeId, &Opening)> {
        self.openings.iter()
    }

    /// Wei of losers that are left for who moved, by the place of the tree that won.
    pub fn pots(&self) -> impl Iterator<Item = (&B256, &U256)> {
        self.pots.iter()
    }

    /// Wei that EdgeGame holds: stakes that are locked, and pots.
    #[must_use]
    pub fn held(&self) -> U256 {
        let open = self.openings.values().filter(|it| it.is_open).map(|it| it.stake);
        open.chain(self.pots.values().copied()).sum()
    }

    /// Wei that all accounts may withdraw.
    #[must_use]
    pub fn credit_sum(&self) -> U256 {
        self.credit.values().sum()
    }

    /// Wei that `account` may withdraw.
    #[must_use]
    pub fn credit(&self, account: &Address) -> U256 {
        self.credit.get(account).copied().unwrap_or_default()
    }
}
