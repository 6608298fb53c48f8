//! One instruction of a block's run, with everything that convinces a contract of it.
//!
//! In: the program, its input, the witness, and which step. Out: a [`StepProof`].

use std::{fmt, str::FromStr, sync::Arc};

use alloy_primitives::{B256, Bytes};
use gainsay_oracle::{Request, Witness};
use gainsay_vm::{Hart, Instruction, Machine, Program, decode, syscall_number};

use crate::{
    ChallengerError,
    machine::{MachineHost, STEPS_MAX, WitnessedStep, disassemble},
};

const ECALL: u32 = 0x73;
const A0: usize = 10;
const A7: usize = 17;

/// Steps of one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepKind {
    /// Computes from registers.
    Alu,
    /// Reads memory.
    Load,
    /// Writes memory.
    Store,
    /// Hashes memory.
    Keccak,
    /// Reads a word of a keccak preimage.
    Preimage,
    /// Reads a field element of a blob.
    Blob,
    /// Reads what a precompile returned.
    Precompile,
}

impl StepKind {
    /// Whether the next step of a hart is of this kind.
    fn is_next(self, hart: &Hart, word: u32) -> bool {
        let key_type = hart.x[A0].to_le_bytes()[0];
        let reads = |wanted| {
            word == ECALL && hart.x[A7] == syscall_number::READ_PREIMAGE && key_type == wanted
        };
        match self {
            Self::Alu => matches!(
                decode(word),
                Some(Instruction::AluImmediate { .. } | Instruction::AluRegister { .. })
            ),
            Self::Load => matches!(decode(word), Some(Instruction::Load { .. })),
            Self::Store => matches!(decode(word), Some(Instruction::Store { .. })),
            Self::Keccak => word == ECALL && hart.x[A7] == syscall_number::KECCAK,
            Self::Preimage => reads(1),
            Self::Blob => reads(2),
            Self::Precompile => reads(3),
        }
    }
}

/// Which step of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepPosition {
    /// The step after so many steps.
    Number(u64),
    /// The step that halts.
    Last,
    /// The first step of a kind.
    First(StepKind),
}

impl FromStr for StepPosition {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Ok(match text {
            "first" => Self::Number(0),
            "last" => Self::Last,
            "alu" => Self::First(StepKind::Alu),
            "load" => Self::First(StepKind::Load),
            "store" => Self::First(StepKind::Store),
            "keccak" => Self::First(StepKind::Keccak),
            "preimage" => Self::First(StepKind::Preimage),
            "blob" => Self::First(StepKind::Blob),
            "precompile" => Self::First(StepKind::Precompile),
            _ => Self::Number(text.parse().map_err(|_| {
                format!(
                    "found '{text}', expected a number, first, last, alu, load, store, \
                     keccak, preimage, blob or precompile"
                )
            })?),
        })
    }
}

impl fmt::Display for StepPosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "step {number}"),
            Self::Last => f.write_str("last step"),
            Self::First(kind) => write!(f, "first step of kind {kind:?}"),
        }
    }
}

/// The preimage that a step reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadPreimage {
    /// The machine's key.
    pub key: B256,
    /// The request that the key names.
    pub request: Request,
    /// The preimage.
    pub bytes: Bytes,
}

/// One step, ready for `StepVerifier`.
#[derive(Clone, Debug)]
pub struct StepProof {
    /// The step with its witness.
    pub witnessed: WitnessedStep,
    /// The instruction; none if the machine has halted or cannot fetch one.
    pub word: Option<u32>,
    /// The preimage that it reads, if it does.
    pub preimage: Option<ReadPreimage>,
}

impl StepProof {
    /// The instruction as text.
    #[must_use]
    pub fn instruction(&self) -> String {
        let text = |word| disassemble(word, self.witnessed.pc);
        self.word.map_or_else(|| "none".to_owned(), text)
    }
}

