//! The protocol alone, played by seed: one honest player against many rivals which delay as they can.
//!
//! In: a trial and a seed. Out: how long it took until the right assertion was confirmed, what the
//! honest player did and locked, what it got. The honest player is the real `strategy`; the rules
//! are a model of the contracts; liars use the same strategy for beliefs that are wrong.
//!
//! | module | job |
//! |---|---|
//! | `contract` | the rules |
//! | `payment` | the rules of who is paid for moves |
//! | `believer` | beliefs |
//! | `trial` | what is played, and how it went |
//! | `table` | trials side by side |

mod believer;
mod contract;
mod payment;
mod table;
mod trial;

use std::collections::BTreeMap;

use alloy_primitives::{Address, U256};
use believer::{Believer, Deviation};
use contract::{Contracts, GENESIS};
pub use contract::{Refusal, Rules};
use rand::{Rng, SeedableRng, rngs::StdRng};
pub use table::{print_table, trials};
pub use trial::{Outcome, SimulationError, Tactic, Trial};

use gainsay_challenger::dispute::{
    Trace,
    game::{EdgeId, Inherited, Level, mutual_id},
    strategy::{Move, StrategyConfig, decide_with, locked},
};

/// Seconds between L1 blocks.
const L1_BLOCK_SECS: u64 = 12;
/// Of the first rivals each fifth one agrees with the right claims, and lies about the inside.
const FALSE_FRIENDS_UP_TO: u64 = 20;
/// Later than the honest player, so that they do not do its work.
const FALSE_FRIEND_WAIT_SECS: u64 = 240;
/// When the first assertion is made.
const START: u64 = 1_000_000;

struct Player {
    believer: Believer,
    config: StrategyConfig,
    moves_left: u64,
    /// L1 seconds at which it looks at L1.
    wakes_at: u64,
    /// Moves made by all when it last found nothing to do.
    idle_since: Option<usize>,
}

struct Table {
    trial: Trial,
    contracts: Contracts,
    honest: Player,
    rivals: Vec<Player>,
    rng: StdRng,
    right_edge: EdgeId,
    now: u64,
    /// Timers at that time: proofs alone change them before the next one.
    inherited: Inherited,
    /// What the honest player has sent, and when it lands.
    sent: Option<(u64, Vec<Move>)>,
    free_at: u64,
    outcome: Outcome,
    /// Wei that the honest player has staked in all.
    staked: U256,
    confirmed_at: Option<u64>,
    /// Moves made by all when the honest player last found nothing to do.
    idle_since: Option<usize>,
}

/// Plays a trial to its end.
///
/// # Errors
/// What must not happen.
pub fn simulate(trial: Trial, seed: u64) -> Result<Outcome, SimulationError> {
    let mut table = Table::new(trial, seed)?;
    let limit = START + 4 * table.outcome.bound_secs;
    while table.now <= limit {
        table.rivals_move()?;
        table.honest_moves()?;
        table.check()?;
        if table.is_over() {
            return table.finish();
        }
        table.now = table.next_time();
        table.inherited.clear();
    }
    Err(SimulationError::Stuck { secs: table.now - START })
}

impl Player {
    fn new(rules: &Rules, number: u64, lie: Deviation, moves_left: u64) -> Self {
        let [stake, spans_stake, steps_stake] = rules.stakes.map(U256::from);
        let account = Address::left_padding_from(&(number + 1).to_be_bytes());
        let config = StrategyConfig {
            account,
            challenge_period_secs: rules.challenge_period_secs,
            stake,
            spans_stake,
            steps_stake,
            gas_price: U256::from(rules.gas_price),
            budget: U256::MAX,
        };
        let believer = Believer::new(rules, lie, number);
        Self { believer, config, moves_left, wakes_at: START, idle_since: None }
    }
}

