//! The rules of AssertionChain and EdgeGame without an EVM: who may do what, and where money goes.
//!
//! In: moves of players at a time. Out: the state that their events make, or why a move is refused.
//! The program that is disputed is the simplest there is: it leaves every claim as it is, or fails on
//! one block. A run takes one instruction from the start to its final state, and stays there.

use std::collections::BTreeMap;

use alloy_primitives::{Address, B256, U256, keccak256};
use gainsay_vm::{node, root_from_siblings};

use gainsay_challenger::dispute::{
    BelievedChild,
    game::{
        AssertionStatus, EdgeId, Game, GameAssertion, GameEvent, Heights, INFINITE, Level, Opening,
        mutual_id,
    },
    strategy::{Conclusion, Move, OpenMove, Position, Settlement, TimerUpdate},
};

/// Parameters of the contracts.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// Heights of the three levels.
    pub heights: Heights,
    /// Seconds.
    pub challenge_period_secs: u64,
    /// Seconds between an assertion and its first child.
    pub min_interval_secs: u64,
    /// Wei for an assertion, a tree of spans, a tree of steps.
    pub stakes: [u64; 3],
    /// Wei that movers are paid for each gas.
    pub gas_price: u64,
    /// The block after genesis, from 0, on which the program fails, if there is one.
    pub fails_at: Option<u64>,
}

/// Why a move was refused: the contract's error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Refusal(pub &'static str);

/// Both contracts.
#[derive(Debug)]
pub(super) struct Contracts {
    pub(super) game: Game,
    pub(super) rules: Rules,
    pub(super) burnt: U256,
    pub(super) paid_in: U256,
    pub(super) paid_out: U256,
    /// Events so far: what changes nothing emits none.
    pub(super) events: usize,
    /// Of a lost assertion, the one that it lost to.
    beaten_by: BTreeMap<B256, B256>,
    /// Final states that were shown to have a claim as their result.
    results: BTreeMap<B256, B256>,
    /// Final states of runs that were opened, by the state in which they start.
    runs: BTreeMap<B256, B256>,
}

/// The machine's state before it runs on a block after a claim.
fn start_of(claim: B256, block: u64) -> B256 {
    keccak256([b"start".as_slice(), claim.as_slice(), &block.to_be_bytes()].concat())
}

/// A machine state with the result `claim`.
pub(super) fn final_of(claim: B256) -> B256 {
    keccak256([b"final".as_slice(), claim.as_slice()].concat())
}

/// The id of the child of `parent` with this root.
pub(super) fn child_id(parent: &B256, root: &B256) -> B256 {
    keccak256([parent.as_slice(), root.as_slice()].concat())
}

/// The genesis assertion.
pub(super) const GENESIS: B256 = B256::repeat_byte(0x47);

/// The claim of the genesis assertion, and so the right one of every block.
pub(super) const RIGHT_CLAIM: B256 = B256::repeat_byte(0x52);

impl Contracts {
    pub(super) fn new(rules: Rules, time: u64) -> Self {
        let mut game = Game::new(rules.heights);
        let (id, cursor) = (GENESIS, Default::default());
        let genesis = GameEvent::Confirmed { id, output_root: RIGHT_CLAIM, cursor };
        game.apply(&genesis, time);
        let [burnt, paid_in, paid_out] = [U256::ZERO; 3];
        let results = BTreeMap::from([RIGHT_CLAIM, B256::ZERO].map(|it| (final_of(it), it)));
        let (runs, beaten_by) = (BTreeMap::new(), BTreeMap::new());
        Self { game, rules, burnt, paid_in, paid_out, events: 0, beaten_by, results, runs }
    }

    /// Lets openers show this claim's final state.
    pub(super) fn learn(&mut self, claim: B256) {
        self.results.insert(final_of(claim), claim);
    }

    /// Plays one move.
    pub(super) fn play(&mut self, who: Address, next: &Move, now: u64) -> Result<(), Refusal> {
        match next {
            Move::Propose { parent, child, value, .. } => {
                self.propose(who, *parent, child, *value, now)
            }
            Move::Bisect { edge, left, right } => self.bisect(who, edge, [*left, *right], now),
            Move::OpenSpans(open) => self.open(who, open, Level::Spans, now),
            Move::OpenSteps(open) => self.open(who, open, Level::Steps, now),
            Move::ProveStep { edge, position, agreed, .. } => {
                self.prove_step(who, edge, (position, *agreed), now)
            }
            Move::ProveZero { edge, position } => self.prove_zero(who, edge, position, now),
            Move::Conclude(it) => self.conclude(who, it, now),
            Move::Confirm(id) => self.confirm(*id, now),
            Move::Collect { winner, losers } => self.collect(who, *winner, losers, now),
            Move::Withdraw { .. } => {
                let amount = self.game.credit(&who);
                self.paid_out += amount;
                self.emit(GameEvent::CreditWithdrawn { account: who, amount }, now);
                Ok(())
            }
        }
    }

