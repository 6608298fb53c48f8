//! The seconds that count for an edge, at a time. In Solidity: `contracts/src/game/Timers.sol`.
//!
//! The *known* timer of an edge is what the contract would use now. The *inherited* timer is what
//! it would use after all updates that anybody can make. Neither of them ever falls.

use alloy_primitives::map::HashMap;

use super::{EdgeId, Game};

/// The timer of a proven edge.
pub const INFINITE: u64 = u64::MAX;

/// Inherited timers at one time, each computed once.
pub type Inherited = HashMap<EdgeId, u64>;

impl Game {
    /// Seconds for which the edge existed before its first rival.
    #[must_use]
    pub fn unrivaled(&self, id: &EdgeId, time: u64) -> u64 {
        let Some(edge) = self.edge(id) else { return 0 };
        let rivaled_at = self.place(&id.mutual_id).and_then(|place| place.rivaled_at);
        rivaled_at.unwrap_or(time).saturating_sub(edge.created_at)
    }

    /// The known timer, seconds.
    #[must_use]
    pub fn known_timer(&self, id: &EdgeId, time: u64) -> u64 {
        self.edge(id).map_or(0, |edge| edge.cached.max(self.unrivaled(id, time)))
    }

    /// The inherited timer, seconds.
    #[must_use]
    pub fn inherited_timer(&self, id: &EdgeId, time: u64) -> u64 {
        self.inherited(id, time, &mut Inherited::default())
    }

    /// As [`Self::inherited_timer`]. `done` keeps the timers at this `time`, so that each is
    /// computed once.
    // PROTOCOL.md GAME-11
    pub fn inherited(&self, id: &EdgeId, time: u64, done: &mut Inherited) -> u64 {
        if let Some(timer) = done.get(id) {
            return *timer;
        }
        let Some(edge) = self.edge(id) else { return 0 };
        if edge.cached == INFINITE {
            return INFINITE;
        }
        let below = if let Some([left, right]) = edge.children {
            self.inherited(&left, time, done).min(self.inherited(&right, time, done))
        } else {
            edge.opened.iter().map(|it| self.inherited(it, time, done)).max().unwrap_or(0)
        };
        let timer = edge.cached.max(self.unrivaled(id, time).saturating_add(below));
        done.insert(*id, timer);
        timer
    }
}