impl Table {
    fn new(trial: Trial, seed: u64) -> Result<Self, SimulationError> {
        let mut rng = StdRng::seed_from_u64(seed);
        let rules = trial.rules;
        let mut contracts = Contracts::new(rules, START - 1);
        let mut rivals = Vec::new();
        for number in 1..=trial.rivals {
            let mut lie = Deviation::random(&mut rng, rules.heights);
            // Some attack besides the lie of the first one, with a right claim and a wrong inside.
            let first = rivals.first().and_then(|it: &Player| it.believer.lie_block());
            if let Some(block) = first.filter(|_| number % 5 == 0 && number <= FALSE_FRIENDS_UP_TO)
            {
                lie = lie.of_a_false_friend(block);
            }
            let quits = trial.tactic == Tactic::Quitters;
            let moves = if quits { rng.random_range(1..60) } else { u64::MAX };
            let player = Player::new(&rules, number, lie, moves);
            contracts.learn(player.believer.claim);
            rivals.push(player);
        }
        let honest = Player::new(&rules, 0, Deviation::default(), u64::MAX);
        let bound_secs = 2 * rules.challenge_period_secs + trial.censorship_secs;
        let outcome = Outcome {
            delay_secs: 0,
            settled_secs: 0,
            bound_secs,
            moves: BTreeMap::new(),
            locked_max: U256::ZERO,
            locked_bound: U256::ZERO,
            returned: U256::ZERO,
            gained: U256::ZERO,
            unpaid: 0,
            edges: 0,
        };
        let claims = honest.believer.claims()?;
        Ok(Self {
            trial,
            contracts,
            honest,
            rivals,
            rng,
            right_edge: EdgeId::new(mutual_id::of_blocks(GENESIS), claims.root()),
            now: START,
            inherited: Inherited::default(),
            sent: None,
            free_at: START,
            outcome,
            staked: U256::ZERO,
            confirmed_at: None,
            idle_since: None,
        })
    }

    fn rivals_move(&mut self) -> Result<(), SimulationError> {
        let is_last_moment = self.now == START || self.is_about_to_win();
        if self.trial.tactic == Tactic::LastMoment && !is_last_moment {
            return Ok(());
        }
        for index in 0..self.rivals.len() {
            if self.rivals[index].moves_left == 0 || !self.is_awake(&self.rivals[index]) {
                continue;
            }
            match self.trial.tactic {
                Tactic::Eager | Tactic::Quitters => {
                    let moved = self.rival_moves(index, usize::MAX)?;
                    let period = self.trial.rules.challenge_period_secs;
                    let wait = match (moved, self.rivals[index].believer.lie_block()) {
                        (true, Some(_)) => L1_BLOCK_SECS,
                        (true, None) => FALSE_FRIEND_WAIT_SECS,
                        (false, _) => period / 100,
                    };
                    self.rivals[index].wakes_at = self.now + wait;
                    self.rivals[index].idle_since = (!moved).then_some(self.contracts.events);
                }
                Tactic::Random => {
                    self.rival_moves(index, 1)?;
                    let wait = self.rng.random_range(1..self.trial.rules.challenge_period_secs / 8);
                    self.rivals[index].wakes_at = self.now + wait;
                }
                Tactic::LastMoment => {
                    self.rival_moves(index, 1)?;
                    // The first assertion is a lie; all else waits until it would be too late.
                    if self.now == START {
                        break;
                    }
                }
            }
        }
        Ok(())
    }

    /// Whether a rival looks at L1 now: at its time, or earlier if something has happened.
    fn is_awake(&self, rival: &Player) -> bool {
        self.now >= rival.wakes_at || self.is_stirred(rival)
    }

    fn is_stirred(&self, rival: &Player) -> bool {
        rival.believer.lie_block().is_some()
            && rival.idle_since.is_some_and(|events| events < self.contracts.events)
    }

    /// Whether the right assertion wins within two blocks if nothing stops its clock.
    fn is_about_to_win(&self) -> bool {
        self.seconds_to_win() <= 2 * L1_BLOCK_SECS
    }

    /// Seconds until the right assertion wins if nothing stops its clock.
    fn seconds_to_win(&self) -> u64 {
        let timer = self.contracts.game.inherited_timer(&self.right_edge, self.now);
        self.trial.rules.challenge_period_secs.saturating_sub(timer)
    }

    /// Whether the rival found something to do.
    fn rival_moves(&mut self, index: usize, count: usize) -> Result<bool, SimulationError> {
        let player = &mut self.rivals[index];
        let game = &self.contracts.game;
        let no_children = game.assertion(&GENESIS).is_none_or(|it| it.children.is_empty());
        let moves = if no_children {
            let genesis = game.assertion(&GENESIS).cloned();
            let child = genesis.map(|it| player.believer.child(GENESIS, &it));
            let child = child.transpose()?.flatten();
            let propose = |child| Move::propose(game, &player.config, GENESIS, child);
            child.map(propose).into_iter().collect()
        } else {
            let (believer, config) = (&mut player.believer, &player.config);
            decide_with(game, believer, config, self.now, &mut self.inherited)?.moves
        };
        let account = player.config.account;
        let mut moved = false;
        for next in moves.iter().take(count) {
            let rival = &self.rivals[index];
            // A right assertion is left for the honest player to stake on.
            let is_help = rival.believer.lie_block().is_none() && next.name() == "propose";
            if rival.moves_left == 0 || is_help {
                break;
            }
            // What cannot be proven is refused, and tried again in vain.
            let before = self.contracts.events;
            let result = self.contracts.play(account, next, self.now);
            if result.is_ok() && self.contracts.events > before {
                self.rivals[index].moves_left -= 1;
                moved = true;
            }
        }
        Ok(moved)
    }

