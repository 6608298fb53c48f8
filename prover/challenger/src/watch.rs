//! The honest challenger: looks at L1, derives what is new, decides, sends; for ever.
//!
//! In: L1, its own data folder, and a key unless it only watches. Out: moves on L1, alarms,
//! numbers, a status line. Nothing that it needs to go on is in memory alone: it may be killed at
//! any point. Everything that one decision depends on is read up to the same L1 block. A failure of
//! L1 never ends the watch; a failure of its own disk does.
//!
//! | module | job |
//! |---|---|
//! | `alarm_book` | what is wrong now |
//! | `l1_audit` | whether contracts and rules of L1 are those that we know |
//! | `metrics` | numbers for Prometheus |
//! | `narration` | moves in words |
//! | `player` | the account, its budget, and what became of its moves |
//! | `status_line` | position, disputes and alarms, in one line |

mod alarm_book;
mod l1_audit;
mod metrics;
mod move_hold;
mod narration;
mod player;
mod status_line;

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

pub use alarm_book::{AlarmBook, AlarmKind};
use alloy_primitives::{Address, U256};
use gainsay_chain::Progress;
use gainsay_l1::{L1BlockRef, L1Client};
use l1_audit::L1Audit;
pub use metrics::{Metrics, Numbers, listen};
use move_hold::MoveHold;
pub use narration::describe;
pub use player::{Budget, Player};
pub use status_line::StatusLine;

use crate::{
    ChainFollower, ChallengerError,
    dispute::{
        FollowedGame, MachineTrace,
        game::AssertionStatus,
        strategy::{Decision, StrategyConfig, decide, locked},
    },
};

/// First pause after a failure of L1; doubled at each further one.
const BACKOFF: Duration = Duration::from_millis(500);
/// Longest pause after a failure.
const BACKOFF_MAX: Duration = Duration::from_secs(8);
/// L1 may be out of reach for so long before it is an alarm.
const L1_PATIENCE: Duration = Duration::from_secs(60);

/// How to watch.
#[derive(Clone, Debug)]
pub struct WatchOptions {
    /// Pause between two looks at L1.
    pub poll: Duration,
    /// Whether to end at the first wrong claim.
    pub ends_at_a_wrong_claim: bool,
    /// Where the numbers go.
    pub metrics: Metrics,
    /// Folder with the contracts as forge built them, which those on L1 are compared with.
    pub artifacts: PathBuf,
}

/// Whether a look at L1 made a move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Looked {
    /// A move was made: look again at once.
    Moved,
    /// Nothing to do.
    Quiet,
}

/// The challenger.
#[derive(Debug)]
pub struct Watch {
    client: L1Client,
    follower: ChainFollower,
    disputes: FollowedGame,
    trace: MachineTrace,
    /// `None` if it only watches.
    player: Option<Player>,
    rules: StrategyConfig,
    options: WatchOptions,
    alarms: AlarmBook,
    status: StatusLine,
    hold: MoveHold,
    audit: L1Audit,
}

impl Watch {
    /// A challenger that has not looked yet.
    #[must_use]
    pub fn new(
        client: L1Client,
        follower: ChainFollower,
        disputes: FollowedGame,
        trace: MachineTrace,
        player: Option<Player>,
        options: WatchOptions,
    ) -> Self {
        let params = &follower.chain().rollup.assertions;
        let nobody = || StrategyConfig {
            account: Address::ZERO,
            challenge_period_secs: params.challenge_period_secs,
            stake: params.stake_wei,
            spans_stake: U256::ZERO,
            steps_stake: U256::ZERO,
            gas_price: U256::ZERO,
            budget: U256::MAX,
        };
        let rules = player.as_ref().map_or_else(nobody, |it| it.rules().clone());
        let (alarms, status) = (AlarmBook::default(), StatusLine::default());
        let hold = MoveHold::new(rules.challenge_period_secs);
        let audit = L1Audit::new(options.artifacts.clone());
        Self {
            client,
            follower,
            disputes,
            trace,
            player,
            rules,
            options,
            alarms,
            status,
            hold,
            audit,
        }
    }

