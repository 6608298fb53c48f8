//! Alarms that hold now: each is printed once when it begins and once when it ends.
//!
//! In: what holds at each look. Out: lines for people, and counts for metrics.

use std::collections::{BTreeMap, BTreeSet};

use crate::dispute::strategy::Alarm;

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AlarmKind {
    /// An assertion contradicts the chain that was derived from L1.
    WrongAssertion,
    /// A wrong assertion is confirmed, or can no longer be answered.
    TooLate,
    /// The program fails on a block: the chain halts there.
    Halt,
    /// A move is held back, since its stake exceeds the budget.
    StakeBudget,
    /// All moves are held back, since their gas exceeds the budget.
    GasBudget,
    /// The account cannot pay for a move.
    Funds,
    /// A move does not get into L1.
    Move,
    /// Machine states cannot be computed.
    Trace,
    /// L1 is out of reach, or contradicts itself.
    L1,
    /// The contracts on L1 are not those that this repository builds.
    Deployment,
    /// L1 has rules that this program does not know.
    Fork,
}

impl AlarmKind {
    /// Every kind.
    pub const ALL: [Self; 11] = [
        Self::WrongAssertion,
        Self::TooLate,
        Self::Halt,
        Self::StakeBudget,
        Self::GasBudget,
        Self::Funds,
        Self::Move,
        Self::Trace,
        Self::L1,
        Self::Deployment,
        Self::Fork,
    ];

    /// Name of the kind in metrics and log lines.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::WrongAssertion => "wrong_assertion",
            Self::TooLate => "too_late",
            Self::Halt => "halt",
            Self::StakeBudget => "stake_budget",
            Self::GasBudget => "gas_budget",
            Self::Funds => "funds",
            Self::Move => "move",
            Self::Trace => "trace",
            Self::L1 => "l1",
            Self::Deployment => "deployment",
            Self::Fork => "fork",
        }
    }

    /// Whether an alarm of this kind says that a claim on L1 is wrong.
    #[must_use]
    pub const fn is_about_a_claim(self) -> bool {
        matches!(self, Self::WrongAssertion | Self::TooLate)
    }
}

/// All alarms that hold, and how many there were.
#[derive(Clone, Debug, Default)]
pub struct AlarmBook {
    holding: BTreeMap<(AlarmKind, String), String>,
    raised: BTreeMap<AlarmKind, u64>,
    /// Alarms raised during the current look.
    seen: BTreeSet<(AlarmKind, String)>,
}

impl AlarmBook {
    /// Raises an alarm about `subject`, unless it holds already.
    pub fn raise(&mut self, kind: AlarmKind, subject: impl Into<String>, text: impl Into<String>) {
        let key = (kind, subject.into());
        self.seen.insert(key.clone());
        if self.holding.contains_key(&key) {
            return;
        }
        let text = text.into();
        tracing::error!("ALARM {}: {text}", kind.name());
        *self.raised.entry(kind).or_default() += 1;
        self.holding.insert(key, text);
    }

    /// Raises an alarm of the strategy.
    pub fn raise_decided(&mut self, alarm: &Alarm) {
        match alarm {
            Alarm::WrongAssertion { id, parent, claimed, computed } => self.raise(
                AlarmKind::WrongAssertion,
                id.to_string(),
                format!(
                    "assertion {id} after {parent} is WRONG: the root of its claims is {claimed}, \
                     expected {computed}"
                ),
            ),
            Alarm::TooLate { id } => self.raise(
                AlarmKind::TooLate,
                id.to_string(),
                format!("wrong assertion {id} can no longer be answered: do not trust this chain"),
            ),
            Alarm::ProgramFails { parent, block } => self.raise(
                AlarmKind::Halt,
                parent.to_string(),
                format!(
                    "the program FAILS on block {block} after assertion {parent}: the right claim \
                     there is 0, the chain halts before it"
                ),
            ),
            Alarm::Halted { id } => self.raise(
                AlarmKind::Halt,
                id.to_string(),
                format!(
                    "assertion {id} has ended this chain: the program fails on one of its blocks, \
                     and nothing behind its parent will ever be final"
                ),
            ),
            Alarm::OverBudget { name, locked, stake } => self.raise(
                AlarmKind::StakeBudget,
                *name,
                format!(
                    "{name} needs a stake of {stake} wei, and {locked} wei are locked: \
                     above the budget, the move is held back"
                ),
            ),
        }
    }

    /// Ends a look: alarms of these kinds that were not raised in it are over.
    pub fn end_look(&mut self, kinds: &[AlarmKind]) {
        let seen = std::mem::take(&mut self.seen);
        self.holding.retain(|key, text| {
            let holds = seen.contains(key) || !kinds.contains(&key.0);
            if !holds {
                tracing::info!("alarm over: {}: {text}", key.0.name());
            }
            holds
        });
    }

    /// Number of alarms of a kind that hold now.
    #[must_use]
    pub fn holding(&self, kind: AlarmKind) -> usize {
        self.holding.keys().filter(|(it, _)| *it == kind).count()
    }

    /// Number of alarms of a kind since the start.
    #[must_use]
    pub fn raised(&self, kind: AlarmKind) -> u64 {
        self.raised.get(&kind).copied().unwrap_or_default()
    }

    /// Number of alarms that hold now.
    #[must_use]
    pub fn len(&self) -> usize {
        self.holding.len()
    }

    /// Whether no alarm holds.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.holding.is_empty()
    }

    /// Whether a wrong claim was ever seen.
    #[must_use]
    pub fn has_seen_a_wrong_claim(&self) -> bool {
        self.raised.keys().any(|kind| kind.is_about_a_claim())
    }
}

#[cfg(test)]
mod tests {
    use alloy_primitives::B256;

    use super::*;

    #[test]
    fn an_alarm_is_counted_once_while_it_holds() {
        let mut book = AlarmBook::default();
        let wrong = Alarm::WrongAssertion {
            id: B256::repeat_byte(1),
            parent: B256::ZERO,
            claimed: B256::ZERO,
            computed: B256::ZERO,
        };
        for _ in 0..3 {
            book.raise_decided(&wrong);
            book.raise(AlarmKind::L1, "", "out of reach");
            book.end_look(&AlarmKind::ALL);
        }
        assert_eq!((book.len(), book.raised(AlarmKind::WrongAssertion)), (2, 1));
        book.raise_decided(&wrong);
        // A look that could not see L1 says nothing about what is there.
        book.end_look(&[AlarmKind::L1]);
        assert_eq!((book.len(), book.holding(AlarmKind::L1)), (1, 0));
        book.end_look(&AlarmKind::ALL);
        assert!(book.is_empty() && book.has_seen_a_wrong_claim());
        book.raise_decided(&wrong);
        assert_eq!(book.raised(AlarmKind::WrongAssertion), 2);
    }
}
