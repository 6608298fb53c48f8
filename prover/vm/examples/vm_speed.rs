//! Measures the machine: millions of instructions a second of the engines on guest programs, what
//! state hashes cost, page roots, and the dense commitment of a span.
//!
//! `cargo run --example vm_speed -- $(prover/vm/bench-programs/build)`
//! Times are CPU seconds of all threads, unless they say wall; best of several runs.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a tool for developers")]

use std::{path::Path, sync::Arc, time::Instant};

use alloy_primitives::{B256, keccak256};
use gainsay_vm::{Engine, Machine, Memory, NoHost, PAGE_BYTES, Program};
use rustix::time::{ClockId, clock_gettime};

/// Steps of a span.
const SPAN: u64 = 1 << 20;

/// Runs of each measurement, of which the best counts.
const RUNS: usize = 5;

fn main() {
    let folder = std::env::args().nth(1).expect("the folder of guest programs");
    println!(
        "program      instructions   reference        fast         jit  extra for hashes (wall)"
    );
    let mut logs = Vec::new();
    for name in ["keccak", "sha256", "uint256", "btree"] {
        let file = std::fs::read(Path::new(&folder).join(name)).unwrap();
        let program = Arc::new(Program::from_elf(&file).unwrap());
        logs.push(measure_engines(name, &program));
        if name == "btree" {
            measure_dense(&program);
        }
    }
    let mean = (logs.iter().sum::<f64>() / logs.len() as f64).exp();
    println!("geometric mean of the translating engine: {mean:.0} MIPS");
    measure_pages();
}

fn measure_engines(name: &str, program: &Arc<Program>) -> f64 {
    let run = |engine, limit: u64| {
        best(|| {
            let mut machine = Machine::new(program.clone(), B256::ZERO).with_engine(engine);
            let seconds = cpu_seconds(|| machine.run(limit, &mut NoHost).unwrap());
            (seconds, machine.hart().step)
        })
    };
    let (jit, steps) = run(Engine::Jit, u64::MAX);
    let (fast, fast_steps) = run(Engine::Fast, 1 << 28);
    let (reference, reference_steps) = run(Engine::Reference, 1 << 26);
    let wall = |interval: u64| {
        let (seconds, _) = best(|| {
            let mut machine = Machine::new(program.clone(), B256::ZERO);
            let count = usize::try_from(steps.div_ceil(interval)).unwrap();
            let start = Instant::now();
            machine.state_hashes_every(interval, count, &mut NoHost).unwrap();
            (start.elapsed().as_secs_f64(), machine.hart().step)
        });
        seconds
    };
    // One hash at the end, and one a span.
    let extra = wall(SPAN) / wall(steps) - 1.0;
    let mips = |steps: u64, seconds: f64| steps as f64 / seconds / 1e6;
    println!(
        "{name:10} {steps:>14} {:>6.0} MIPS {:>6.0} MIPS {:>6.0} MIPS {:>12.1}%",
        mips(reference_steps, reference),
        mips(fast_steps, fast),
        mips(steps, jit),
        extra * 100.0,
    );
    mips(steps, jit).ln()
}

fn measure_dense(program: &Arc<Program>) {
    let (seconds, count) = best(|| {
        let mut machine = Machine::new(program.clone(), B256::ZERO);
        machine.run(10 * SPAN, &mut NoHost).unwrap();
        let start = Instant::now();
        let count = usize::try_from(SPAN).unwrap();
        let hashes = machine.state_hashes(10 * SPAN + 1, count, &mut NoHost).unwrap();
        (start.elapsed().as_secs_f64(), hashes.len() as u64)
    });
    println!("dense commitment of a span, {count} state hashes: {seconds:.3} s wall");
}

/// Roots of changed pages against a loop of one hash at a time.
fn measure_pages() {
    const PAGES: u64 = 1_000;
    let mut memory = Memory::new();
    let mut value = 0_u64;
    let mut fill = |memory: &mut Memory| {
        for page in 0..PAGES {
            value += 1;
            let bytes = [value.to_le_bytes(); PAGE_BYTES / 8].concat();
            assert!(memory.write(page * PAGE_BYTES as u64, &bytes));
        }
    };
    fill(&mut memory);
    memory.root();
    let (batched, _) = best(|| {
        fill(&mut memory);
        let start = Instant::now();
        memory.root();
        (start.elapsed().as_secs_f64(), 0)
    });
    let (scalar, _) = best(|| {
        let start = Instant::now();
        for page in 0..PAGES {
            let bytes = memory.slice(page * PAGE_BYTES as u64, PAGE_BYTES as u64).unwrap();
            let mut level: Vec<B256> = bytes.chunks(64).map(keccak256).collect();
            while level.len() > 1 {
                level = level.chunks(2).map(|pair| keccak256(pair.concat())).collect();
            }
            std::hint::black_box(level);
        }
        (start.elapsed().as_secs_f64(), 0)
    });
    println!(
        "root after {PAGES} changed pages: {:.2} ms wall; scalar loop over the pages alone {:.2} ms, \
         {:.1} times",
        batched * 1e3,
        scalar * 1e3,
        scalar / batched,
    );
}

fn best(measure: impl FnMut() -> (f64, u64)) -> (f64, u64) {
    let runs = std::iter::repeat_with(measure).take(RUNS);
    runs.min_by(|a, b| a.0.total_cmp(&b.0)).unwrap()
}

/// CPU time that the whole process spends in `work`.
fn cpu_seconds(work: impl FnOnce()) -> f64 {
    let seconds = || {
        let time = clock_gettime(ClockId::ProcessCPUTime);
        time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
    };
    let start = seconds();
    work();
    seconds() - start
}
