//! A chain whose program has 18 instructions, and the right trace of it.
//!
//! The output root after a block is the program's input, the cursor is always the same: the program
//! halts with keccak(input ‖ cursor), which is a claim. So claims, machine and contracts are real,
//! and a whole dispute is played in seconds.

use std::sync::Arc;

use alloy::primitives::{B256, Bytes, keccak256};
use gainsay_challenger::{
    ChallengerError,
    dispute::{
        BelievedChild, Commitment, Evidence, SpansEvidence, Trace,
        game::{GameAssertion, Heights},
        strategy::TracePoint,
    },
};
use gainsay_derivation::{BatchIndex, Cursor, DepositIndex, claim};
use gainsay_l1::bindings::IEdgeGame;
use gainsay_vm::{Machine, NoHost, Program};

pub(crate) const HEIGHTS: Heights = Heights { blocks: 3, spans: 2, steps: 3 };
/// Where every block of it ends.
pub(crate) const CURSOR: Cursor =
    Cursor { batch: BatchIndex(1), block: 0, deposits_read: DepositIndex(1) };
/// Instructions of a run.
pub(crate) const STEPS: u64 = 18;

/// Data begins here; the text ends here.
const DATA: u64 = 0x2_0000;
const TEXT: u64 = DATA - 96;

/// lui t0, 0x20; lui a7, 1; ecall (read_input); sd a0..a3 to t0; mv a0, t0; li a1, 56;
/// addi a7, a7, 3; ecall (keccak); mv a4..a1 from a3..a0; li a0, 0; li a7, 93; ecall (halt).
const WORDS: [u32; STEPS as usize] = [
    0x0002_02b7,
    0x0000_18b7,
    0x0000_0073,
    0x00a2_b023,
    0x00b2_b423,
    0x00c2_b823,
    0x00d2_bc23,
    0x0002_8513,
    0x0380_0593,
    0x0038_8893,
    0x0000_0073,
    0x0006_8713,
    0x0006_0693,
    0x0005_8613,
    0x0005_0593,
    0x0000_0513,
    0x05d0_0893,
    0x0000_0073,
];

/// The program, with the cursor behind the place of the input.
pub(crate) fn program() -> Arc<Program> {
    let mut text: Vec<u8> = WORDS.iter().flat_map(|word| word.to_le_bytes()).collect();
    text.resize((DATA - TEXT) as usize + 32, 0);
    text.extend_from_slice(&CURSOR.pack());
    Arc::new(Program::from_text(TEXT, &text).unwrap())
}

/// The right trace below the genesis assertion.
#[derive(Clone, Debug)]
pub(crate) struct TinyTrace {
    program: Arc<Program>,
    genesis: B256,
    genesis_output_root: B256,
    /// The program's input on each block: the output root after it.
    inputs: Vec<B256>,
    batch_acc: B256,
}

impl TinyTrace {
    pub(crate) fn new(
        genesis: B256,
        genesis_output_root: B256,
        batch_acc: B256,
        config_hash: B256,
    ) -> Self {
        let mut agreed = claim(genesis_output_root, &Cursor::default());
        let mut inputs = Vec::new();
        for block in 0..1 << HEIGHTS.blocks {
            // The genesis stands before batch 0, all others behind it: the limit.
            let acc = if block == 0 { batch_acc } else { B256::ZERO };
            let input = keccak256([agreed.0, acc.0, config_hash.0].concat());
            agreed = claim(input, &CURSOR);
            inputs.push(input);
        }
        Self { program: program(), genesis, genesis_output_root, inputs, batch_acc }
    }

    pub(crate) fn claims(&self) -> Vec<B256> {
        self.inputs.iter().map(|root| claim(*root, &CURSOR)).collect()
    }

    /// The right child.
    pub(crate) fn right(&self) -> BelievedChild {
        BelievedChild {
            output_root: *self.inputs.last().unwrap(),
            cursor: CURSOR,
            claims: Commitment::new(HEIGHTS.blocks, &self.claims()).unwrap(),
            batch_limit_acc: self.batch_acc,
        }
    }

    fn machine(&self, block: u64) -> Machine {
        Machine::new(self.program.clone(), self.inputs[block as usize])
    }

    /// States after so many instructions each.
    fn states(
        &self,
        block: u64,
        after: impl Iterator<Item = u64>,
    ) -> Result<Vec<B256>, ChallengerError> {
        let mut machine = self.machine(block);
        let state = |step| {
            machine.run(step, &mut NoHost)?;
            Ok(machine.state_hash())
        };
        after.map(state).collect()
    }
}

impl Trace for TinyTrace {
    fn child(
        &mut self,
        id: B256,
        _: &GameAssertion,
    ) -> Result<Option<Arc<BelievedChild>>, ChallengerError> {
        Ok((id == self.genesis).then(|| Arc::new(self.right())))
    }

    fn spans(&mut self, point: &TracePoint) -> Result<Option<Arc<Commitment>>, ChallengerError> {
        let ends = (1..=1 << HEIGHTS.spans).map(|span| span << HEIGHTS.steps);
        Ok(Some(Arc::new(Commitment::new(HEIGHTS.spans, &self.states(point.block, ends)?)?)))
    }

    fn steps(&mut self, point: &TracePoint) -> Result<Option<Arc<Commitment>>, ChallengerError> {
        let first = point.span << HEIGHTS.steps;
        let ends = (1..=1 << HEIGHTS.steps).map(|step| first + step);
        Ok(Some(Arc::new(Commitment::new(HEIGHTS.steps, &self.states(point.block, ends)?)?)))
    }
}

impl Evidence for TinyTrace {
    fn final_state(
        &mut self,
        point: &TracePoint,
    ) -> Result<Option<SpansEvidence>, ChallengerError> {
        let (output_root, cursor) = match point.block.checked_sub(1) {
            None => (self.genesis_output_root, Cursor::default()),
            Some(before) => (self.inputs[before as usize], CURSOR),
        };
        let mut machine = self.machine(point.block);
        machine.run(STEPS, &mut NoHost)?;
        Ok(Some(SpansEvidence {
            agreed: IEdgeGame::Claim {
                outputRoot: output_root,
                batch: cursor.batch.get(),
                block: cursor.block,
                depositsRead: cursor.deposits_read.get(),
            },
            program: IEdgeGame::Program {
                codeRoot: self.program.code().root(),
                memoryRoot: self.program.memory_root(),
                entry: self.program.entry(),
            },
            claim: machine.hart().output(),
            final_state: machine.state().pack().to_vec().into(),
        }))
    }

    fn witness(&mut self, point: &TracePoint) -> Result<Option<Bytes>, ChallengerError> {
        let step = (point.span << HEIGHTS.steps) + point.step;
        let witness = self.machine(point.block).witness(step, &mut NoHost)?;
        Ok(Some(witness.into()))
    }
}

#[test]
fn the_program_makes_claims() {
    let trace = TinyTrace::new(B256::ZERO, B256::ZERO, B256::ZERO, B256::ZERO);
    let mut machine = trace.machine(0);
    machine.run(u64::MAX, &mut NoHost).unwrap();
    assert_eq!((machine.hart().step, machine.hart().exit_code), (STEPS, 0));
    assert_eq!(machine.hart().output(), trace.claims()[0]);
}
