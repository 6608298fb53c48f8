//! How long moves wait while L1 nodes disagree.
//!
//! In: L1's time at each look that would move and finds a disagreement. Out: whether to wait once
//! more. All waits within one challenge period together last for a sixteenth of it, so that an L1
//! node that disagrees now and then cannot make a dispute lost by time.

/// Share of a challenge period.
const SHARE: u64 = 16;

/// The waits of the current challenge period.
#[derive(Debug)]
pub(super) struct MoveHold {
    period_secs: u64,
    /// When the first of these waits began.
    first: Option<u64>,
    /// The last look of the wait that goes on.
    last: Option<u64>,
    /// Seconds that these waits have lasted together.
    spent: u64,
}

impl MoveHold {
    pub(super) const fn new(period_secs: u64) -> Self {
        Self { period_secs, first: None, last: None, spent: 0 }
    }

    /// Seconds that all waits may last.
    pub(super) const fn patience(&self) -> u64 {
        self.period_secs / SHARE
    }

    /// Whether moves wait at L1's time `now`.
    pub(super) fn may_wait(&mut self, now: u64) -> bool {
        let first = *self.first.get_or_insert(now);
        if now.saturating_sub(first) >= self.period_secs {
            *self = Self { first: Some(now), ..Self::new(self.period_secs) };
        }
        let last = self.last.replace(now).unwrap_or(now);
        self.spent = self.spent.saturating_add(now.saturating_sub(last));
        self.spent < self.patience()
    }

    /// Ends the wait: L1 nodes agree, or no move is due.
    pub(super) const fn release(&mut self) {
        self.last = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_add_up_within_a_period() {
        let mut hold = MoveHold::new(1_600);
        assert_eq!(hold.patience(), 100);
        assert!(hold.may_wait(10_000));
        assert!(hold.may_wait(10_060));
        // Nodes agree for a while, which is no wait.
        hold.release();
        assert!(hold.may_wait(10_500));
        assert!(hold.may_wait(10_539));
        assert!(!hold.may_wait(10_540));
        hold.release();
        assert!(!hold.may_wait(10_900));
        // In the next period there is patience again.
        hold.release();
        assert!(hold.may_wait(11_600));
        assert!(hold.may_wait(11_699));
        assert!(!hold.may_wait(11_700));
    }

    #[test]
    fn a_disagreement_long_ago_does_not_count() {
        let mut hold = MoveHold::new(1_600);
        assert!(hold.may_wait(10_000));
        hold.release();
        assert!(hold.may_wait(1_000_000));
        assert!(!hold.may_wait(1_000_100));
    }
}
