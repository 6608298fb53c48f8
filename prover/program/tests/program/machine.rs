//! The program in the machine against the native transition. Needs the program's ELF file:
//! `scripts/build-program` builds it, GAINSAY_PROGRAM_ELF names it.

use std::{collections::BTreeMap, env, fs, sync::Arc, time::Instant};

use alloy_primitives::{Address, B256, Bytes};
use gainsay_derivation::{BatchBlock, BatchKind, encode_batch};
use gainsay_oracle::{Request, WitnessOracle};
use gainsay_program::run;
use gainsay_vm::{Engine, Host, Machine, Program};

use crate::chain::{Chain, L1_TIME, Step};

/// A witness as the machine's host.
pub(crate) struct Preimages(pub(crate) BTreeMap<B256, (Request, Bytes)>);

impl Host for Preimages {
    fn preimage(&mut self, key: &B256) -> Option<Bytes> {
        Some(self.0.get(key)?.1.clone())
    }

    fn proof(&mut self, _: &B256) -> Option<Bytes> {
        None
    }

    fn hint(&mut self, _: &[u8]) {}

    fn write(&mut self, text: &[u8]) {
        println!("program: {}", String::from_utf8_lossy(text));
    }
}

/// The program and an engine to run it on.
pub(crate) struct Prover(Arc<Program>);

impl Prover {
    /// The program that GAINSAY_PROGRAM_ELF names, if it does.
    pub(crate) fn from_env() -> Option<Self> {
        let file = fs::read(env::var_os("GAINSAY_PROGRAM_ELF")?).unwrap();
        Some(Self(Arc::new(Program::from_elf(&file).unwrap())))
    }

    fn expect() -> Self {
        Self::from_env()
            .expect("GAINSAY_PROGRAM_ELF must name the ELF file that scripts/build-program printed")
    }

    /// Instructions of one block, whose claim must be right on a host and in the machine.
    pub(crate) fn prove(&self, chain: &Chain, step: &Step) -> u64 {
        self.prove_on(Engine::Jit, chain, step)
    }

    fn prove_on(&self, engine: Engine, chain: &Chain, step: &Step) -> u64 {
        let oracle = WitnessOracle::new(|request: &_| chain.preimages.get(request));
        assert_eq!(run(&oracle, step.input).unwrap(), step.claim);
        let mut host = Preimages(oracle.into_witness().by_key());
        let mut machine = Machine::new(self.0.clone(), step.input).with_engine(engine);
        let start = Instant::now();
        machine.run(1 << 36, &mut host).unwrap();
        let seconds = start.elapsed().as_secs_f64();
        let hart = machine.hart();
        println!(
            "{} transactions, {} gas: {} instructions, {:.0} million a second",
            step.transactions,
            step.gas_used,
            hart.step,
            hart.step as f64 / seconds / 1e6,
        );
        assert!(hart.is_halted());
        assert_eq!((hart.exit_code, hart.output()), (0, step.claim));
        hart.step
    }
}

#[test]
fn the_machine_claims_what_the_transition_claims() {
    let prover = Prover::expect();
    for (chain, steps) in [crate::claims::chain(), crate::claims::long_calls()] {
        for step in &steps {
            let instructions = prover.prove(&chain, step);
            assert_eq!(prover.prove_on(Engine::Fast, &chain, step), instructions);
        }
    }
}

#[test]
fn a_transfer_costs_little() {
    let prover = Prover::expect();
    let count = 200;
    let mut chain = Chain::new(count);
    let transfer = |i| chain.transfer(i, 0, Address::from_word(B256::from([7; 32])), Bytes::new());
    let transactions = (0..count).map(transfer).collect();
    let block = BatchBlock { timestamp: L1_TIME, deposit_count: 0, transactions };
    let data = encode_batch(&[block], chain.config.chain_id).unwrap();
    let steps = chain.batch(BatchKind::Calldata, &data);
    assert_eq!(steps[0].transactions as u64, count);
    let each = prover.prove(&chain, &steps[0]) / count;
    println!("{each} instructions a transfer");
    assert!(each < 150_000, "{each}");
}
