//! One scenario on a devnet with a live challenger, until it is decided.
//!
//! In: a devnet, the program, a [`Scenario`]. Out: who won, and what it took. The drill lies,
//! fights for its lies, makes traffic and lets time pass; it never plays for the honest side. Where
//! no block has what a fault is about it passes on to later ones by a right proposal of its own.

use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use alloy_primitives::{Address, B256, U256};
use anyhow::{Context, bail, ensure};
use gainsay_derivation::BatchIndex;
use gainsay_store::StoreOptions;
use gainsay_vm::Program;
use tokio::task::JoinSet;

use super::{
    account::{Arena, Stakes, spent, stakes},
    copier::copy_moves,
    devnet::DrillDevnet,
    honest_side::HonestSide,
    scenario::{Part, Scenario},
};
use crate::adversary::{About, Disputes, Liar, Lie, LieBuilder, LyingTrace, read_disputes};
use gainsay_chain::{Progress, RightChild, right_child};
use gainsay_challenger::{
    ArchivedChain, ChainFollower, ChallengerError,
    dispute::{
        MachineTrace, Responder, Response, Trace,
        game::{AssertionStatus, EdgeId, Heights, mutual_id},
        strategy::Move,
    },
};

/// Pause between two looks at L1.
const PAUSE: Duration = Duration::from_millis(100);
/// Nothing has happened for so long: time may pass.
const QUIET: Duration = Duration::from_secs(3);
/// The same after a time in which nobody did anything.
const STILL_QUIET: Duration = Duration::from_millis(700);
/// Time that passes at once, as a part of the challenge period.
const JUMPS_PER_PERIOD: u64 = 8;
/// Jumps without any event after which nobody has anything to do any more.
const IDLE_JUMPS_MAX: u32 = 12;
/// What the copier pays to be first, wei a gas: twenty times what others do.
const COPIER_PRIORITY_FEE: u128 = 20_000_000_000;
/// Name of many scenarios in one dispute.
const TOGETHER: &str = "together";
/// Children of assertions that are passed over while a fault is not possible.
const TRIES_MAX: u32 = 8;

/// What a scenario came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Report {
    /// Its name.
    pub(super) fault: &'static str,
    /// Whether the right assertion was confirmed and no wrong one.
    pub(super) won: bool,
    /// L1 seconds from the first lie to that.
    pub(super) seconds: u64,
    /// L1 blocks from the first lie to that.
    pub(super) l1_blocks: u64,
    /// Transactions of the honest side, those that collect included.
    pub(super) transactions: u64,
    /// Gas of these.
    pub(super) gas: u64,
    /// Wei that the honest side staked.
    pub(super) stake: U256,
    /// Of that, wei that it has not got back.
    pub(super) stake_open: U256,
    /// Wei that adversaries lost.
    pub(super) slashed: U256,
    /// Transactions of the adversaries.
    pub(super) adversary_moves: u64,
    /// Seconds on the clock of the wall.
    pub(super) wall_seconds: u64,
}

/// A devnet under attack.
#[derive(Debug)]
pub(super) struct Exercise {
    devnet: DrillDevnet,
    chain: ArchivedChain,
    follower: ChainFollower,
    program: Arc<Program>,
    trace: Arc<Mutex<MachineTrace>>,
    heights: Heights,
    game: Address,
    passer: Responder,
    next_key: u64,
    /// Wall time after which a scenario counts as lost.
    patience: Duration,
    honest: HonestSide,
}

/// What is to be decided.
struct Dispute {
    parent: B256,
    right_root: B256,
    lies: Vec<B256>,
}