    fn honest_moves(&mut self) -> Result<(), SimulationError> {
        if let Some((lands_at, moves)) = self.sent.take() {
            if self.now < lands_at {
                self.sent = Some((lands_at, moves));
                return Ok(());
            }
            let account = self.honest.config.account;
            for next in moves {
                if let Move::Withdraw { .. } = next {
                    let credit = self.contracts.game.credit(&account);
                    self.outcome.returned = self.outcome.returned.saturating_add(credit);
                }
                let paid_in = self.contracts.paid_in;
                let result = self.contracts.play(account, &next, self.now);
                let name = next.name();
                result.map_err(|refusal| SimulationError::Refused { name, refusal })?;
                self.staked += self.contracts.paid_in - paid_in;
                *self.outcome.moves.entry(name).or_default() += 1;
            }
            let locked = locked(&self.contracts.game, &self.honest.config);
            self.outcome.locked_max = self.outcome.locked_max.max(locked);
        }
        if self.now < self.free_at && self.idle_since == Some(self.contracts.events) {
            return Ok(());
        }
        let player = &mut self.honest;
        self.inherited.clear();
        let (game, believer) = (&self.contracts.game, &mut player.believer);
        let inherited = &mut self.inherited;
        let decision = decide_with(game, believer, &player.config, self.now, inherited)?;
        if decision.moves.is_empty() {
            self.idle_since = Some(self.contracts.events);
            self.free_at = self.now + self.trial.rules.challenge_period_secs / 200;
        } else {
            self.idle_since = None;
            let censored_until = START + self.trial.censorship_secs;
            let lands_at = (self.now + self.trial.lag_secs).max(censored_until);
            self.sent = Some((lands_at, decision.moves));
        }
        Ok(())
    }

    fn check(&mut self) -> Result<(), SimulationError> {
        let game = &self.contracts.game;
        let id = game.halted_by().unwrap_or_else(|| game.latest_confirmed());
        let secs = self.now - START;
        if id != GENESIS && self.confirmed_at.is_none() {
            let root = self.contracts.game.assertion(&id).map(|it| it.root);
            if root != Some(self.right_edge.root) {
                return Err(SimulationError::WrongConfirmed { id, secs });
            }
            self.confirmed_at = Some(self.now);
        }
        Ok(())
    }

    fn is_over(&self) -> bool {
        let game = &self.contracts.game;
        let account = self.honest.config.account;
        self.confirmed_at.is_some()
            && self.sent.is_none()
            && self.idle_since == Some(self.contracts.events)
            && locked(game, &self.honest.config).is_zero()
            && game.credit(&account).is_zero()
    }

    /// The next time at which something may happen.
    fn next_time(&self) -> u64 {
        let honest = match (&self.sent, self.idle_since) {
            (Some((lands_at, _)), _) => *lands_at,
            (None, Some(_)) => self.free_at,
            (None, None) => self.now + 1,
        };
        let rival = match self.trial.tactic {
            Tactic::LastMoment if self.confirmed_at.is_some() => None,
            Tactic::LastMoment => {
                let wait = self.seconds_to_win().saturating_sub(2 * L1_BLOCK_SECS);
                Some(self.now + wait.max(L1_BLOCK_SECS))
            }
            _ => {
                let playing = self.rivals.iter().filter(|it| it.moves_left > 0);
                let wakes = |it: &Player| {
                    if self.is_stirred(it) { self.now + L1_BLOCK_SECS } else { it.wakes_at }
                };
                playing.map(wakes).min()
            }
        };
        let next = rival.map_or(honest, |rival| rival.min(honest));
        next.max(self.now + 1)
    }