    pub(super) fn emit(&mut self, event: GameEvent, now: u64) {
        self.events += 1;
        self.game.apply(&event, now);
    }

    pub(super) fn credit(&mut self, account: Address, amount: U256, now: u64) {
        self.emit(GameEvent::CreditAdded { account, amount }, now);
    }

    fn stake(&self, level: Level) -> U256 {
        U256::from(self.rules.stakes[level as usize])
    }

    fn propose(
        &mut self,
        who: Address,
        parent: B256,
        child: &BelievedChild,
        value: U256,
        now: u64,
    ) -> Result<(), Refusal> {
        let root = child.claims.root();
        let id = child_id(&parent, &root);
        if self.game.assertion(&id).is_some() {
            self.paid_in += value;
            if !value.is_zero() {
                self.credit(who, value, now);
            }
            return Ok(());
        }
        let above = self.game.assertion(&parent).ok_or(Refusal("AssertionUnknown"))?.clone();
        if above.end_claim().is_zero() {
            return Err(Refusal("AssertionParentHalts"));
        }
        let is_pending = above.status == AssertionStatus::Pending;
        if self.is_decided(&parent) || is_pending && self.is_decided(&above.parent) {
            return Err(Refusal("AssertionParentDecided"));
        }
        if above.children.is_empty() && now < above.created_at + self.rules.min_interval_secs {
            return Err(Refusal("AssertionTooEarly"));
        }
        let first = above.children.first().copied();
        let first_child = first.and_then(|it| self.game.assertion(&it)).cloned();
        if let Some(first) = &first_child {
            let due = first.created_at + self.rules.challenge_period_secs;
            if first.rivaled_at.is_none() && now >= due {
                return Err(Refusal("AssertionRivalTooLate"));
            }
        }
        self.take_stake(who, &above, value, now)?;
        let assertion = GameAssertion {
            parent,
            root,
            output_root: if child.is_halt() { B256::ZERO } else { root },
            cursor: Default::default(),
            proposer: who,
            batch_limit: None,
            created_at: now,
            rivaled_at: None,
            status: AssertionStatus::Pending,
            children: Vec::new(),
        };
        self.emit(GameEvent::Proposed { id, assertion }, now);
        let (Some(first), Some(oldest)) = (first, first_child) else { return Ok(()) };
        let mutual = mutual_id::of_blocks(parent);
        if oldest.rivaled_at.is_none() {
            self.add_root(EdgeId::new(mutual, oldest.root), parent, oldest.created_at, now);
        }
        self.add_root(EdgeId::new(mutual, root), parent, now, now);
        self.emit(GameEvent::Rivaled { first, rival: id }, now);
        Ok(())
    }

    /// Whether no pending child of it can be confirmed any more.
    fn is_decided(&self, id: &B256) -> bool {
        self.game.assertion(id).is_some_and(|it| match it.status {
            AssertionStatus::Lost => true,
            AssertionStatus::Confirmed => {
                *id != self.game.latest_confirmed() || self.game.halted_by().is_some()
            }
            AssertionStatus::Pending | AssertionStatus::Halted => false,
        })
    }

    /// The stake of a new child of `above`: it moves on, or is paid by what is sent and by credit.
    fn take_stake(
        &mut self,
        who: Address,
        above: &GameAssertion,
        value: U256,
        now: u64,
    ) -> Result<(), Refusal> {
        // PROTOCOL.md ASSERT-12
        let stake = self.stake(Level::Blocks);
        let moves_on = above.holds_stake() && above.proposer == who;
        let owed = if moves_on { U256::ZERO } else { stake };
        let missing = owed.saturating_sub(value);
        if self.game.credit(&who) < missing {
            return Err(Refusal("AssertionStakeMissing"));
        }
        self.paid_in += value;
        if above.holds_stake() && !moves_on {
            self.credit(above.proposer, stake, now);
        }
        if value > owed {
            self.credit(who, value - owed, now);
        }
        if !missing.is_zero() {
            self.emit(GameEvent::CreditStaked { account: who, amount: missing }, now);
        }
        Ok(())
    }

