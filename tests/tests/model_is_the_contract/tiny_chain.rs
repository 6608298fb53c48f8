//! A chain whose program has 18 instructions, and the right trace of it.
//!
//! The output root after a block is the program's input, the cursor is always the same: the program
//! halts with keccak(input ‖ cursor), which is a claim. So claims, machine and contracts are real,
//! and a whole dispute is played in seconds. A second program fails where the claim's first byte is
//! odd: the claim there is 0, and so are all behind it.

use std::sync::Arc;

use alloy::primitives::{B256, Bytes, keccak256};
use gainsay_challenger::{
    ChallengerError,
    dispute::{
        BelievedChild, Commitment, Evidence, SpansEvidence, Trace, TracePoint,
        game::{GameAssertion, Heights},
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
/// addi a7, a7, 3; ecall (keccak); mv a4..a1 from a3..a0; andi a0, a0, 0; li a7, 93; ecall (halt).
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
    0x0005_7513,
    0x05d0_0893,
    0x0000_0073,
];

/// Which word sets the exit code, and the same with `andi a0, a0, 1`.
const EXIT_WORD: usize = 15;
const FAILING_WORD: u32 = 0x0015_7513;

/// The program, with the cursor behind the place of the input.
pub(crate) fn program(fails: bool) -> Arc<Program> {
    let mut words = WORDS;
    if fails {
        words[EXIT_WORD] = FAILING_WORD;
    }
    let mut text: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
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
    /// The program's input on each block: the output root after it. They end with the block on
    /// which it fails.
    inputs: Vec<B256>,
    claims: Vec<B256>,
    batch_acc: B256,
}

impl TinyTrace {
    pub(crate) fn new(
        genesis: B256,
        genesis_output_root: B256,
        batch_acc: B256,
        config_hash: B256,
        fails: bool,
    ) -> Self {
        let mut agreed = claim(genesis_output_root, &Cursor::default());
        let (mut inputs, mut claims) = (Vec::new(), Vec::new());
        for block in 0..1 << HEIGHTS.blocks {
            // The genesis stands before batch 0, all others behind it: the limit.
            let acc = if block == 0 { batch_acc } else { B256::ZERO };
            let input = keccak256([agreed.0, acc.0, config_hash.0].concat());
            inputs.push(input);
            agreed = claim(input, &CURSOR);
            if fails && agreed[0] & 1 == 1 {
                claims.push(B256::ZERO);
                break;
            }
            claims.push(agreed);
        }
        let last = *claims.last().unwrap();
        claims.resize(1 << HEIGHTS.blocks, last);
        Self { program: program(fails), genesis, genesis_output_root, inputs, claims, batch_acc }
    }

    pub(crate) fn claims(&self) -> Vec<B256> {
        self.claims.clone()
    }

    /// The last block that is run: that on which the program fails, or the last one.
    pub(crate) fn last_run(&self) -> u64 {
        self.inputs.len() as u64 - 1
    }

    /// The right child.
    pub(crate) fn right(&self) -> BelievedChild {
        let is_halt = self.claims.last().unwrap().is_zero();
        let end = (*self.inputs.last().unwrap(), CURSOR);
        let (output_root, cursor) = if is_halt { Default::default() } else { end };
        BelievedChild {
            output_root,
            cursor,
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
            claim: self.claims[point.block as usize],
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
fn the_program_makes_claims_or_fails() {
    let words = [B256::ZERO; 4];
    for fails in [false, true] {
        let trace = TinyTrace::new(words[0], words[1], words[2], words[3], fails);
        for block in 0..=trace.last_run() {
            let mut machine = trace.machine(block);
            machine.run(u64::MAX, &mut NoHost).unwrap();
            let (hart, claimed) = (machine.hart(), trace.claims()[block as usize]);
            assert_eq!((hart.step, hart.exit_code), (STEPS, u16::from(claimed.is_zero())));
            assert!(claimed.is_zero() || claimed == hart.output());
        }
        let has_failed = trace.claims().last().unwrap().is_zero();
        assert_eq!(has_failed, fails, "in eight blocks it does fail");
    }
}
