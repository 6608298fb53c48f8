//! The machine and ckb-vm in assembly mode on the same guest programs, one after the other in one
//! process: CPU time, best of several, equal instruction counts and equal results asserted.
//!
//! `cargo run --manifest-path prover/vm/compare/Cargo.toml -- $(prover/vm/bench-programs/build)`

use std::{path::Path, sync::Arc};

use alloy_primitives::B256;
use ckb_vm::{
    Bytes, CoreMachine, DefaultMachineBuilder, DefaultMachineRunner, ISA_B, ISA_IMC, ISA_MOP,
    SupportMachine,
    machine::{
        VERSION2,
        asm::{AsmCoreMachine, AsmMachine},
    },
};
use gainsay_vm::{Machine, NoHost, Program};
use rustix::time::{ClockId, clock_gettime};

/// Runs of each measurement, of which the best counts.
const RUNS: usize = 7;

/// Seconds, instructions, output.
type Run = (f64, u64, B256);

fn main() {
    let folder = std::env::args().nth(1).expect("the folder of guest programs");
    println!("program      instructions    ckb-vm asm       gainsay   ratio");
    let mut logarithms = Vec::new();
    for name in ["keccak", "sha256", "uint256", "btree"] {
        let file = std::fs::read(Path::new(&folder).join(name)).expect("a guest program");
        let program = Arc::new(Program::from_elf(&file).expect("an RV64IM program"));
        let code = Bytes::from(file);
        // Interleaved, so that both see the same neighbours on this machine.
        let (mut ours, mut theirs) = (run_gainsay(&program), run_ckb(&code));
        for _ in 1..RUNS {
            ours = faster(ours, run_gainsay(&program));
            theirs = faster(theirs, run_ckb(&code));
        }
        assert_eq!((ours.1, ours.2), (theirs.1, theirs.2), "{name}: other counts or results");
        let mips = |run: &Run| run.1 as f64 / run.0 / 1e6;
        let ratio = theirs.0 / ours.0;
        println!(
            "{name:10} {:>14} {:>8.0} MIPS {:>8.0} MIPS {ratio:>6.2}",
            ours.1,
            mips(&theirs),
            mips(&ours),
        );
        logarithms.push(ratio.ln());
    }
    let mean = (logarithms.iter().sum::<f64>() / logarithms.len() as f64).exp();
    println!("geometric mean: {mean:.2} times ckb-vm");
}

fn faster(a: Run, b: Run) -> Run {
    if a.0 < b.0 { a } else { b }
}

fn run_gainsay(program: &Arc<Program>) -> Run {
    let mut machine = Machine::new(program.clone(), B256::ZERO);
    let seconds = cpu_seconds(|| machine.run(u64::MAX, &mut NoHost).expect("no host is asked"));
    assert_eq!(machine.hart().exit_code, 0);
    (seconds, machine.hart().step, machine.hart().output())
}

fn run_ckb(code: &Bytes) -> Run {
    let core =
        <Box<AsmCoreMachine> as SupportMachine>::new(ISA_IMC | ISA_B | ISA_MOP, VERSION2, u64::MAX);
    // A cycle for each instruction; fused ones count as what they are made of.
    let core = DefaultMachineBuilder::new(core).instruction_cycle_func(Box::new(instructions_in));
    let mut machine = AsmMachine::new(core.build());
    machine.load_program(code, std::iter::empty()).expect("a program for ckb-vm");
    let seconds = cpu_seconds(|| assert_eq!(machine.run().expect("no fault"), 0));
    let mut output = B256::ZERO;
    for (bytes, register) in output.chunks_exact_mut(8).zip(&machine.machine.registers()[11..]) {
        bytes.copy_from_slice(&register.to_le_bytes());
    }
    (seconds, machine.machine.cycles(), output)
}

/// Instructions of RV64IM in one of ckb-vm's, told by its length in bytes: no program here has
/// compressed ones.
fn instructions_in(instruction: ckb_vm::Instruction) -> u64 {
    u64::from(ckb_vm::instructions::instruction_length(instruction)) / 4
}

/// CPU time that this thread spends in `work`.
fn cpu_seconds(work: impl FnOnce()) -> f64 {
    let seconds = || {
        let time = clock_gettime(ClockId::ThreadCPUTime);
        time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
    };
    let start = seconds();
    work();
    seconds() - start
}