    fn add_root(&mut self, edge: EdgeId, parent_assertion: B256, created_at: u64, now: u64) {
        self.emit(GameEvent::RootAdded { edge, parent_assertion, created_at }, now);
    }

    fn bisect(
        &mut self,
        mover: Address,
        id: &EdgeId,
        [left, right]: [B256; 2],
        now: u64,
    ) -> Result<(), Refusal> {
        let edge = self.game.edge(id).ok_or(Refusal("EdgeUnknown"))?;
        if edge.children.is_some() {
            return Ok(());
        }
        if edge.height == 0 || node(&left, &right) != id.root {
            return Err(Refusal("EdgeMisplaced"));
        }
        self.require_rival(id)?;
        self.emit(GameEvent::Bisected { edge: *id, left, right, mover }, now);
        Ok(())
    }

    fn require_rival(&self, id: &EdgeId) -> Result<(), Refusal> {
        if self.game.is_rivaled(id) { Ok(()) } else { Err(Refusal("EdgeNotRivaled")) }
    }

    fn require_leaf(&self, id: &EdgeId, level: Level) -> Result<(), Refusal> {
        let edge = self.game.edge(id).ok_or(Refusal("EdgeUnknown"))?;
        if edge.level != level || edge.height != 0 {
            return Err(Refusal("EdgeMisplaced"));
        }
        self.require_rival(id)
    }

    fn open(
        &mut self,
        who: Address,
        open: &OpenMove,
        level: Level,
        now: u64,
    ) -> Result<(), Refusal> {
        let (above, first, mutual) = match level {
            Level::Spans => {
                let start = mutual_id::of_blocks(open.position.start);
                let at = (start, RIGHT_CLAIM, self.rules.heights.blocks);
                (Level::Blocks, at, mutual_id::of_spans(open.edge.mutual_id))
            }
            _ => {
                let start = open.position.start;
                let at = (start, self.first_of(&start)?, self.rules.heights.spans);
                (Level::Spans, at, mutual_id::of_steps(open.edge.mutual_id))
            }
        };
        // At "blocks" the claim before comes with the final state, here from the tree itself.
        let is_first = level == Level::Spans && open.position.index == 0;
        let agreed = if is_first { RIGHT_CLAIM } else { open.agreed };
        if level == Level::Spans && agreed.is_zero() {
            return Err(Refusal("EdgeLastLeafMismatch"));
        }
        if locate(&open.position, first, agreed)? != open.edge.mutual_id {
            return Err(Refusal("EdgeUnknown"));
        }
        self.require_leaf(&open.edge, above)?;
        let last = match level {
            Level::Spans => final_of(open.edge.root),
            _ => open.edge.root,
        };
        if level == Level::Spans && !self.results.contains_key(&last) {
            return Err(Refusal("EdgeResultMismatch"));
        }
        let height = usize::from(self.rules.heights.of(level));
        require_last_leaf(open.root, last, &open.last_leaf_proof, height)?;
        let opened = EdgeId::new(mutual, open.root);
        if self.game.edge(&opened).is_some() {
            return Ok(());
        }
        let stake = self.stake(level);
        self.paid_in += stake;
        let agreed = match level {
            Level::Spans => self.start_run(agreed, open.position.index),
            _ => agreed,
        };
        let (parent, staker, is_open) = (open.edge, who, true);
        let opening = Opening { parent, level, agreed, staker, stake, is_open };
        self.emit(GameEvent::Opened { opened, opening }, now);
        Ok(())
    }

    /// The state in which the run on a block starts.
    fn start_run(&mut self, agreed: B256, block: u64) -> B256 {
        let start = start_of(agreed, block);
        let has_failed = self.rules.fails_at == Some(block) && agreed == RIGHT_CLAIM;
        self.runs.insert(start, final_of(if has_failed { B256::ZERO } else { agreed }));
        start
    }

    /// The state before the first leaf of the root edges at a place.
    fn first_of(&self, mutual: &B256) -> Result<B256, Refusal> {
        let root = self.game.place(mutual).and_then(|place| place.roots.first());
        let opening = root.and_then(|root| self.game.opening(&EdgeId::new(*mutual, *root)));
        Ok(opening.ok_or(Refusal("EdgeUnknown"))?.agreed)
    }