    fn finish(mut self) -> Result<Outcome, SimulationError> {
        let game = &self.contracts.game;
        let honest = self.honest.config.account;
        let [stake, spans, steps] = self.trial.rules.stakes.map(U256::from);
        let theirs = |level| {
            let theirs = game.openings().filter(|(_, it)| it.staker != honest && it.level == level);
            U256::from(theirs.count())
        };
        let assertions = game.assertions().filter(|(_, it)| it.proposer != honest).count();
        // A tree of spans answers an assertion, a tree of steps a tree of spans.
        let locked_bound = stake + spans * U256::from(assertions) + steps * theirs(Level::Spans);
        let pending = game.assertions().filter(|(_, it)| it.holds_stake());
        let held = stake * U256::from(pending.count()) + game.held() + game.credit_sum();
        let (paid_in, accounted) =
            (self.contracts.paid_in, self.contracts.paid_out + self.contracts.burnt + held);
        if paid_in != accounted || self.outcome.returned < self.staked {
            return Err(SimulationError::NotConserved { paid_in, accounted });
        }
        self.outcome.gained = self.outcome.returned - self.staked;
        self.outcome.locked_bound = locked_bound;
        self.outcome.settled_secs = self.now - START;
        self.outcome.delay_secs = self.confirmed_at.map_or(0, |at| at - START);
        // Its trees win, so each of its moves is in a tree that has won.
        let is_unpaid = |mover: Option<Address>, is_paid: bool| mover == Some(honest) && !is_paid;
        let unpaid = game.edges().filter(|(_, it)| is_unpaid(it.mover, it.is_paid));
        self.outcome.unpaid = unpaid.count();
        self.outcome.edges = game.edges().count();
        Ok(self.outcome)
    }
}

#[cfg(test)]
mod tests {
    use gainsay_l1::prices::PROPOSAL_GAS;

    use super::*;

    /// Every tactic, with heights that make rivals meet at each level.
    #[test]
    fn one_honest_player_beats_all_within_the_bound() {
        let seed = std::env::var("GAINSAY_SEED").ok().and_then(|it| it.parse().ok());
        let seed: u64 = seed.unwrap_or_else(rand::random);
        let rounds = std::env::var("GAINSAY_ROUNDS").ok().and_then(|it| it.parse().ok());
        for round in 0..rounds.unwrap_or(1_u64) {
            let seed = seed.wrapping_add(round);
            println!("GAINSAY_SEED={seed}");
            for (heights, rivals) in [((2, 3, 4), [1, 10]), ((10, 16, 20), [1, 3])] {
                for trial in trials(heights, &rivals) {
                    let outcome = simulate(trial, seed).unwrap();
                    assert!(outcome.delay_secs <= outcome.bound_secs, "{trial:?} {outcome:?}");
                    assert!(outcome.locked_max <= outcome.locked_bound, "{trial:?}");
                    // Whoever was first with the right assertion has at least a proposal's gas, and
                    // each move is paid.
                    let has_proposed = outcome.moves.contains_key("propose");
                    let least = if has_proposed { PROPOSAL_GAS * trial.rules.gas_price } else { 0 };
                    assert!(outcome.gained >= U256::from(least), "{trial:?} {outcome:?}");
                    assert_eq!(outcome.unpaid, 0, "{trial:?} {outcome:?}");
                }
            }
        }
    }

    /// The program fails on a block: the right assertion says so, and wins against thieves with ends
    /// of their own behind the failure and against every other liar.
    #[test]
    fn a_failing_program_halts_the_chain_and_nobody_takes_it() {
        let seed = std::env::var("GAINSAY_SEED").ok().and_then(|it| it.parse().ok());
        let seed: u64 = seed.unwrap_or_else(rand::random);
        println!("GAINSAY_SEED={seed}");
        for fails_at in [0, 1, 2] {
            for mut trial in trials((2, 3, 4), &[1, 10]) {
                trial.rules.fails_at = Some(fails_at);
                let outcome = simulate(trial, seed).unwrap();
                assert!(outcome.delay_secs <= outcome.bound_secs, "{trial:?} {outcome:?}");
                assert!(outcome.locked_max <= outcome.locked_bound, "{trial:?}");
            }
        }
    }

    #[test]
    fn a_seed_plays_the_same_game_again() {
        let trial = trials((4, 4, 4), &[7])[1];
        let [one, two] = [simulate(trial, 5).unwrap(), simulate(trial, 5).unwrap()];
        assert_eq!(format!("{one:?}"), format!("{two:?}"));
    }

    #[test]
    fn an_honest_player_that_is_kept_out_for_a_period_loses() {
        let mut trial = trials((2, 3, 4), &[1])[0];
        trial.censorship_secs = trial.rules.challenge_period_secs + 1;
        let error = simulate(trial, 1).unwrap_err();
        let is_lost = match error {
            SimulationError::WrongConfirmed { .. } => true,
            SimulationError::Refused { refusal, .. } => refusal.0 == "AssertionRivalTooLate",
            _ => false,
        };
        assert!(is_lost, "{error}");
    }
}
