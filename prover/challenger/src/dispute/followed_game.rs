//! The game at the L1 block that a follower has reached.
//!
//! In: the logs of AssertionChain and EdgeGame that the follower keeps in the store. Out: the
//! [`Game`] after the same L1 block as the chain, the assertions and everything else that a
//! decision depends on. It asks nothing of L1: after a restart the game is rebuilt from the store
//! alone.

use gainsay_chain::kept_events;

use super::game::{Game, GameEvent, Heights};
use crate::{ChainFollower, ChallengerError};

/// All disputes, kept up to date.
#[derive(Debug)]
pub struct FollowedGame {
    game: Game,
    /// The L1 block up to which events are in the game.
    read_to: u64,
    /// The follower's count of L1 reorgs when the game was last brought up to date.
    reorgs: u64,
}

impl FollowedGame {
    /// The game where the follower stands.
    ///
    /// # Errors
    /// Those of the store.
    pub fn new(follower: &ChainFollower) -> Result<Self, ChallengerError> {
        let heights = Heights::of_chain(&follower.chain().rollup.assertions);
        let reorgs = follower.reorgs();
        let mut followed = Self { game: Game::new(heights), read_to: 0, reorgs };
        followed.catch_up(follower)?;
        Ok(followed)
    }

    /// All disputes.
    #[must_use]
    pub const fn game(&self) -> &Game {
        &self.game
    }

    /// Takes in the events that the follower has read since. After a reorg the game is rebuilt from
    /// the events that are left, because it cannot take an event back.
    ///
    /// # Errors
    /// Those of the store.
    pub fn catch_up(&mut self, follower: &ChainFollower) -> Result<(), ChallengerError> {
        if self.reorgs != follower.reorgs() {
            self.reorgs = follower.reorgs();
            self.game = Game::new(self.game.heights());
            self.read_to = 0;
        }
        let from = self.read_to.saturating_add(1);
        for event in kept_events(&follower.chain().store, follower.contracts(), from) {
            let event = event?;
            if let Some(said) = GameEvent::of(&event.event) {
                self.game.apply(&said, event.l1_time);
            }
        }
        self.read_to = follower.l1_block().number;
        Ok(())
    }
}