    fn prove_step(
        &mut self,
        mover: Address,
        edge: &EdgeId,
        (position, agreed): (&Position, B256),
        now: u64,
    ) -> Result<(), Refusal> {
        let first = (position.start, self.first_of(&position.start)?, self.rules.heights.steps);
        if locate(position, first, agreed)? != edge.mutual_id {
            return Err(Refusal("EdgeUnknown"));
        }
        // One instruction: from the start of a run to its end, which stays as it is.
        let stepped = self.runs.get(&agreed).copied();
        let id = EdgeId::new(edge.mutual_id, stepped.unwrap_or(agreed));
        self.prove(mover, id, Level::Steps, now)
    }

    fn prove_zero(
        &mut self,
        mover: Address,
        edge: &EdgeId,
        at: &Position,
        now: u64,
    ) -> Result<(), Refusal> {
        let start = mutual_id::of_blocks(at.start);
        let place = (start, RIGHT_CLAIM, self.rules.heights.blocks);
        if locate(at, place, B256::ZERO)? != edge.mutual_id {
            return Err(Refusal("EdgeUnknown"));
        }
        self.prove(mover, EdgeId::new(edge.mutual_id, B256::ZERO), Level::Blocks, now)
    }

    fn prove(&mut self, mover: Address, id: EdgeId, level: Level, now: u64) -> Result<(), Refusal> {
        self.require_leaf(&id, level)?;
        if self.game.edge(&id).is_some_and(|it| it.cached < INFINITE) {
            self.emit(GameEvent::Proven { edge: id, mover }, now);
        }
        Ok(())
    }

    fn conclude(&mut self, who: Address, it: &Conclusion, now: u64) -> Result<(), Refusal> {
        it.updates.iter().try_for_each(|next| self.update(next, now))?;
        it.settlements.iter().try_for_each(|next| self.settle(who, next, now))?;
        it.lines.iter().try_for_each(|line| self.pay(line, now))
    }

    fn update(&mut self, next: &TimerUpdate, now: u64) -> Result<(), Refusal> {
        let edge = self.game.edge(&next.edge).ok_or(Refusal("EdgeUnknown"))?;
        let below = if edge.children.is_some() {
            if node(&next.left, &next.right) != next.edge.root {
                return Err(Refusal("EdgeChildrenMismatch"));
            }
            let children = next.edge.children(next.left, next.right);
            let timers = children.map(|it| self.game.known_timer(&it, now));
            timers[0].min(timers[1])
        } else if edge.height > 0 || edge.level == Level::Steps || next.left.is_zero() {
            0
        } else {
            let opened = EdgeId::new(edge.opened_id(next.edge.mutual_id), next.left);
            let opening = self.game.opening(&opened).ok_or(Refusal("EdgeUnknown"))?;
            if opening.parent != next.edge {
                return Err(Refusal("EdgeNotOpenedBelow"));
            }
            self.game.known_timer(&opened, now)
        };
        let timer = self.game.unrivaled(&next.edge, now).saturating_add(below);
        if timer > edge.cached {
            self.emit(GameEvent::TimerUpdated { edge: next.edge, timer }, now);
        }
        Ok(())
    }

    fn confirm_edge(&mut self, id: &EdgeId, now: u64) -> Result<(), Refusal> {
        let edge = self.game.edge(id).ok_or(Refusal("EdgeUnknown"))?;
        if edge.confirmed {
            return Ok(());
        }
        let place = self.game.place(&id.mutual_id).ok_or(Refusal("EdgeUnknown"))?;
        let is_confirmed = |root: &B256| {
            self.game.edge(&EdgeId::new(id.mutual_id, *root)).is_some_and(|it| it.confirmed)
        };
        if place.roots.iter().any(is_confirmed) {
            return Err(Refusal("EdgeRivalConfirmed"));
        }
        if self.game.known_timer(id, now) < self.rules.challenge_period_secs {
            return Err(Refusal("EdgeNotDue"));
        }
        self.emit(GameEvent::EdgeConfirmed { edge: *id }, now);
        Ok(())
    }

    fn settle(&mut self, who: Address, next: &Settlement, now: u64) -> Result<(), Refusal> {
        self.confirm_edge(&next.winner, now)?;
        let won = self.game.opening(&next.winner).ok_or(Refusal("EdgeNotOpened"))?.clone();
        let mut amount = U256::ZERO;
        if won.is_open {
            amount = won.stake;
            self.emit(GameEvent::StakeClosed { edge: next.winner }, now);
        }
        for loser in &next.losers {
            let edge = EdgeId::new(next.winner.mutual_id, *loser);
            let lost = self.game.opening(&edge).ok_or(Refusal("EdgeNotOpened"))?;
            if edge == next.winner || !lost.is_open {
                continue;
            }
            let (level, half) = (lost.level, lost.stake / U256::from(2));
            self.burnt += lost.stake - half;
            self.emit(GameEvent::StakeClosed { edge }, now);
            amount += self.share_out(who, (edge.mutual_id, level), half, now);
        }
        if !amount.is_zero() {
            self.credit(won.staker, amount, now);
        }
        Ok(())
    }

