//! Trials side by side, each against the bounds that the design promises.

use std::io::{self, Write};

use alloy_primitives::U256;

use super::{Outcome, Rules, Tactic, Trial};
use gainsay_challenger::dispute::game::Heights;
use gainsay_l1::{
    prices::{answers_gas, stake_for, step_answers_gas},
    stake_min,
};

/// Seven days, as on a chain that is used.
const CHALLENGE_PERIOD_SECS: u64 = 7 * 24 * 3600;
/// Five blocks of L1.
const LAG_SECS: u64 = 60;
/// Wei for each gas, so that wei are gas.
const GAS_PRICE: u64 = 1;

/// The least stakes at these heights: for an assertion, a tree of spans, a tree of steps.
fn stakes(heights: Heights) -> [u64; 3] {
    let Heights { blocks, spans, steps } = heights;
    let spans = stake_for(answers_gas(spans), GAS_PRICE);
    let steps = stake_for(step_answers_gas(steps), GAS_PRICE);
    [stake_min(blocks, GAS_PRICE), spans, steps].map(|wei| wei.saturating_to())
}

/// Each tactic with each number of rivals, and each with and without a day of censorship.
#[must_use]
pub fn trials((blocks, spans, steps): (u8, u8, u8), rivals: &[u64]) -> Vec<Trial> {
    let heights = Heights { blocks, spans, steps };
    let rules = Rules {
        heights,
        challenge_period_secs: CHALLENGE_PERIOD_SECS,
        min_interval_secs: 0,
        stakes: stakes(heights),
        gas_price: GAS_PRICE,
        fails_at: None,
    };
    let tactics = [Tactic::Eager, Tactic::Random, Tactic::LastMoment, Tactic::Quitters];
    let mut all = Vec::new();
    for rivals in rivals {
        for tactic in tactics {
            for censorship_secs in [0, 24 * 3600] {
                let (rivals, lag_secs) = (*rivals, LAG_SECS);
                all.push(Trial { rules, rivals, tactic, lag_secs, censorship_secs });
            }
        }
    }
    all
}

/// Prints the head of the table, or a line of it. Times are in challenge periods.
///
/// # Errors
/// Those of the output.
pub fn print_table(out: &mut impl Write, line: Option<(&Trial, &Outcome)>) -> io::Result<()> {
    let Some((trial, outcome)) = line else {
        return writeln!(
            out,
            "{:>6} {:<10} {:>8} {:>9} {:>7} {:>8} {:>6} {:>9} {:>9} {:>9} {:>8}",
            "rivals",
            "tactic",
            "censored",
            "confirmed",
            "bound",
            "settled",
            "moves",
            "locked",
            "bound",
            "gained",
            "edges"
        );
    };
    let period = trial.rules.challenge_period_secs;
    let periods = |secs: u64| format!("{}.{:04}", secs / period, secs % period * 10_000 / period);
    let stakes = |wei: U256| {
        let thousandths = wei * U256::from(1_000) / U256::from(trial.rules.stakes[0]);
        let thousandths = thousandths.saturating_to::<u64>();
        format!("{}.{:02}", thousandths / 1_000, thousandths % 1_000 / 10)
    };
    writeln!(
        out,
        "{:>6} {:<10} {:>8} {:>9} {:>7} {:>8} {:>6} {:>9} {:>9} {:>9} {:>8}",
        trial.rivals,
        format!("{:?}", trial.tactic),
        periods(trial.censorship_secs),
        periods(outcome.delay_secs),
        periods(outcome.bound_secs),
        periods(outcome.settled_secs),
        outcome.moves.values().sum::<u64>(),
        stakes(outcome.locked_max),
        stakes(outcome.locked_bound),
        stakes(outcome.gained),
        outcome.edges
    )
}
