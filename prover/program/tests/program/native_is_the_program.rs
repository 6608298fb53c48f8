//! Native execution, program and machine give one claim and halt with 0, whatever a block holds: a
//! search by seed where they could part, since one difference hands the chain over.
//!
//! Each round draws one kind of hostile block. `GAINSAY_SEED` replays a run, `GAINSAY_ROUNDS` makes
//! it longer; a round prints what replays it alone. At the end a table says which constructs cost
//! most. Needs the program's ELF file, as `machine` does.
//!
//! | module | what it makes |
//! |---|---|
//! | `sides` | the claim by every implementation, and what a step costs in the machine |
//! | `cost_table` | the most expensive step of each construct |
//! | `world` | the contracts and wallets that all blocks use |
//! | `signatures` | r, s and parities at their edges, of senders, authorities and ecrecover |
//! | `precompile_calls` | every precompile at the edges of its input and of its gas |
//! | `odd_deposits` | gas limits, mints, creations and data that no wallet would send |
//! | `storage_walk` | slots and contracts made, wiped and made again |
//! | `large_code` | code of the largest size, read by each opcode that can |
//! | `one_opcode` | blocks of one opcode |
//! | `random_code` | code of random opcodes, run and deployed |
//! | `deep_tries` | accounts and slots as deep as an attacker can dig them |
//! | `worst_cases` | whole blocks of what takes most of the heap, one test |
//! | `full_batches` | batches that decompress to the cap, and batches of anything |

use rand::{SeedableRng, rngs::StdRng};

use self::{cost_table::CostTable, sides::Sides};

mod cost_table;
mod deep_tries;
mod full_batches;
mod large_code;
mod odd_deposits;
mod one_opcode;
mod precompile_calls;
mod random_code;
pub(crate) mod sides;
mod signatures;
mod storage_walk;
pub(crate) mod world;
mod worst_cases;

/// One kind of block: draws some and has them compared.
type Scenario = fn(&mut StdRng, &mut Fuzzer);

/// Neighbouring seeds draw different ones, so that as many rounds meet each of them.
const SCENARIOS: [(&str, Scenario); 9] = [
    ("signatures", signatures::round),
    ("precompile calls", precompile_calls::round),
    ("odd deposits", odd_deposits::round),
    ("storage walk", storage_walk::round),
    ("large code", large_code::round),
    ("one opcode", one_opcode::round),
    ("random code", random_code::round),
    ("deep tries", deep_tries::round),
    ("full batches", full_batches::round),
];

/// All sides, and the table of what they saw.
pub(crate) struct Fuzzer {
    pub(crate) sides: Sides,
    pub(crate) table: CostTable,
    /// Whether each step is printed.
    pub(crate) is_verbose: bool,
}

impl Fuzzer {
    /// Compares steps on every side and enters what they cost.
    pub(crate) fn check(
        &mut self,
        construct: &str,
        chain: &crate::chain::Chain,
        steps: &[crate::chain::Step],
    ) {
        for step in steps {
            let cost = self.sides.compare(construct, chain, step);
            if self.is_verbose {
                println!("{construct}: {cost:?}");
            }
            self.table.enter(construct, cost);
        }
    }
}

#[test]
fn no_block_parts_native_and_machine() {
    let mut fuzzer =
        Fuzzer { sides: Sides::load(), table: CostTable::default(), is_verbose: false };
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
    let seed = number("GAINSAY_SEED").unwrap_or_else(|| u64::from(rand::random::<u32>()));
    let rounds = number("GAINSAY_ROUNDS").unwrap_or(SCENARIOS.len() as u64);
    for seed in (0..rounds).map(|round| seed.wrapping_add(round)) {
        let (name, scenario) = SCENARIOS[(seed % SCENARIOS.len() as u64) as usize];
        println!("GAINSAY_SEED={seed} GAINSAY_ROUNDS=1: {name}");
        scenario(&mut StdRng::seed_from_u64(seed), &mut fuzzer);
        if (seed + 1) % 500 == 0 {
            fuzzer.table.print();
        }
    }
    fuzzer.table.print();
    fuzzer.table.assert_bounds();
    println!("{rounds} rounds, {} steps compared on all sides", fuzzer.sides.compared);
}