    fn confirm(&mut self, id: B256, now: u64) -> Result<(), Refusal> {
        let target = self.game.assertion(&id).ok_or(Refusal("AssertionUnknown"))?.clone();
        if matches!(target.status, AssertionStatus::Confirmed | AssertionStatus::Halted) {
            return Ok(());
        }
        if target.parent != self.game.latest_confirmed() {
            return Err(Refusal("AssertionParentNotConfirmed"));
        }
        if target.rivaled_at.is_some() {
            self.confirm_edge(&EdgeId::new(mutual_id::of_blocks(target.parent), target.root), now)?;
        } else if now < target.created_at + self.rules.challenge_period_secs {
            return Err(Refusal("AssertionNotDue"));
        }
        let is_halt = target.end_claim().is_zero();
        let (output_root, cursor) = (target.output_root, target.cursor);
        let confirmed = GameEvent::Confirmed { id, output_root, cursor };
        self.emit(if is_halt { GameEvent::Halted { id } } else { confirmed }, now);
        if target.holds_stake() {
            self.credit(target.proposer, self.stake(Level::Blocks), now);
        }
        Ok(())
    }

    fn collect(
        &mut self,
        who: Address,
        winner: B256,
        losers: &[B256],
        now: u64,
    ) -> Result<(), Refusal> {
        self.confirm(winner, now)?;
        let won = self.game.assertion(&winner).ok_or(Refusal("AssertionUnknown"))?.clone();
        let mut amount = U256::ZERO;
        for id in losers {
            let lost = self.game.assertion(id).ok_or(Refusal("AssertionUnknown"))?;
            if *id == winner || lost.status == AssertionStatus::Lost {
                continue;
            }
            if lost.parent != won.parent && self.beaten_by.get(&lost.parent) != Some(&winner) {
                return Err(Refusal("AssertionNotBeaten"));
            }
            self.beaten_by.insert(*id, winner);
            let stake = if lost.holds_stake() { self.stake(Level::Blocks) } else { U256::ZERO };
            let half = stake / U256::from(2);
            self.burnt += stake - half;
            self.emit(GameEvent::Lost { id: *id }, now);
            if !half.is_zero() {
                let place = mutual_id::of_blocks(won.parent);
                amount += self.share_out(who, (place, Level::Blocks), half, now);
            }
        }
        if !amount.is_zero() {
            self.credit(won.proposer, amount, now);
        }
        Ok(())
    }
}

/// `Positions.locate`: the mutual id of the edge, if `agreed` is the state before it.
fn locate(
    position: &Position,
    (start, first, height): (B256, B256, u8),
    agreed: B256,
) -> Result<B256, Refusal> {
    if position.index >> height != 0 {
        return Err(Refusal("EdgeIndexTooLarge"));
    }
    let (mut mutual, mut last, mut lefts) = (start, None, position.lefts.iter());
    for height in (0..usize::from(height)).rev() {
        if position.index >> height & 1 == 0 {
            mutual = mutual_id::of_left(mutual);
        } else {
            let left = *lefts.next().ok_or(Refusal("EdgeProofLength"))?;
            mutual = mutual_id::of_right(mutual, left);
            last = Some((left, height));
        }
    }
    if lefts.next().is_some() {
        return Err(Refusal("EdgeProofLength"));
    }
    match last {
        None if agreed == first => Ok(mutual),
        None => Err(Refusal("EdgeAgreedMismatch")),
        Some((left, height)) => {
            require_last_leaf(left, agreed, &position.agreed_proof, height).map(|()| mutual)
        }
    }
}

fn require_last_leaf(root: B256, leaf: B256, proof: &[B256], height: usize) -> Result<(), Refusal> {
    if proof.len() != height {
        return Err(Refusal("EdgeProofLength"));
    }
    if root_from_siblings(leaf, (1 << height) - 1, proof) != root {
        return Err(Refusal("EdgeLastLeafMismatch"));
    }
    Ok(())
}
