//! The account of a challenger that plays: its rules, its budget, and what became of its moves.
//!
//! In: decided moves. Out: transactions, one after the other, each confirmed before the next. Many
//! bisections share one transaction, because many rivals ask for many. The store keeps what gas has
//! cost.

use std::collections::BTreeMap;

use alloy::providers::Provider;
use alloy_primitives::{B256, U256};
use gainsay_l1::{Action, L1Error, TxSender, ask_twice};
use gainsay_store::Store;

use super::{
    AlarmBook, AlarmKind, Metrics,
    narration::{describe, ether},
};
use crate::{
    ArchivedChain, ChallengerError,
    dispute::{
        MachineTrace, Responder, Response,
        game::{EdgeId, Game},
        strategy::{Move, StrategyConfig},
    },
};

/// The store's note with the wei that gas has cost, big endian.
const FEES_NOTE: &str = "challenger-fees";
/// Bisections that one transaction makes: 125,000 gas each.
const BISECTIONS_MAX: usize = 48;
/// Refusals of a move in a row that raise an alarm.
const REFUSALS_MAX: u32 = 5;

/// Most wei that a player may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Most wei locked as stakes at one time.
    pub stake: U256,
    /// Most wei for gas, over all restarts.
    pub gas: U256,
}

/// The account.
#[derive(Debug)]
pub struct Player {
    responder: Responder,
    sender: TxSender,
    rules: StrategyConfig,
    gas_budget: U256,
    store: Store,
    fees: U256,
    balance: U256,
    /// The newest L1 block with a move of this process.
    moved_in: u64,
    /// Looks in a row at which L1 refused a move, by its words.
    refusals: BTreeMap<String, u32>,
}

impl Player {
    /// A player on the contracts of a chain.
    ///
    /// # Errors
    /// When L1 does not answer, and those of the store.
    pub async fn open(
        sender: TxSender,
        chain: &ArchivedChain,
        budget: Budget,
    ) -> Result<Self, ChallengerError> {
        let responder = Responder::connect(sender.clone(), chain.rollup.assertion_chain).await?;
        let stakes = ask_twice("stakes of openings", async || responder.game().stakes().await);
        let (spans_stake, steps_stake) = stakes.await?;
        let gas_price =
            ask_twice("the price of moves", async || responder.game().gas_price().await);
        let params = &chain.rollup.assertions;
        let rules = StrategyConfig {
            account: responder.account(),
            challenge_period_secs: params.challenge_period_secs,
            stake: params.stake_wei,
            spans_stake,
            steps_stake,
            gas_price: gas_price.await?,
            budget: budget.stake,
        };
        let store = chain.store.clone();
        let note = store.note(FEES_NOTE)?.unwrap_or_default();
        let fees = U256::try_from_be_slice(&note).unwrap_or_default();
        let gas_budget = budget.gas;
        let mut player = Self {
            responder,
            sender,
            rules,
            gas_budget,
            store,
            fees,
            balance: U256::ZERO,
            moved_in: 0,
            refusals: BTreeMap::new(),
        };
        player.read_balance().await?;
        Ok(player)
    }

    /// Who plays, and by which parameters.
    #[must_use]
    pub const fn rules(&self) -> &StrategyConfig {
        &self.rules
    }

    /// Whether a node that is at this L1 block knows all moves of this process. A node behind a
    /// load balancer may not know them, and its answers would repeat them.
    #[must_use]
    pub const fn is_known_at(&self, l1_block: u64) -> bool {
        l1_block >= self.moved_in
    }

    /// Wei that the account has on L1.
    #[must_use]
    pub const fn balance(&self) -> U256 {
        self.balance
    }

    /// Wei that gas has cost so far.
    #[must_use]
    pub const fn fees(&self) -> U256 {
        self.fees
    }

    /// Makes moves. Returns whether any got into L1.
    pub(super) async fn play(
        &mut self,
        moves: Vec<Move>,
        game: &Game,
        trace: &mut MachineTrace,
        alarms: &mut AlarmBook,
        metrics: &Metrics,
    ) -> Result<bool, ChallengerError> {
        let mut is_any_sent = false;
        let mut refused = BTreeMap::new();
        for turn in turns(moves) {
            if let Some(held_back) = self.over_budget(&turn) {
                let text = format!(
                    "gas has cost {} ether of {}: {held_back}",
                    ether(self.fees),
                    ether(self.gas_budget)
                );
                alarms.raise(AlarmKind::GasBudget, held_back, text);
                continue;
            }
            let (name, what) = (turn.name(), turn.describe(game));
            let response = match turn {
                Turn::Bisections(edges) => self.responder.bisect(&edges).await,
                Turn::One(next) => self.responder.respond(&next, trace).await,
            };
            let outcome = match response {
                Ok(Response::Sent { hash, l1_block, gas_used, fee }) => {
                    tracing::info!("L1 block {l1_block}: {what} ({gas_used} gas, {hash})");
                    is_any_sent = true;
                    self.moved_in = self.moved_in.max(l1_block);
                    self.pay(fee)?;
                    metrics.numbers().gas_used += gas_used;
                    "sent"
                }
                Ok(Response::Stands) => "stands",
                Ok(Response::NotYet) => "not_yet",
                Ok(Response::Refused { reason }) => {
                    let before = self.refusals.get(&what).copied().unwrap_or_default();
                    refused.insert(what.clone(), before.saturating_add(1));
                    if before >= REFUSALS_MAX {
                        let text = format!("L1 refuses to {what}: {reason}");
                        alarms.raise(AlarmKind::Move, what, text);
                    }
                    "refused"
                }
                Err(error) => {
                    raise(alarms, error, &what)?;
                    "failed"
                }
            };
            *metrics.numbers().moves.entry((name, outcome)).or_default() += 1;
        }
        self.refusals = refused;
        if is_any_sent {
            self.read_balance().await?;
        }
        Ok(is_any_sent)
    }

