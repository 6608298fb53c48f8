//! The most expensive step of each construct that was compared: instructions, preimages and their
//! bytes by gas, and the most of the heap.
//!
//! In: costs of steps. Out: a table in Markdown. A step that a block of deposits alone or an
//! invalid transaction made has little gas: it is not worth its place in a column by gas.

use std::collections::BTreeMap;

use super::sides::{Cost, HEAP_BYTES_MAX, TRACE_MAX};

/// Gas below which what every block costs hides what its transactions cost.
const GAS_MIN: u64 = 1_000_000;
/// Most instructions of a unit of gas that the bound on blocks rests on.
const INSTRUCTIONS_PER_GAS_MAX: f64 = 500.0;

#[derive(Clone, Copy, Debug, Default)]
struct Worst {
    instructions_per_gas: f64,
    preimages_per_million_gas: f64,
    preimage_bytes_per_gas: f64,
    instructions: u64,
    heap_bytes: u64,
    steps: u64,
}

/// The worst of each construct, by name.
#[derive(Debug, Default)]
pub(crate) struct CostTable(BTreeMap<String, Worst>);

impl CostTable {
    /// Enters a step.
    pub(crate) fn enter(&mut self, construct: &str, cost: Cost) {
        let worst = self.0.entry(construct.into()).or_default();
        worst.steps += 1;
        worst.instructions = worst.instructions.max(cost.instructions);
        worst.heap_bytes = worst.heap_bytes.max(cost.heap_bytes);
        if cost.gas >= GAS_MIN {
            let by_gas = |count: u64| count as f64 / cost.gas as f64;
            let raise = |place: &mut f64, value: f64| *place = place.max(value);
            raise(&mut worst.instructions_per_gas, by_gas(cost.instructions));
            raise(&mut worst.preimages_per_million_gas, by_gas(cost.preimages) * 1e6);
            raise(&mut worst.preimage_bytes_per_gas, by_gas(cost.preimage_bytes));
        }
    }

    /// No step passed half of the heap, an eighth of a trace, or the bound of instructions by gas.
    pub(crate) fn assert_bounds(&self) {
        for (construct, worst) in &self.0 {
            assert!(worst.heap_bytes < HEAP_BYTES_MAX / 2, "{construct}: {worst:?}");
            assert!(worst.instructions < TRACE_MAX / 8, "{construct}: {worst:?}");
            assert!(
                worst.instructions_per_gas < INSTRUCTIONS_PER_GAS_MAX,
                "{construct}: {worst:?}"
            );
        }
    }

    /// Prints the table, most instructions a gas first.
    pub(crate) fn print(&self) {
        let mut rows: Vec<_> = self.0.iter().collect();
        rows.sort_by(|a, b| b.1.instructions_per_gas.total_cmp(&a.1.instructions_per_gas));
        println!(
            "\n| construct | steps | instructions a gas | preimages a million gas | bytes of \
             preimages a gas | most instructions | most heap, MiB |\n|---|---|---|---|---|---|---|"
        );
        for (construct, worst) in rows {
            println!(
                "| {construct} | {} | {:.1} | {:.0} | {:.1} | {} | {:.1} |",
                worst.steps,
                worst.instructions_per_gas,
                worst.preimages_per_million_gas,
                worst.preimage_bytes_per_gas,
                worst.instructions,
                worst.heap_bytes as f64 / f64::from(1 << 20),
            );
        }
    }
}