impl Exercise {
    /// A drill with a data folder of its own.
    ///
    /// # Errors
    /// A devnet or a folder that cannot be used.
    pub(super) async fn open(
        devnet: DrillDevnet,
        data: &Path,
        program: Arc<Program>,
        patience: Duration,
        honest: HonestSide,
    ) -> anyhow::Result<Self> {
        let options =
            StoreOptions { history_blocks: 1_000_000, cache_bytes: 32 << 20, genesis_hash: None };
        let chain = ArchivedChain::open(devnet.rollup.clone(), data, &options)?;
        let follower = chain.follow(devnet.client.clone()).await?;
        let genesis = *follower.assertions().read().genesis();
        let trace = MachineTrace::new(chain.clone(), genesis, Some(program.clone()), data)?;
        let heights = trace.heights();
        let sender = devnet.adversary(0, 0).await?;
        let passer = Responder::connect(sender, devnet.rollup.assertion_chain).await?;
        let game = passer.game().address();
        // Keys of a drill before this one may have stakes in old disputes.
        let head = devnet.client.latest().await?;
        Ok(Self {
            devnet,
            chain,
            follower,
            program,
            trace: Arc::new(Mutex::new(trace)),
            heights,
            game,
            passer,
            next_key: head.number << 16,
            patience,
            honest,
        })
    }

    /// All disputes now.
    ///
    /// # Errors
    /// When L1 does not answer.
    pub(super) async fn disputes(&self) -> anyhow::Result<Disputes> {
        let (rollup, client) = (&self.devnet.rollup, &self.devnet.client);
        let (start, chain) = (rollup.l1_start.number, rollup.assertion_chain);
        Ok(read_disputes(client, start, chain, self.game, self.heights).await?)
    }

    /// Plays scenarios to their end, all in one dispute.
    ///
    /// # Errors
    /// A devnet that does not do what it should, or a fault that finds no place.
    pub(super) async fn play(&mut self, scenarios: &[Scenario]) -> anyhow::Result<Report> {
        let started = Instant::now();
        let period = self.devnet.rollup.assertions.challenge_period_secs;
        let parts: Vec<Part> = scenarios.iter().flat_map(|it| it.parts(period)).collect();
        let (parent, expected, lies) = self.plant(&parts).await?;
        let right_root = self.right_root(&parent).await?;
        let mut liars = Vec::new();
        for (number, (lie, part)) in lies.into_iter().zip(&parts).enumerate() {
            let trace = LyingTrace::new(self.trace.clone(), lie, number as u64);
            let responder = self.adversary(0).await?;
            liars.push(Liar::new(trace, responder, part.behaviour).await?);
        }
        if scenarios.contains(&Scenario::Attack) {
            self.pass_over(parent, &expected).await?;
        }
        let before = self.disputes().await?;
        for liar in liars.iter_mut().filter(|it| it.lie().about == About::Claim) {
            self.propose(liar).await?;
        }
        let mut adversaries: Vec<Address> = liars.iter().map(Liar::account).collect();
        let is_claim = |it: &&Liar<MachineTrace>| it.lie().about == About::Claim;
        let lies = liars.iter().filter(is_claim).map(Liar::root).collect();
        let dispute = Dispute { parent, right_root, lies };

        let mut tasks = JoinSet::new();
        if scenarios.contains(&Scenario::FrontRunner) {
            let copier = self.adversary(COPIER_PRIORITY_FEE).await?;
            let targets = [self.devnet.rollup.assertion_chain, self.game];
            adversaries.push(copier.account());
            let spared = adversaries.clone();
            tasks.spawn(async move {
                copy_moves(copier.sender().clone(), targets, spared).await;
                Ok(())
            });
        }
        for liar in liars {
            let (client, rollup) = (self.devnet.client.clone(), self.devnet.rollup.clone());
            let (game, heights) = (self.game, self.heights);
            tasks.spawn(async move {
                let (start, chain) = (rollup.l1_start.number, rollup.assertion_chain);
                fight(liar, || read_disputes(&client, start, chain, game, heights)).await
            });
        }
        let decided = self.watch(&dispute, &adversaries, started, &mut tasks).await?;
        tasks.shutdown().await;
        self.report(scenarios, &dispute, &adversaries, (&before, decided), started).await
    }

