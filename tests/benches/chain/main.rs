//! Measures the chain against its peers, on this machine, in one run: `scripts/bench`.
//!
//! In: nothing but the compiled contracts and the vectors of `state/derivation`. Out: a table on
//! the terminal, and rows in `target/bench.json`. It measures; it never decides whether a number is
//! good enough for a test to pass.
//!
//! | module | what it measures |
//! |---|---|
//! | `end_to_end` | transfers by JSON-RPC until they are in blocks, compared with anvil |
//! | `in_process` | ERC-20 transfers without a network: recover, execute, root, store |
//! | `state_root` | the state root of a block, compared with alloy-trie's `HashBuilder` |
//! | `batch_bytes` | bytes on L1 |
//! | `report` | rows, the table and the JSON |
//! | `cpu` | CPU time and memory of processes |
//! | `transfers` | signed transfers of many senders |
#![expect(clippy::unwrap_used, reason = "a measurement that fails has nothing to print")]

mod batch_bytes;
mod cpu;
mod end_to_end;
mod in_process;
mod report;
mod state_root;
mod transfers;

use report::Report;

/// The allocator of `gainsay`.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What can be measured, in this order.
const PARTS: [&str; 4] = ["bytes", "process", "root", "load"];

fn main() {
    // cargo adds `--bench`.
    let asked: Vec<String> = std::env::args().skip(1).filter(|it| it != "--bench").collect();
    if let Some(unknown) = asked.iter().find(|it| !PARTS.contains(&it.as_str())) {
        eprintln!("error: unknown part '{unknown}', expected {}", PARTS.join(", "));
        std::process::exit(2);
    }
    let wants = |part: &str| asked.is_empty() || asked.iter().any(|it| it == part);
    let mut report = Report::default();
    if wants("bytes") {
        batch_bytes::measure(&mut report);
    }
    if wants("process") {
        in_process::measure(&mut report);
    }
    if wants("root") {
        state_root::measure(&mut report);
    }
    if wants("load") {
        end_to_end::measure(&mut report);
    }
    report.print();
    report.save();
}
