//! Measures the machine: compares its engines with ckb-vm in assembly mode and native code on the
//! same programs, what state hashes cost, page roots, and the dense commitment of a span.
//!
//! `prover/vm/bench/run [--json FILE]`
//! Times are CPU time unless they say wall, best of several, in one process.

mod clock;
mod engines;
mod report;

use std::{path::PathBuf, sync::Arc};

use alloy_primitives::{B256, keccak256};
use gainsay_vm::{Machine, Memory, NoHost, PAGE_BYTES, Program};
use gainsay_vm_bench_programs::PROGRAMS;

use clock::{best, mean, process_seconds, wall_seconds};
use engines::{SPAN, Times};
use report::Row;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let folder = PathBuf::from(arguments.next().expect("the folder of guest programs"));
    let json = match (arguments.next().as_deref(), arguments.next()) {
        (Some("--json"), Some(path)) => Some(PathBuf::from(path)),
        (None, _) => None,
        _ => panic!("expected FOLDER [--json FILE]"),
    };
    let read = |name: &str| std::fs::read(folder.join(name)).expect("a guest program");

    println!(
        "program      instructions   reference        fast         jit      ckb-vm    native s"
    );
    let mut times = Vec::new();
    for (name, native) in PROGRAMS {
        let measured = engines::measure(name, read(name), native);
        println!(
            "{name:10} {:>14} {:>6.0} MIPS {:>6.0} MIPS {:>6.0} MIPS {:>6.0} MIPS \
             {:>11.3} {:>+18.1}%",
            measured.steps,
            measured.reference_mips,
            measured.fast_mips,
            mips(&measured, measured.jit),
            mips(&measured, measured.ckb),
            measured.native,
            (measured.hashed / measured.hashed_once - 1.0) * 100.0,
        );
        times.push(measured);
    }
    let mut rows = engine_rows(&times);
    rows.push(pages_row());
    rows.push(dense_row(&read("btree")));
    report::print(&rows);
    if let Some(path) = json {
        report::save(&rows, &path).expect("the file can be written");
    }
}

fn mips(times: &Times, seconds: f64) -> f64 {
    times.steps as f64 / seconds / 1e6
}

fn engine_rows(times: &[Times]) -> Vec<Row> {
    let row = |name: String, ours: f64, peer: f64, goal: f64| Row {
        name,
        ours,
        peer,
        peer_name: "ckb-vm, assembly mode",
        unit: "MIPS",
        less_is_better: false,
        goal,
    };
    let mut rows = Vec::new();
    for it in times {
        rows.push(row(format!("machine: {}", it.name), mips(it, it.jit), mips(it, it.ckb), 1.5));
    }
    let over = |value: &dyn Fn(&Times) -> f64| mean(&times.iter().map(value).collect::<Vec<_>>());
    let (ours, peer) = (over(&|it| mips(it, it.jit)), over(&|it| mips(it, it.ckb)));
    rows.push(row("machine: geometric mean".into(), ours, peer, 4.0));
    rows.push(Row {
        name: "machine: guest seconds, geometric mean".into(),
        ours: over(&|it| it.jit),
        peer: over(&|it| it.native),
        peer_name: "the same code native",
        unit: "s",
        less_is_better: true,
        goal: 1.0 / 15.0,
    });
    rows.push(Row {
        name: "machine: a state hash every 2^20 steps, geom. mean".into(),
        ours: over(&|it| it.hashed),
        peer: over(&|it| it.hashed_once),
        peer_name: "one at the end, all threads",
        unit: "s",
        less_is_better: true,
        goal: 1.0 / 1.3,
    });
    rows
}

/// Roots of changed pages against a loop of one hash at a time.
fn pages_row() -> Row {
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
    let ours = best(|| {
        fill(&mut memory);
        process_seconds(|| {
            std::hint::black_box(memory.root());
        })
    });
    let peer = best(|| {
        process_seconds(|| {
            for page in 0..PAGES {
                let bytes = memory.slice(page * PAGE_BYTES as u64, PAGE_BYTES as u64);
                let bytes = bytes.expect("inside the memory");
                let mut level: Vec<B256> = bytes.chunks(64).map(keccak256).collect();
                while level.len() > 1 {
                    level = level.chunks(2).map(|pair| keccak256(pair.concat())).collect();
                }
                std::hint::black_box(level);
            }
        })
    });
    Row {
        name: "machine: root after 1,000 changed pages".into(),
        ours: ours * 1e3,
        peer: peer * 1e3,
        peer_name: "the pages alone, one hash at a time",
        unit: "ms",
        less_is_better: true,
        goal: 3.0,
    }
}

fn dense_row(file: &[u8]) -> Row {
    let program = Arc::new(Program::from_elf(file).expect("an RV64IM program"));
    let seconds = best(|| {
        let mut machine = Machine::new(program.clone(), B256::ZERO);
        let from = 10 * SPAN;
        machine.run(from, &mut NoHost).expect("no host");
        let count = usize::try_from(SPAN).expect("2^20");
        wall_seconds(|| {
            let hashes = machine.state_hashes(from + 1, count, &mut NoHost).expect("no host");
            assert_eq!(hashes.len(), count);
        })
    });
    Row {
        name: "machine: dense commitment of a span".into(),
        ours: seconds,
        peer: 5.0,
        peer_name: "the most allowed",
        unit: "s wall",
        less_is_better: true,
        goal: 1.0,
    }
}
