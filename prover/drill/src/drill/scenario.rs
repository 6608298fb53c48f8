//! Who plays in a drill, by name: one liar with a fault, or several who behave in some way.

use std::{fmt, str::FromStr};

use crate::adversary::{Behaviour, Fault};

/// How many at once.
const SYBILS: u64 = 20;
/// Moves after which a deserter has no more wish to play: about the middle of a dispute.
const DESERTER_MOVES: usize = 24;

/// What a drill plants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scenario {
    /// One liar with this fault, as fast as it can.
    Fault(Fault),
    /// A wrong rival of an assertion that is right.
    Attack,
    /// Twenty rivals at each level.
    Sybils,
    /// A liar who moves when it must, a moment before it loses.
    LastMoment,
    /// A liar, and somebody who has the moves of others included before theirs.
    FrontRunner,
    /// A liar who stops half way.
    Deserter,
    /// Two liars who contradict each other, too.
    Quarrel,
}

/// One liar of a scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) fault: Fault,
    pub(crate) behaviour: Behaviour,
}

impl Scenario {
    /// All of them.
    #[must_use]
    pub fn all() -> Vec<Self> {
        let faults = Fault::ALL.into_iter().map(Self::Fault);
        faults.chain(Self::BEHAVIOURS).collect()
    }

    /// Those that are not about one fault.
    const BEHAVIOURS: [Self; 6] = [
        Self::Attack,
        Self::Sybils,
        Self::LastMoment,
        Self::FrontRunner,
        Self::Deserter,
        Self::Quarrel,
    ];

    /// Its name on a command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fault(fault) => fault.name(),
            Self::Attack => "attack",
            Self::Sybils => "sybils",
            Self::LastMoment => "last-moment",
            Self::FrontRunner => "front-runner",
            Self::Deserter => "deserter",
            Self::Quarrel => "quarrel",
        }
    }

    /// The liars, on a chain with this challenge period.
    pub(crate) fn parts(self, challenge_period_secs: u64) -> Vec<Part> {
        let eager = |fault| Part { fault, behaviour: Behaviour::Eager };
        let about = Fault::MiddleBlock;
        match self {
            // Somebody else has to contradict the claims that these two agree with.
            Self::Fault(fault) if fault.has_right_claims() => vec![eager(about), eager(fault)],
            Self::Fault(fault) => vec![eager(fault)],
            Self::Attack | Self::FrontRunner => vec![eager(about)],
            Self::Sybils => (0..SYBILS).map(|_| eager(about)).collect(),
            Self::LastMoment => {
                let margin_secs = challenge_period_secs / 4;
                vec![Part { fault: about, behaviour: Behaviour::LastMoment { margin_secs } }]
            }
            Self::Deserter => {
                let behaviour = Behaviour::Deserting { moves: DESERTER_MOVES };
                vec![Part { fault: about, behaviour }]
            }
            Self::Quarrel => vec![eager(Fault::FirstBlock), eager(Fault::Halt)],
        }
    }
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Scenario {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::all().into_iter().find(|it| it.name() == text);
        found.ok_or_else(|| {
            let names: Vec<&str> = Self::all().into_iter().map(Self::name).collect();
            format!("found '{text}', expected one of {}", names.join(", "))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scenario_has_a_name_of_its_own() {
        for scenario in Scenario::all() {
            assert_eq!(scenario.name().parse(), Ok(scenario));
            assert!(!scenario.parts(60).is_empty());
        }
    }
}