    /// The follower, with the derived chain and its position on L1.
    #[must_use]
    pub const fn follower(&self) -> &ChainFollower {
        &self.follower
    }

    /// The alarms.
    #[must_use]
    pub const fn alarms(&self) -> &AlarmBook {
        &self.alarms
    }

    /// Watches for ever, or until the first wrong claim if [`WatchOptions::ends_at_a_wrong_claim`].
    ///
    /// # Errors
    /// Those of the data folder, and of the machine's thread: it cannot do its work any more.
    pub async fn run(&mut self) -> Result<(), ChallengerError> {
        let (mut backoff, mut failing_since) = (BACKOFF, None);
        loop {
            match self.look().await {
                Ok(looked) => {
                    (backoff, failing_since) = (BACKOFF, None);
                    self.publish(true);
                    if self.options.ends_at_a_wrong_claim && self.alarms.has_seen_a_wrong_claim() {
                        return Ok(());
                    }
                    if looked == Looked::Quiet {
                        self.pause(self.options.poll).await;
                    }
                }
                Err(error @ ChallengerError::L1(_)) => {
                    let since = *failing_since.get_or_insert_with(Instant::now);
                    tracing::warn!(%error, "L1: trying again in {} ms", backoff.as_millis());
                    if since.elapsed() > L1_PATIENCE {
                        let secs = L1_PATIENCE.as_secs();
                        let text = format!("cannot follow L1 for more than {secs} s: {error}");
                        self.alarms.raise(AlarmKind::L1, "", text);
                    }
                    self.alarms.end_look(&[]);
                    self.publish(false);
                    tokio::time::sleep(backoff).await;
                    backoff = backoff.saturating_mul(2).min(BACKOFF_MAX);
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Waits for the next look: less if something was computed meanwhile.
    async fn pause(&self, pause: Duration) {
        let Some(computed) = self.trace.computed() else { return tokio::time::sleep(pause).await };
        // Both ways are right: the pause is over, or something was computed.
        let _ = tokio::time::timeout(pause, computed.notified()).await;
    }

    /// Looks at L1 once and does what is to be done.
    ///
    /// # Errors
    /// Those of L1, after which looking again may help, and others, after which it will not.
    pub async fn look(&mut self) -> Result<Looked, ChallengerError> {
        // This comes first, because a fork of L1 may be the reason why L1 cannot be followed.
        let rollup = self.follower.chain().rollup.clone();
        self.audit.look(&self.client, &rollup, &mut self.alarms).await?;
        let tip = self.follow_l1().await?;
        if let Some(player) = &mut self.player {
            player.check_funds(&mut self.alarms).await?;
        }
        self.disputes.catch_up(&self.follower)?;
        let Some(decision) = self.decide(tip.timestamp)? else {
            self.alarms.end_look(&AlarmKind::ALL);
            return Ok(Looked::Quiet);
        };
        for alarm in &decision.alarms {
            self.alarms.raise_decided(alarm);
        }
        for (number, failure) in self.trace.failures().into_iter().enumerate() {
            self.alarms.raise(AlarmKind::Trace, number.to_string(), failure);
        }
        let is_behind = self.player.as_ref().is_some_and(|it| !it.is_known_at(tip.number));
        let is_any_sent = if is_behind { false } else { self.act(decision, &tip).await? };
        self.alarms.end_look(&AlarmKind::ALL);
        Ok(if is_any_sent { Looked::Moved } else { Looked::Quiet })
    }

    /// Derives all that L1 has. Returns the block that it was read up to.
    async fn follow_l1(&mut self) -> Result<L1BlockRef, ChallengerError> {
        let mut is_any_new = false;
        loop {
            let head = self.client.latest().await?;
            if self.follower.step(&head).await? == Progress::CaughtUp {
                if is_any_new {
                    self.follower.follow_finality().await?;
                }
                return Ok(self.follower.l1_block());
            }
            is_any_new = true;
            self.status.catching_up(&self.follower, &head);
        }
    }

    /// What to do now. `None` if L1 has confirmed another chain than the derived one, so that
    /// nothing right can follow.
    fn decide(&mut self, time: u64) -> Result<Option<Decision>, ChallengerError> {
        let (game, trace, rules) = (self.disputes.game(), &mut self.trace, &self.rules);
        match tokio::task::block_in_place(|| decide(game, trace, rules, time)) {
            Ok(decision) => Ok(Some(decision)),
            Err(error @ ChallengerError::WrongParent { id, .. }) => {
                let text = format!("{error}: do not trust this chain");
                self.alarms.raise(AlarmKind::TooLate, id.to_string(), text);
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Sends the moves of a decision. Returns whether it sent any. While L1 nodes disagree on the
    /// block of the decision, moves wait, but never so long that a dispute is lost.
    async fn act(
        &mut self,
        decision: Decision,
        decided_at: &L1BlockRef,
    ) -> Result<bool, ChallengerError> {
        let Some(player) = &mut self.player else { return Ok(false) };
        if decision.moves.is_empty() {
            self.hold.release();
            return Ok(false);
        }
        match self.client.require_agreement(decided_at).await {
            Ok(()) => self.hold.release(),
            Err(error) => {
                let patience = self.hold.patience();
                let text = format!("{error}: moves wait for {patience} s of L1's time");
                self.alarms.raise(AlarmKind::L1, "agreement", text);
                if self.hold.may_wait(decided_at.timestamp) {
                    return Ok(false);
                }
            }
        }
        let (game, trace) = (self.disputes.game(), &mut self.trace);
        player.play(decision.moves, game, trace, &mut self.alarms, &self.options.metrics).await
    }

    /// Updates the metrics and prints the status line.
    fn publish(&mut self, has_seen_l1: bool) {
        let (game, chain) = (self.disputes.game(), self.follower.chain());
        let tip = self.follower.l1_block();
        let mut numbers = self.options.metrics.numbers();
        (numbers.l1_block, numbers.l1_time) = (tip.number, tip.timestamp);
        numbers.l2_block = chain.safe_block().get();
        numbers.batches = chain.store.batch_count().get();
        let count = |status| game.assertions().filter(|(_, it)| it.status == status).count() as u64;
        numbers.pending = count(AssertionStatus::Pending);
        numbers.confirmed = count(AssertionStatus::Confirmed);
        numbers.lost = count(AssertionStatus::Lost);
        numbers.halted = count(AssertionStatus::Halted);
        numbers.disputes = count_disputes(game);
        numbers.edges = game.edges().count() as u64;
        if let Some(player) = &self.player {
            numbers.locked = locked(game, player.rules());
            numbers.credit = game.credit(&player.rules().account);
            numbers.balance = player.balance();
            numbers.fees = player.fees();
        }
        for kind in AlarmKind::ALL {
            let counts = (self.alarms.holding(kind), self.alarms.raised(kind));
            numbers.alarms.insert(kind, counts);
        }
        let work = self.trace.work();
        numbers.computing = work.as_ref().map_or(0, |it| it.waiting as u64 + 1);
        if has_seen_l1 {
            numbers.looks_seen += 1;
            numbers.seen_at = metrics::unix_secs();
        } else {
            numbers.looks_failed += 1;
        }
        let numbers = numbers.clone();
        let budget = self.player.as_ref().map(|it| it.rules().budget);
        let confirmed = game.latest_confirmed();
        self.status.tell(&numbers, confirmed, budget, work.as_ref(), self.alarms.len());
    }
}

/// Assertions whose children contradict each other, with none confirmed yet.
fn count_disputes(game: &crate::dispute::game::Game) -> u64 {
    let is_disputed = |parent: &crate::dispute::game::GameAssertion| {
        let mut children = parent.children.iter().filter_map(|id| game.assertion(id));
        let is_open =
            |status| !matches!(status, AssertionStatus::Confirmed | AssertionStatus::Halted);
        parent.children.len() > 1 && children.all(|it| is_open(it.status))
    };
    game.assertions().filter(|(_, it)| is_disputed(it)).count() as u64
}
