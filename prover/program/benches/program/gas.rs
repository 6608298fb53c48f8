//! The worst-case table: instructions that the machine takes for a unit of gas, for every opcode
//! and precompile.
//!
//! Each is measured as the difference of two transactions that call contracts with the same code,
//! of which one stops before it, and once more without the opcode itself.

use std::collections::BTreeMap;

use alloy_consensus::TxEip1559;
use alloy_primitives::{Address, TxKind, U256};
use gainsay_derivation::{BatchBlock, BatchKind, encode_batch};
use gainsay_transition::{HISTORY_STORAGE, L1_BLOCK, MESSAGE_PASSER};

use crate::{
    chain::{Chain, HISTORY_CODE, L1_TIME, contract, funded, tx, wallet},
    opcodes::{Case, LARGE_CODE, LARGE_CODES, cases},
    prover::{Cost, Prover},
    report::Row,
};

/// EIP-7825: most gas of one transaction.
const GAS_MAX: u64 = 1 << 24;
/// EIP-170.
const CODE_BYTES_MAX: usize = 24_576;
/// Block gas limit of a chain whose deployer does not say another.
const BLOCK_GAS: f64 = 30_000_000.0;
/// Most instructions of a run: those of 2^16 spans of 2^20. Every block must stay far below it.
const TRACE_MAX: f64 = (1_u64 << 36) as f64;
const MARGIN: f64 = 8.0;

const STOP: u8 = 0;
/// A cold SLOAD: the transaction then costs more than the least that its calldata costs (EIP-7623).
const PRELUDE: [u8; 3] = [0x5f, 0x54, 0x50];
const FIRST_CONTRACT: u64 = 0x2000_0000;

/// Instructions and gas of something.
#[derive(Clone, Copy, Debug, Default)]
struct Spent {
    instructions: f64,
    gas: f64,
}

impl Spent {
    fn less(self, other: Self, weight: f64) -> Self {
        Self {
            instructions: self.instructions - other.instructions * weight,
            gas: self.gas - other.gas * weight,
        }
    }

    fn ratio(self) -> f64 {
        self.instructions / self.gas
    }
}

pub(crate) fn measure(prover: &Prover) -> Vec<Row> {
    let cases = cases();
    let mut chain = genesis(&cases);
    let mut spent: Vec<(&str, Spent, f64)> = Vec::new();
    let mut pop = Spent::default();
    let mut nonce = 0;
    for (index, case) in cases.iter().enumerate() {
        let codes = [&case.unit, &case.plain].map(|unit| unit.is_empty());
        let base = FIRST_CONTRACT + 4 * index as u64;
        let units = count(case) as f64;
        let mut measured = [Spent::default(); 2];
        for (which, is_empty) in codes.into_iter().enumerate() {
            if !is_empty {
                let [all, none] = [0, 1].map(|it| {
                    nonce += 1;
                    run(prover, &mut chain, nonce - 1, base + 2 * which as u64 + it)
                });
                let difference = all.less(none, 1.0);
                measured[which] = Spent {
                    instructions: difference.instructions / units,
                    gas: difference.gas / units,
                };
            }
        }
        let [unit, plain] = measured;
        let own = unit.less(plain, 1.0).less(pop, -case.more_pops);
        if case.name == "POP" {
            pop = own;
        }
        spent.push((&case.name, own, unit.ratio()));
    }
    print(&mut spent)
}

fn print(spent: &mut [(&str, Spent, f64)]) -> Vec<Row> {
    spent.sort_by(|a, b| b.1.ratio().total_cmp(&a.1.ratio()));
    println!(
        "\n{:<36} {:>12} {:>10} {:>16} {:>14}",
        "opcode or precompile", "instructions", "gas", "instructions/gas", "in its loop"
    );
    for (name, own, in_loop) in spent.iter() {
        let Spent { instructions, gas } = own;
        println!(
            "{name:<36} {instructions:>12.0} {gas:>10.0} {:>16.1} {in_loop:>14.1}",
            own.ratio()
        );
    }
    let worst = spent[0].1.ratio();
    let (name, share) = (spent[0].0, TRACE_MAX / (worst * BLOCK_GAS));
    println!("\nworst: {name}; a block of {BLOCK_GAS} gas stays {share:.0} times below 2^36");
    vec![
        Row {
            name: "worst instructions per gas, all opcodes and precompiles",
            ours: worst,
            goal: 500.0,
            unit: "instructions a gas",
        },
        Row {
            name: "instructions of the worst block, of a trace's 2^36",
            ours: worst * BLOCK_GAS / TRACE_MAX,
            goal: 1.0 / MARGIN,
            unit: "share",
        },
    ]
}

/// How many units a contract holds.
fn count(case: &Case) -> usize {
    let longest = case.unit.len().max(case.plain.len());
    ((CODE_BYTES_MAX - PRELUDE.len() - case.setup.len() - 1) / longest).min(case.count_max)
}

/// Four contracts for each case: units, no unit, plain units, no plain unit.
fn genesis(cases: &[Case]) -> Chain {
    let mut alloc = BTreeMap::from([
        (L1_BLOCK, contract(&[0])),
        (MESSAGE_PASSER, contract(&[0])),
        (HISTORY_STORAGE, contract(&HISTORY_CODE)),
        (wallet(0).address(), funded()),
    ]);
    for index in 0..LARGE_CODES {
        let mut code = vec![STOP; CODE_BYTES_MAX];
        code[1..9].copy_from_slice(&index.to_be_bytes());
        code[9..].fill(0x5b);
        alloc.insert(address(LARGE_CODE + index), contract(&code));
    }
    for (index, case) in cases.iter().enumerate() {
        for (which, unit) in [&case.unit, &case.plain].into_iter().enumerate() {
            let units = unit.repeat(count(case));
            let base = FIRST_CONTRACT + 4 * index as u64 + 2 * which as u64;
            let all = [&PRELUDE, &case.setup[..], &units, &[STOP]].concat();
            let none = [&PRELUDE, &case.setup[..], &[STOP], &units].concat();
            alloc.insert(address(base), contract(&all));
            alloc.insert(address(base + 1), contract(&none));
        }
    }
    Chain::with_genesis(&alloc)
}

fn address(number: u64) -> Address {
    Address::from_word(U256::from(number).into())
}

/// A block that calls this contract.
fn run(prover: &Prover, chain: &mut Chain, nonce: u64, contract: u64) -> Spent {
    let call = TxEip1559 {
        nonce,
        gas_limit: GAS_MAX,
        to: TxKind::Call(address(contract)),
        input: vec![1; 64].into(),
        ..tx()
    };
    let transactions = vec![chain.sign(0, call)];
    let block = BatchBlock { timestamp: L1_TIME, deposit_count: 0, transactions };
    let data = encode_batch(&[block], chain.config.chain_id).unwrap();
    let steps = chain.batch(BatchKind::Calldata, &data);
    assert_eq!((steps.len(), steps[0].transactions), (1, 1));
    let Cost { instructions, .. } = prover.prove_once(chain, &steps[0]);
    assert!(steps[0].gas_used < GAS_MAX, "case {} ran out of gas", (contract - FIRST_CONTRACT) / 4);
    Spent { instructions: instructions as f64, gas: steps[0].gas_used as f64 }
}
