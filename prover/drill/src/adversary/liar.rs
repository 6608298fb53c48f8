//! One adversary: a key, a lie, and a way to behave.
//!
//! In: the disputes as L1 shows them. Out: its moves, sent. It decides by the strategy of the
//! honest player and holds back by its [`Behaviour`].

use alloy_primitives::{Address, B256, U256};

use super::{About, Disputes, Lie, LyingTrace};
use gainsay_challenger::{
    ChallengerError,
    dispute::{
        Evidence, Responder, Response, Trace,
        game::{EdgeId, Game, mutual_id},
        strategy::{Move, StrategyConfig, decide},
    },
    watch::describe,
};

/// How an adversary makes its moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Behaviour {
    /// Each as soon as it can.
    Eager,
    /// Each when only so many seconds are left before a rival of its assertion wins.
    LastMoment {
        /// The seconds.
        margin_secs: u64,
    },
    /// None any more after so many.
    Deserting {
        /// How many.
        moves: usize,
    },
}

/// A move that was made.
#[derive(Clone, Debug)]
pub struct Played {
    /// The contract's name for it.
    pub name: &'static str,
    /// What became of it.
    pub response: Response,
}

/// The player.
#[derive(Debug)]
pub struct Liar<T> {
    trace: LyingTrace<T>,
    responder: Responder,
    behaviour: Behaviour,
    config: StrategyConfig,
    moves: usize,
}

impl<T: Trace + Evidence> Liar<T> {
    /// A player on the contracts that `responder` moves on, without a limit on its stakes.
    ///
    /// # Errors
    /// When L1 does not answer.
    pub async fn new(
        trace: LyingTrace<T>,
        responder: Responder,
        behaviour: Behaviour,
    ) -> Result<Self, ChallengerError> {
        let rules = responder.chain().params().await?;
        let (spans_stake, steps_stake) = responder.game().stakes().await?;
        let config = StrategyConfig {
            account: responder.account(),
            challenge_period_secs: rules.challenge_period_secs,
            stake: rules.stake_wei,
            spans_stake,
            steps_stake,
            gas_price: responder.game().gas_price().await?,
            budget: U256::MAX,
        };
        Ok(Self { trace, responder, behaviour, config, moves: 0 })
    }

    /// What it lies about.
    #[must_use]
    pub const fn lie(&self) -> &Lie {
        self.trace.lie()
    }

    /// Its account.
    #[must_use]
    pub const fn account(&self) -> Address {
        self.responder.account()
    }

    /// Moves that it made.
    #[must_use]
    pub const fn moves(&self) -> usize {
        self.moves
    }

    /// Root of the claims that it stakes on.
    #[must_use]
    pub fn root(&self) -> B256 {
        self.lie().child.claims.root()
    }

    /// Claims its lie, whether or not another claim stands.
    ///
    /// # Errors
    /// Those of [`Responder::respond`].
    pub async fn propose(&mut self) -> Result<Played, ChallengerError> {
        let Lie { parent, ref child, .. } = *self.trace.lie();
        // It does not look before: what is sent without need is credited.
        let stake = self.config.stake;
        let next = Move::Propose { parent, child: child.clone(), stake, value: stake };
        let block = self.lie().block.saturating_add(1);
        let what = format!("propose an assertion whose block {block} after the parent is wrong");
        self.send(next, &what).await
    }

    /// Makes the moves that it has to make now, as it behaves.
    ///
    /// # Errors
    /// Those of the trace and of [`Responder::respond`].
    pub async fn play(&mut self, disputes: &Disputes) -> Result<Vec<Played>, ChallengerError> {
        let Disputes { game, time, .. } = disputes;
        if !self.is_willing(game, *time) {
            return Ok(Vec::new());
        }
        let decision = decide(game, &mut self.trace, &self.config, *time)?;
        let mut played = Vec::new();
        for next in decision.moves {
            if self.is_left_to_others(&next) || !self.is_willing(game, *time) {
                continue;
            }
            let what = describe(&next, game);
            played.push(self.send(next, &what).await?);
        }
        Ok(played)
    }

    async fn send(&mut self, next: Move, what: &str) -> Result<Played, ChallengerError> {
        let response = self.responder.respond(&next, &mut self.trace).await?;
        if let Response::Sent { l1_block, .. } = response {
            self.moves += 1;
            let fault = self.lie().fault;
            tracing::info!("L1 block {l1_block}: the liar ({fault}) moves: {what}");
        }
        Ok(Played { name: next.name(), response })
    }

    /// Wrong instructions have no proof; and it stakes on no claims but its own: who lies below
    /// right ones leaves it to the honest player to stake on those.
    fn is_left_to_others(&self, next: &Move) -> bool {
        match next {
            Move::ProveStep { .. } => true,
            Move::Propose { parent, .. } => {
                *parent != self.lie().parent || self.lie().about != About::Claim
            }
            _ => false,
        }
    }

    fn is_willing(&self, game: &Game, time: u64) -> bool {
        match self.behaviour {
            Behaviour::Eager => true,
            Behaviour::Deserting { moves } => self.moves < moves,
            Behaviour::LastMoment { margin_secs } => {
                let due = self.config.challenge_period_secs.saturating_sub(margin_secs);
                self.best_rival(game, time) >= due
            }
        }
    }

    /// The most seconds that a rival of its claims has.
    fn best_rival(&self, game: &Game, time: u64) -> u64 {
        let place = mutual_id::of_blocks(self.lie().parent);
        let roots = game.place(&place).map_or(&[][..], |it| &it.roots);
        let rivals = roots.iter().filter(|root| **root != self.root());
        rivals
            .map(|root| game.inherited_timer(&EdgeId::new(place, *root), time))
            .max()
            .unwrap_or_default()
    }
}