    /// The name of the turn if the gas budget does not allow it. Moves that can wait may use only
    /// the first half of the budget, so that enough is left for disputes.
    fn over_budget(&self, turn: &Turn) -> Option<&'static str> {
        if self.fees >= self.gas_budget {
            return Some("all moves are held back");
        }
        let is_spent = self.fees >= self.gas_budget / U256::from(2);
        (is_spent && turn.can_wait())
            .then_some("nothing is confirmed or collected, the rest is for disputes")
    }

    fn pay(&mut self, fee: U256) -> Result<(), ChallengerError> {
        self.fees = self.fees.saturating_add(fee);
        Ok(self.store.put_note(FEES_NOTE, &self.fees.to_be_bytes::<32>())?)
    }

    /// Raises an alarm while the account can pay nothing. The challenger does not end: the answer
    /// may be false, and ether may come.
    pub(super) async fn check_funds(
        &mut self,
        alarms: &mut AlarmBook,
    ) -> Result<(), ChallengerError> {
        if self.balance.is_zero() {
            self.read_balance().await?;
        }
        if self.balance.is_zero() {
            let account = self.rules.account;
            let text = format!("{account} has no ether on L1 for stakes and gas");
            alarms.raise(AlarmKind::Funds, "balance", text);
        }
        Ok(())
    }

    async fn read_balance(&mut self) -> Result<(), ChallengerError> {
        let balance = self.sender.client().provider().get_balance(self.sender.address()).await;
        let what = "eth_getBalance";
        self.balance = balance.map_err(|source| L1Error::Transport { what, source })?;
        Ok(())
    }
}

/// Makes an alarm of an error that concerns one move alone, and passes on every other error.
fn raise(
    alarms: &mut AlarmBook,
    error: ChallengerError,
    what: &str,
) -> Result<(), ChallengerError> {
    match &error {
        ChallengerError::L1(L1Error::InsufficientFunds { .. }) => {
            alarms.raise(AlarmKind::Funds, "", format!("cannot {what}: {error}"));
        }
        ChallengerError::L1(cause) if cause.action() == Action::Reconsider => {
            alarms.raise(AlarmKind::Move, what, format!("cannot {what}: {error}"));
        }
        _ => return Err(error),
    }
    Ok(())
}

/// One transaction.
enum Turn {
    Bisections(Vec<(EdgeId, [B256; 2])>),
    One(Box<Move>),
}

impl Turn {
    /// Whether it may be made later, or by another player, without a loss.
    fn can_wait(&self) -> bool {
        let Self::One(next) = self else { return false };
        match &**next {
            Move::Conclude(it) => it.updates.is_empty(),
            Move::Confirm(_) | Move::Collect { .. } | Move::Withdraw { .. } => true,
            _ => false,
        }
    }

    const fn name(&self) -> &'static str {
        match self {
            Self::Bisections(_) => "bisectMany",
            Self::One(next) => next.name(),
        }
    }

    fn describe(&self, game: &Game) -> String {
        match self {
            Self::Bisections(edges) => format!("bisect {} edges", edges.len()),
            Self::One(next) => describe(next, game),
        }
    }
}

/// The transactions that make these moves, in their order.
fn turns(moves: Vec<Move>) -> Vec<Turn> {
    let mut turns: Vec<Turn> = Vec::new();
    for next in moves {
        let Move::Bisect { edge, left, right } = next else {
            turns.push(Turn::One(Box::new(next)));
            continue;
        };
        match turns.last_mut() {
            Some(Turn::Bisections(edges)) if edges.len() < BISECTIONS_MAX => {
                edges.push((edge, [left, right]));
            }
            _ => turns.push(Turn::Bisections(vec![(edge, [left, right])])),
        }
    }
    // A single bisection is sent as such: its refusal has a better message.
    for turn in &mut turns {
        if let Turn::Bisections(edges) = turn
            && let [(edge, [left, right])] = edges[..]
        {
            *turn = Turn::One(Box::new(Move::Bisect { edge, left, right }));
        }
    }
    turns
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bisections_in_a_row_share_a_transaction() {
        let bisect = |number: u8| Move::Bisect {
            edge: EdgeId::new(B256::with_last_byte(number), B256::ZERO),
            left: B256::ZERO,
            right: B256::ZERO,
        };
        let mut moves: Vec<Move> = (0..50).map(bisect).collect();
        moves.push(Move::Confirm(B256::ZERO));
        moves.push(bisect(50));
        let turns = turns(moves);
        let sizes: Vec<usize> = turns
            .iter()
            .map(|turn| match turn {
                Turn::Bisections(edges) => edges.len(),
                Turn::One(_) => 1,
            })
            .collect();
        assert_eq!(sizes, [BISECTIONS_MAX, 2, 1, 1]);
        let Turn::One(last) = &turns[3] else { panic!("found many, expected one") };
        assert_eq!(**last, bisect(50));
    }
}
