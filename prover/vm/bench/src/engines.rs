//! One guest program on the engines of the machine, on ckb-vm in assembly mode, and as native code.

use std::sync::Arc;

use alloy_primitives::B256;
use ckb_vm::{
    Bytes, CoreMachine, DefaultMachineBuilder, DefaultMachineRunner, ISA_B, ISA_IMC, ISA_MOP,
    SupportMachine,
    machine::{
        VERSION2,
        asm::{AsmCoreMachine, AsmMachine},
    },
};
use gainsay_vm::{Engine, Machine, NoHost, Program};
use gainsay_vm_bench_programs::Native;

use crate::clock::{RUNS, best, process_seconds, thread_seconds};

/// Steps of a span, at whose end a dispute hashes the state.
pub(crate) const SPAN: u64 = 1 << 20;

/// CPU seconds of one program.
#[derive(Debug)]
pub(crate) struct Times {
    pub(crate) name: &'static str,
    pub(crate) steps: u64,
    pub(crate) jit: f64,
    pub(crate) ckb: f64,
    pub(crate) native: f64,
    /// With a state hash every span, and with one alone: of all threads, on the fast engine too.
    pub(crate) hashed: f64,
    pub(crate) hashed_once: f64,
    pub(crate) fast_mips: f64,
    pub(crate) reference_mips: f64,
}

/// Measures a program. Its result must be that of ckb-vm and of native code, its number of
/// instructions that of ckb-vm.
pub(crate) fn measure(name: &'static str, file: Vec<u8>, native: Native) -> Times {
    let program = Arc::new(Program::from_elf(&file).expect("an RV64IM program"));
    let file = Bytes::from(file);
    let (mut jit, mut ckb, mut alone) = (f64::INFINITY, f64::INFINITY, f64::INFINITY);
    let mut steps = 0;
    // One after the other, so that all see the same neighbours on this computer.
    for _ in 0..RUNS {
        let mut machine = Machine::new(program.clone(), B256::ZERO).with_engine(Engine::Jit);
        jit = jit.min(thread_seconds(|| machine.run(u64::MAX, &mut NoHost).expect("no host")));
        steps = machine.hart().step;
        let output = machine.hart().output();
        assert_eq!(machine.hart().exit_code, 0, "{name}");

        let (seconds, ckb_steps, ckb_output) = run_ckb(&file);
        ckb = ckb.min(seconds);
        assert_eq!((steps, output), (ckb_steps, ckb_output), "{name} on ckb-vm");

        let mut words = [0; 4];
        alone = alone.min(thread_seconds(|| words = std::hint::black_box(native)()));
        let bytes = words.map(u64::to_le_bytes).concat();
        assert_eq!(output, B256::from_slice(&bytes), "{name} as native code");
    }
    assert!(steps > 1 << 28, "{name}: too short to be measured");
    let mips = |engine, steps: u64| {
        let seconds = best(|| {
            let mut machine = Machine::new(program.clone(), B256::ZERO).with_engine(engine);
            thread_seconds(|| machine.run(steps, &mut NoHost).expect("no host"))
        });
        steps as f64 / seconds / 1e6
    };
    let hashed = |interval: u64| {
        best(|| {
            let mut machine = Machine::new(program.clone(), B256::ZERO);
            let count = usize::try_from(steps.div_ceil(interval)).expect("few spans");
            process_seconds(|| {
                machine.state_hashes_every(interval, count, &mut NoHost).expect("no host");
            })
        })
    };
    Times {
        name,
        steps,
        jit,
        ckb,
        native: alone,
        hashed: hashed(SPAN),
        hashed_once: hashed(steps),
        fast_mips: mips(Engine::Fast, 1 << 28),
        reference_mips: mips(Engine::Reference, 1 << 25),
    }
}

/// CPU seconds, instructions and output.
fn run_ckb(file: &Bytes) -> (f64, u64, B256) {
    let isa = ISA_IMC | ISA_B | ISA_MOP;
    let core = <Box<AsmCoreMachine> as SupportMachine>::new(isa, VERSION2, u64::MAX);
    let core = DefaultMachineBuilder::new(core).instruction_cycle_func(Box::new(instructions_in));
    let mut machine = AsmMachine::new(core.build());
    machine.load_program(file, std::iter::empty()).expect("a program for ckb-vm");
    let seconds = thread_seconds(|| assert_eq!(machine.run().expect("no fault"), 0));
    let mut output = B256::ZERO;
    for (bytes, register) in output.chunks_exact_mut(8).zip(&machine.machine.registers()[11..]) {
        bytes.copy_from_slice(&register.to_le_bytes());
    }
    (seconds, machine.machine.cycles(), output)
}

/// Instructions of RV64IM in one of ckb-vm's, which fuses some, known by its length in bytes: no
/// program here has compressed ones.
fn instructions_in(instruction: ckb_vm::Instruction) -> u64 {
    u64::from(ckb_vm::instructions::instruction_length(instruction)) / 4
}
