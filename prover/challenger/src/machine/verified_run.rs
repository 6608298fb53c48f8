//! A run through the deployed contracts: every step of a program, or a sample of them, must lead
//! where the machine went.
//!
//! In: a program, its input, a host with preimages and their proofs. Out: how many steps were
//! verified and what they cost on L1, or the first one about which machine and contract differ.

use std::{
    collections::{BTreeMap, HashMap},
    num::NonZeroU64,
    sync::Arc,
};

use alloy_primitives::B256;
use gainsay_vm::{Engine, Hart, Host, Machine, Program, syscall_number};

use crate::{
    ChallengerError,
    machine::{VerifierCode, WitnessedStep, verify_all},
};

/// Steps that wait until they are verified together.
const WAITING_MAX: usize = 8192;

/// Witness bytes that may wait: one of `keccak` has up to 66,000.
const WAITING_BYTES_MAX: usize = 64 << 20;

/// How often each form of instruction is verified before it counts as a frequent one.
const FIRST_OF_A_FORM: u32 = 16;

const A7: usize = 17;

/// Which steps go through the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sample {
    /// All of them.
    Whole,
    /// Each n-th, the first few of each form of instruction, and all that are rare: system calls,
    /// and steps that halt on their own account.
    Every(NonZeroU64),
}

/// Gas of whole transactions, one for each step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GasSpent {
    /// Steps counted.
    pub steps: u64,
    /// Gas of the cheapest step.
    pub min: u64,
    /// Gas of all steps.
    pub total: u64,
    /// Gas of the most expensive step.
    pub max: u64,
}

impl GasSpent {
    /// Counts nothing yet.
    pub const NONE: Self = Self { steps: 0, min: u64::MAX, total: 0, max: 0 };

    /// Counts one more step.
    pub fn add(&mut self, gas: u64) {
        self.steps += 1;
        self.min = self.min.min(gas);
        self.total += gas;
        self.max = self.max.max(gas);
    }

    /// Gas of a step on the average; 0 for none.
    #[must_use]
    pub fn mean(&self) -> u64 {
        self.total.checked_div(self.steps).unwrap_or_default()
    }
}

/// A run about which machine and contracts agree.
#[derive(Clone, Debug)]
pub struct VerifiedRun {
    /// The hart at the end.
    pub hart: Hart,
    /// Gas by kind of step, of all steps that were verified.
    pub gas: BTreeMap<&'static str, GasSpent>,
}

impl VerifiedRun {
    /// Gas of all steps together.
    #[must_use]
    pub fn total(&self) -> GasSpent {
        self.gas.values().fold(GasSpent::NONE, |sum, it| GasSpent {
            steps: sum.steps + it.steps,
            min: sum.min.min(it.min),
            total: sum.total + it.total,
            max: sum.max.max(it.max),
        })
    }
}

/// Runs a program for at most `steps_max` steps and has the contract take those of the sample. If
/// the program halts, one step of the halted machine is verified, too: it changes nothing.
///
/// # Errors
/// [`ChallengerError::Disagreement`] or [`ChallengerError::Refused`] about the first such step; the
/// machine's own errors.
pub fn verify_run(
    program: &Arc<Program>,
    input: B256,
    host: &mut dyn Host,
    code: &VerifierCode,
    sample: Sample,
    steps_max: u64,
) -> Result<VerifiedRun, ChallengerError> {
    let mut machine = Machine::new(program.clone(), input).with_engine(Engine::Reference);
    let mut sampler = Sampler { sample, seen: HashMap::new() };
    let mut waiting = Waiting::default();
    let mut gas = BTreeMap::new();
    let mut last_hash = None;
    loop {
        let (step, pc) = (machine.hart().step, machine.hart().pc);
        let is_halted = machine.hart().is_halted();
        if step >= steps_max {
            break;
        }
        let word = program.code().fetch(pc).filter(|_| !is_halted);
        if sampler.takes(step, word) {
            let kind = kind_of(machine.hart(), word);
            let pre = last_hash.take().unwrap_or_else(|| machine.state_hash());
            let witness = machine.witness(step, host)?;
            machine.run(step + 1, host)?;
            let post = machine.state_hash();
            last_hash = Some(post);
            waiting.push(kind, WitnessedStep { step, pc, pre, witness, post });
            if waiting.is_full() {
                waiting.verify(code, &mut gas)?;
            }
        } else {
            machine.run(step + 1, host)?;
            last_hash = None;
        }
        if is_halted {
            break;
        }
    }
    waiting.verify(code, &mut gas)?;
    Ok(VerifiedRun { hart: machine.hart().clone(), gas })
}

/// Chooses steps.
struct Sampler {
    sample: Sample,
    /// How often each form of instruction was met.
    seen: HashMap<u32, u32>,
}

impl Sampler {
    /// Whether the step is verified that executes `word`, or halts because there is no word.
    fn takes(&mut self, step: u64, word: Option<u32>) -> bool {
        let Sample::Every(interval) = self.sample else { return true };
        let Some(word) = word else { return true };
        let opcode = word & 0x7f;
        if opcode == 0x73 || step.is_multiple_of(interval.get()) {
            return true;
        }
        let form = match opcode {
            0x33 | 0x3b => word & 0xfe00_707f,
            0x37 | 0x17 | 0x6f => opcode,
            _ => word & 0x707f,
        };
        let seen = self.seen.entry(form).or_default();
        *seen = seen.saturating_add(1);
        *seen <= FIRST_OF_A_FORM
    }
}

/// What a step is, as far as its price goes.
fn kind_of(hart: &Hart, word: Option<u32>) -> &'static str {
    match word.map(|word| word & 0x7f) {
        None if hart.is_halted() => "halted",
        None => "no instruction",
        Some(0x03) => "load",
        Some(0x23) => "store",
        Some(0x63 | 0x67 | 0x6f) => "jump",
        Some(0x73) if word == Some(0x73) => match hart.x[A7] {
            syscall_number::KECCAK => "keccak",
            syscall_number::READ_PREIMAGE => "read_preimage",
            _ => "system call",
        },
        Some(_) => "arithmetic",
    }
}

/// Steps on their way to the contract.
#[derive(Default)]
struct Waiting {
    kinds: Vec<&'static str>,
    steps: Vec<WitnessedStep>,
    bytes: usize,
}

impl Waiting {
    fn push(&mut self, kind: &'static str, step: WitnessedStep) {
        self.bytes += step.witness.len();
        self.kinds.push(kind);
        self.steps.push(step);
    }

    const fn is_full(&self) -> bool {
        self.steps.len() >= WAITING_MAX || self.bytes >= WAITING_BYTES_MAX
    }

    fn verify(
        &mut self,
        code: &VerifierCode,
        gas: &mut BTreeMap<&'static str, GasSpent>,
    ) -> Result<(), ChallengerError> {
        let spent = verify_all(code, &self.steps)?;
        for (kind, spent) in self.kinds.drain(..).zip(spent) {
            gas.entry(kind).or_insert(GasSpent::NONE).add(spent);
        }
        self.steps.clear();
        self.bytes = 0;
        Ok(())
    }
}
