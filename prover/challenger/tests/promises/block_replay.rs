//! The run of a real block through the deployed contracts: the program that disputes are about,
//! its preimages and their proofs. Every step of the sample leads where the machine went.
//!
//! Needs the program's ELF file: `scripts/build-program` builds it, GAINSAY_PROGRAM_ELF names it.
//! `GAINSAY_WHOLE_TRACE=1` takes every step, which is minutes for each million.

#![expect(clippy::unwrap_used, clippy::cast_possible_truncation, reason = "tests may panic")]
#![allow(dead_code, reason = "the chain has more than one block needs")]

#[path = "../../../program/tests/program/chain.rs"]
mod chain;

use std::{collections::BTreeMap, env, fs, num::NonZeroU64, path::Path, sync::Arc, time::Instant};

use alloy_primitives::{Address, B256, Bytes, U256};
use chain::{CALLER, Chain, L1_TIME, Step};
use gainsay_challenger::machine::{Sample, VerifierCode, verify_run};
use gainsay_derivation::{BatchBlock, BatchKind, encode_batch};
use gainsay_oracle::{Request, WitnessOracle};
use gainsay_program::run;
use gainsay_vm::{Host, Program};

/// Of the frequent steps one in so many goes through the contract.
const INTERVAL: NonZeroU64 = NonZeroU64::new(2_000).unwrap();

/// The preimages of a run and what proves them.
struct Preimages(BTreeMap<B256, (Request, Bytes)>);

impl Host for Preimages {
    fn preimage(&mut self, key: &B256) -> Option<Bytes> {
        Some(self.0.get(key)?.1.clone())
    }

    fn proof(&mut self, key: &B256) -> Option<Bytes> {
        match self.0.get(key)? {
            (Request::Keccak(_), preimage) => Some(preimage.clone()),
            (request @ Request::Precompile { .. }, _) => Some(request.name().into()),
            (Request::Blob { .. }, _) => None,
        }
    }

    fn hint(&mut self, _: &[u8]) {}

    fn write(&mut self, text: &[u8]) {
        println!("program: {}", String::from_utf8_lossy(text));
    }
}

/// A block with a call of each precompile and a few transfers, posted as calldata.
fn block() -> (Chain, Step) {
    let mut chain = Chain::new(8);
    let calls = (1_u64..=0x11).map(|number| {
        let input = [U256::from(number).to_be_bytes::<32>().as_slice(), &[1; 213]].concat();
        chain.transfer(0, number - 1, CALLER, input.into())
    });
    let to = |i: u64| Address::with_last_byte(100 + i as u8);
    let transfers = (1..8).map(|i| chain.transfer(i, 0, to(i), Bytes::new()));
    let transactions = calls.chain(transfers).collect();
    let block = BatchBlock { timestamp: L1_TIME, deposit_count: 0, transactions };
    let data = encode_batch(&[block], chain.config.chain_id).unwrap();
    let step = chain.batch(BatchKind::Calldata, &data).remove(0);
    (chain, step)
}

#[test]
fn a_real_block_step_by_step_on_the_deployed_contracts() {
    let path = env::var_os("GAINSAY_PROGRAM_ELF")
        .expect("GAINSAY_PROGRAM_ELF must name the ELF file that scripts/build-program printed");
    let program = Arc::new(Program::from_elf(&fs::read(path).unwrap()).unwrap());
    let contracts = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../contracts/out");
    let code = VerifierCode::load(&contracts).unwrap();

    let (chain, step) = block();
    let oracle = WitnessOracle::new(|request: &_| chain.preimages.get(request));
    assert_eq!(run(&oracle, step.input).unwrap(), step.claim);
    let mut host = Preimages(oracle.into_witness().by_key());
    let whole = env::var_os("GAINSAY_WHOLE_TRACE").is_some();
    let sample = if whole { Sample::Whole } else { Sample::Every(INTERVAL) };
    let start = Instant::now();
    let report = verify_run(&program, step.input, &mut host, &code, sample, 1 << 36).unwrap();
    let seconds = start.elapsed().as_secs_f64();

    let hart = &report.hart;
    assert_eq!((hart.is_halted(), hart.exit_code, hart.output()), (true, 0, step.claim));
    let total = report.total();
    println!(
        "{} of {} steps in {seconds:.1} s, {:.0} a second",
        total.steps,
        hart.step,
        total.steps as f64 / seconds
    );
    println!("{:#?}", report.gas);
    for kind in ["arithmetic", "jump", "load", "store", "keccak", "read_preimage", "halted"] {
        assert!(report.gas.contains_key(kind), "no {kind}");
    }
    assert!(total.max < 1 << 24);
}