    /// Finds a place for all lies; passes over what has none.
    async fn plant(&mut self, parts: &[Part]) -> anyhow::Result<(B256, RightChild, Vec<Lie>)> {
        for _ in 0..TRIES_MAX {
            let block = self.devnet.use_chain().await?;
            self.derive(block).await?;
            let disputes = self.disputes().await?;
            let (parent, limit) = self.tip(&disputes)?;
            let Some(assertion) = disputes.game.assertion(&parent) else { continue };
            let chain = &self.chain;
            let Some(expected) = right_child(chain, &assertion.cursor, limit)? else { continue };
            let (program, heights) = (&self.program, self.heights);
            let builder = LieBuilder { chain, program, heights, parent, expected: &expected };
            let lies: Result<Vec<Lie>, ChallengerError> = tokio::task::block_in_place(|| {
                (0..).zip(parts).map(|(salt, part)| builder.build(part.fault, salt)).collect()
            });
            match lies {
                Ok(lies) => return Ok((parent, expected, lies)),
                Err(ChallengerError::NoPlaceForFault { fault, blocks }) => {
                    tracing::info!(fault, blocks, "no place for this fault, going on");
                    self.pass_over(parent, &expected).await?;
                }
                Err(error) => return Err(error.into()),
            }
        }
        bail!("no place for this fault in {TRIES_MAX} assertions")
    }

    /// Follows L1 until it has brought an L2 block.
    async fn derive(&mut self, block: u64) -> anyhow::Result<()> {
        let started = Instant::now();
        while self.chain.safe_block().get() < block {
            ensure!(started.elapsed() < self.patience, "block {block} was never posted on L1");
            self.follow().await?;
            tokio::time::sleep(PAUSE).await;
        }
        Ok(())
    }