/// Runs a program up to a step and writes the witness of that.
///
/// # Errors
/// [`ChallengerError::NoSuchStep`] when the program never takes such a step; a witness that lacks a
/// preimage or a part of a blob.
pub fn prove_step(
    program: &Arc<Program>,
    input: B256,
    witness: &Witness,
    at: StepPosition,
) -> Result<StepProof, ChallengerError> {
    let mut host = MachineHost::new(witness);
    let mut machine = Machine::new(program.clone(), input);
    let step = find(&mut machine, &mut host, at)?;
    machine.go_to(step, &mut host)?;
    let hart = machine.hart().clone();
    if hart.step != step {
        return Err(ChallengerError::NoSuchStep { asked: at.to_string(), steps: hart.step });
    }
    let word = if hart.is_halted() { None } else { program.code().fetch(hart.pc) };
    let preimage = match word {
        Some(ECALL) if hart.x[A7] == syscall_number::READ_PREIMAGE => {
            let key = key_of(&hart);
            // Asked for here first, so that a blob without a proof is an error with a reason.
            host.prove(&key)?;
            let entry = host.request(&key).cloned();
            entry.map(|(request, bytes)| ReadPreimage { key, request, bytes })
        }
        _ => None,
    };
    let pre = machine.state_hash();
    let witness = machine.witness(step, &mut host)?;
    machine.run(step.saturating_add(1), &mut host)?;
    let post = machine.state_hash();
    let witnessed = WitnessedStep { step, pc: hart.pc, pre, witness, post };
    Ok(StepProof { witnessed, word, preimage })
}

/// The number of a step.
fn find(
    machine: &mut Machine,
    host: &mut MachineHost,
    at: StepPosition,
) -> Result<u64, ChallengerError> {
    match at {
        StepPosition::Number(step) => return Ok(step),
        StepPosition::Last => {
            machine.run(STEPS_MAX, host)?;
            return Ok(machine.hart().step.saturating_sub(1));
        }
        StepPosition::First(kind) => {
            while !machine.hart().is_halted() && machine.hart().step < STEPS_MAX {
                let hart = machine.hart();
                let word = machine.program().code().fetch(hart.pc);
                if word.is_some_and(|word| kind.is_next(hart, word)) {
                    return Ok(hart.step);
                }
                let next = hart.step.saturating_add(1);
                machine.run(next, host)?;
            }
        }
    }
    Err(ChallengerError::NoSuchStep { asked: at.to_string(), steps: machine.hart().step })
}

/// The key in a0..a3, little endian each.
fn key_of(hart: &Hart) -> B256 {
    let mut key = B256::ZERO;
    for (bytes, register) in key.chunks_exact_mut(8).zip(&hart.x[A0..]) {
        bytes.copy_from_slice(&register.to_le_bytes());
    }
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_numbers_or_names() {
        assert_eq!("17".parse(), Ok(StepPosition::Number(17)));
        assert_eq!("last".parse(), Ok(StepPosition::Last));
        assert_eq!("precompile".parse(), Ok(StepPosition::First(StepKind::Precompile)));
        assert!("middle".parse::<StepPosition>().unwrap_err().contains("found 'middle'"));
    }

    #[test]
    fn a_step_is_found_by_its_kind_and_proven() {
        // lui a0, 1; sd a0, 0(a0); ld a1, 0(a0); li a7, 93; li a0, 0; ecall
        let words = [0x0000_1537, 0x00a5_3023, 0x0005_3583, 0x05d0_0893, 0x0000_0513, ECALL];
        let text: Vec<u8> = words.iter().flat_map(|word: &u32| word.to_le_bytes()).collect();
        let program = Arc::new(Program::from_text(0x1_0000, &text).unwrap());
        let prove = |at| prove_step(&program, B256::ZERO, &Witness::default(), at);
        let oracle = gainsay_vm::keccak_oracle;
        for (at, step) in
            [("first", 0), ("alu", 3), ("store", 1), ("load", 2), ("3", 3), ("last", 5)]
        {
            let proof = prove(at.parse().unwrap()).unwrap();
            let WitnessedStep { step: found, pre, ref witness, post, .. } = proof.witnessed;
            assert_eq!(found, step, "{at}");
            assert_eq!(gainsay_vm::verify_step(pre, witness, &oracle).unwrap(), post, "{at}");
        }
        assert!(prove(StepPosition::First(StepKind::Blob)).is_err());
        let error = prove(StepPosition::Number(7)).unwrap_err();
        assert!(matches!(error, ChallengerError::NoSuchStep { steps: 6, .. }), "{error}");
    }
}
