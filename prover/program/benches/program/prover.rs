//! Runs of the program in the machine on recorded preimages.

use std::{collections::BTreeMap, env, fs, sync::Arc, time::Instant};

use alloy_primitives::{B256, Bytes};
use gainsay_oracle::{Request, WitnessOracle};
use gainsay_program::run;
use gainsay_vm::{Engine, Host, Machine, Program};

use crate::chain::{Chain, Step};

/// Runs of which the fastest counts.
const RUNS: usize = 5;

/// A witness as the machine's host.
pub(crate) struct Preimages(BTreeMap<B256, (Request, Bytes)>);

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

/// What a run took.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cost {
    pub(crate) instructions: u64,
    pub(crate) seconds: f64,
}

/// The program.
pub(crate) struct Prover {
    pub(crate) elf: Vec<u8>,
    program: Arc<Program>,
}

impl Prover {
    pub(crate) fn load() -> Self {
        let path = env::var_os("GAINSAY_PROGRAM_ELF")
            .expect("GAINSAY_PROGRAM_ELF must name the file that scripts/build-program printed");
        let elf = fs::read(path).unwrap();
        let program = Arc::new(Program::from_elf(&elf).unwrap());
        Self { elf, program }
    }

    /// A machine before the first instruction, and its host.
    pub(crate) fn start(&self, chain: &Chain, step: &Step) -> (Machine, Preimages) {
        let oracle = WitnessOracle::new(|request: &_| chain.preimages.get(request));
        assert_eq!(run(&oracle, step.input).unwrap(), step.claim);
        let host = Preimages(oracle.into_witness().by_key());
        (Machine::new(self.program.clone(), step.input).with_engine(Engine::Jit), host)
    }

    /// Runs a block: the claim must be right.
    pub(crate) fn prove_once(&self, chain: &Chain, step: &Step) -> Cost {
        let (mut machine, mut host) = self.start(chain, step);
        let start = Instant::now();
        machine.run(u64::MAX, &mut host).unwrap();
        let seconds = start.elapsed().as_secs_f64();
        let hart = machine.hart();
        assert_eq!((hart.exit_code, hart.output()), (0, step.claim));
        Cost { instructions: hart.step, seconds }
    }

    /// The fastest of several runs.
    pub(crate) fn prove(&self, chain: &Chain, step: &Step) -> Cost {
        let costs = (0..RUNS).map(|_| self.prove_once(chain, step));
        costs.min_by(|a, b| a.seconds.total_cmp(&b.seconds)).unwrap()
    }
}