    async fn follow(&mut self) -> anyhow::Result<()> {
        loop {
            let head = self.devnet.client.latest().await?;
            match self.follower.step(&head).await {
                Ok(Progress::Advanced) => {}
                Ok(Progress::CaughtUp) => return Ok(()),
                Err(error) if error.action() == gainsay_l1::Action::Retry => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// The newest assertion that is right with all before it, and the limit of its children.
    fn tip(&self, disputes: &Disputes) -> anyhow::Result<(B256, BatchIndex)> {
        let game = &disputes.game;
        let mut trace = self.trace.lock().unwrap_or_else(PoisonError::into_inner);
        let mut id = game.latest_confirmed();
        loop {
            let found = game.assertion(&id).context("L1 has no assertion")?;
            let right = trace.child(id, found)?;
            let is_right = |child: &&B256| {
                let root = right.as_ref().map(|right| right.claims.root());
                game.assertion(child).map(|it| it.root) == root
            };
            match found.children.iter().find(is_right) {
                Some(child) => id = *child,
                None => {
                    let genesis = self.follower.assertions().read().genesis().batch_limit;
                    return Ok((id, found.batch_limit.unwrap_or(genesis)));
                }
            }
        }
    }

    async fn right_root(&self, parent: &B256) -> anyhow::Result<B256> {
        let disputes = self.disputes().await?;
        let assertion = disputes.game.assertion(parent).context("L1 lost the parent")?;
        let mut trace = self.trace.lock().unwrap_or_else(PoisonError::into_inner);
        let right = trace.child(*parent, assertion)?.context("the right claims are gone")?;
        Ok(right.claims.root())
    }

    async fn adversary(&mut self, priority_fee_min: u128) -> anyhow::Result<Responder> {
        self.next_key += 1;
        let sender = self.devnet.adversary(self.next_key, priority_fee_min).await?;
        Ok(Responder::connect(sender, self.devnet.rollup.assertion_chain).await?)
    }

    /// Makes the right proposal below an assertion.
    async fn pass_over(&self, parent: B256, expected: &RightChild) -> anyhow::Result<()> {
        let disputes = self.disputes().await?;
        let assertion = disputes.game.assertion(&parent).context("L1 lost the parent")?;
        let child = {
            let mut trace = self.trace.lock().unwrap_or_else(PoisonError::into_inner);
            trace.child(parent, assertion)?.context("the right claims are gone")?
        };
        debug_assert_eq!(child.output_root, expected.output_root);
        let stake = self.devnet.rollup.assertions.stake_wei;
        let next = Move::Propose { parent, child, stake, value: stake };
        for _ in 0..TRIES_MAX {
            match self.passer.respond_bare(&next).await? {
                Response::Sent { .. } | Response::Stands => return Ok(()),
                Response::Refused { reason } => tracing::debug!(reason, "not yet"),
                Response::NotYet => {}
            }
            self.devnet.travel(self.devnet.rollup.assertions.min_interval_secs.max(1)).await?;
        }
        bail!("L1 refuses the right child of {parent}")
    }

    async fn propose(&self, liar: &mut Liar<MachineTrace>) -> anyhow::Result<()> {
        let mut last = String::new();
        for _ in 0..TRIES_MAX {
            match liar.propose().await?.response {
                Response::Refused { reason } => last = reason,
                _ => return Ok(()),
            }
            self.devnet.travel(self.devnet.rollup.assertions.min_interval_secs.max(1)).await?;
        }
        bail!("L1 refuses the lie: {last}")
    }

    /// Lets time pass where nobody needs it, until all is decided and collected. Returns when the
    /// right assertion was confirmed.
    async fn watch(
        &self,
        dispute: &Dispute,
        adversaries: &[Address],
        started: Instant,
        tasks: &mut JoinSet<Result<(), ChallengerError>>,
    ) -> anyhow::Result<Option<Disputes>> {
        let period = self.devnet.rollup.assertions.challenge_period_secs;
        let jump = (period / JUMPS_PER_PERIOD).max(1);
        let (mut events, mut quiet_since, mut idle_jumps) = (0, Instant::now(), 0);
        let mut decided: Option<Disputes> = None;
        while started.elapsed() < self.patience {
            if let Some(ended) = tasks.try_join_next() {
                ended.context("an adversary")??;
            }
            let now = self.disputes().await?;
            if now.events != events {
                (events, quiet_since, idle_jumps) = (now.events, Instant::now(), 0);
            }
            let state = dispute.state(&now);
            if state.wrong_confirmed {
                return Ok(None);
            }
            if state.is_confirmed {
                let sums = self.stakes(&now, dispute, adversaries);
                let is_over = state.are_lost && sums.honest_open.is_zero();
                decided.get_or_insert(now.clone());
                if is_over || idle_jumps >= IDLE_JUMPS_MAX {
                    return Ok(decided);
                }
            }
            let quiet = if idle_jumps == 0 { QUIET } else { STILL_QUIET };
            let is_quiet = quiet_since.elapsed() > quiet;
            if is_quiet
                && dispute.lies_have(&now, jump) < period / 2
                && self.honest.rests(&self.devnet.client).await
            {
                self.confirm_passed(&now).await?;
                self.devnet.travel(jump).await?;
                (quiet_since, idle_jumps) = (Instant::now(), idle_jumps + 1);
            }
            tokio::time::sleep(PAUSE).await;
        }
        Ok(decided)
    }

    /// Confirms what this drill proposed rightly, when nobody contradicted it.
    async fn confirm_passed(&self, now: &Disputes) -> anyhow::Result<()> {
        let game = &now.game;
        let latest = game.latest_confirmed();
        let children = game.assertion(&latest).map_or(&[][..], |it| &it.children);
        for id in children {
            let is_ours = game
                .assertion(id)
                .is_some_and(|it| it.proposer == self.passer.account() && it.rivaled_at.is_none());
            if is_ours {
                self.passer.respond_bare(&Move::Confirm(*id)).await?;
            }
        }
        Ok(())
    }

    fn stakes(&self, now: &Disputes, dispute: &Dispute, adversaries: &[Address]) -> Stakes {
        let stake = self.devnet.rollup.assertions.stake_wei;
        stakes(&now.game, &dispute.parent, adversaries, stake)
    }

    async fn report(
        &self,
        scenarios: &[Scenario],
        dispute: &Dispute,
        adversaries: &[Address],
        (before, decided): (&Disputes, Option<Disputes>),
        started: Instant,
    ) -> anyhow::Result<Report> {
        let after = self.disputes().await?;
        let children = after.game.assertion(&dispute.parent).map(|it| it.children.clone());
        let arena = Arena {
            assertion_chain: self.devnet.rollup.assertion_chain,
            game: self.game,
            children: children.unwrap_or_default(),
            adversaries,
        };
        let range = (before.l1_block + 1, after.l1_block);
        let [honest, theirs] = spent(&self.devnet.client, &arena, range).await?;
        let sums = self.stakes(&after, dispute, adversaries);
        let end = decided.as_ref().unwrap_or(&after);
        Ok(Report {
            fault: if let [one] = scenarios { one.name() } else { TOGETHER },
            won: decided.is_some(),
            seconds: end.time.saturating_sub(before.time),
            l1_blocks: end.l1_block.saturating_sub(before.l1_block),
            transactions: honest.transactions,
            gas: honest.gas,
            stake: sums.honest,
            stake_open: sums.honest_open,
            slashed: sums.slashed,
            adversary_moves: theirs.transactions,
            wall_seconds: started.elapsed().as_secs(),
        })
    }
}

/// Where a dispute stands.
struct DisputeState {
    is_confirmed: bool,
    wrong_confirmed: bool,
    /// Whether all lies have lost their stakes.
    are_lost: bool,
}

impl Dispute {
    fn state(&self, now: &Disputes) -> DisputeState {
        let game = &now.game;
        let children = game.assertion(&self.parent).map_or(&[][..], |it| &it.children);
        let children = || children.iter().filter_map(|id| game.assertion(id));
        let is_confirmed = |status| status == AssertionStatus::Confirmed;
        DisputeState {
            is_confirmed: children()
                .any(|it| it.root == self.right_root && is_confirmed(it.status)),
            wrong_confirmed: children()
                .any(|it| it.root != self.right_root && is_confirmed(it.status)),
            are_lost: children()
                .filter(|it| it.root != self.right_root)
                .all(|it| it.status == AssertionStatus::Lost),
        }
    }

    /// The most seconds that a lie would have after `jump` more.
    fn lies_have(&self, now: &Disputes, jump: u64) -> u64 {
        let (game, time) = (&now.game, now.time.saturating_add(jump));
        let place = mutual_id::of_blocks(self.parent);
        let children = game.assertion(&self.parent).map_or(&[][..], |it| &it.children);
        let alone = children
            .iter()
            .filter_map(|id| game.assertion(id))
            .filter(|it| it.root != self.right_root && it.rivaled_at.is_none());
        let alone = alone.map(|it| time.saturating_sub(it.created_at));
        let in_game =
            self.lies.iter().map(|root| game.inherited_timer(&EdgeId::new(place, *root), time));
        alone.chain(in_game).max().unwrap_or_default()
    }
}

/// Plays for a lie until it is stopped.
async fn fight<F: Future<Output = Result<Disputes, ChallengerError>>>(
    mut liar: Liar<MachineTrace>,
    look: impl Fn() -> F,
) -> Result<(), ChallengerError> {
    loop {
        let played = match look().await {
            Ok(disputes) => liar.play(&disputes).await,
            Err(error) => Err(error),
        };
        if let Err(error) = played {
            tracing::warn!(%error, "an adversary's move failed");
        }
        tokio::time::sleep(PAUSE).await;
    }
}
