//! Instructions by function: the program counter, sampled as the block runs.
//!
//! Functions that the compiler has put into others count as those.

use std::collections::HashMap;

use gainsay_vm::{Host, Machine};
use object::{Object, ObjectSymbol, SymbolKind};

/// Instructions between two samples; a prime, so as not to follow a loop.
const INTERVAL: u64 = 251;

/// What a function is for, by parts of its mangled name: the first that is found.
const GROUPS: [(&str, &[&str]); 9] = [
    (
        "copy, clear, compare bytes",
        &["memcpy", "memset", "memmove", "memcmp", "bcmp", "compiler_builtins"],
    ),
    ("keccak", &["native_keccak", "keccakf", "keccak_"]),
    (
        "allocate",
        &[
            "__rust_alloc",
            "__rust_dealloc",
            "__rust_realloc",
            "gainsay_guest4heap",
            "finish_grow",
            "do_reserve",
            "grow_one",
        ],
    ),
    ("read preimages", &["gainsay_guest9preimages4read", "6Oracle4read"]),
    ("derive: inbox, decompress, decode", &["gainsay_derivation", "brotli", "5inbox"]),
    ("trie", &["4trie", "alloy_trie", "nybbles"]),
    (
        "transactions: decode, encode",
        &[
            "signed_hash",
            "op_alloy_consensus",
            "alloy_consensus",
            "alloy_rlp",
            "18gainsay_transition11transaction",
        ],
    ),
    ("estimate the L1 size", &["fastlz", "flz_compress"]),
    ("EVM", &["revm", "op_revm", "block_state", "block_executor"]),
];

/// Shares of the whole, the largest first.
pub(crate) struct Profile {
    pub(crate) functions: Vec<(String, f64)>,
    pub(crate) groups: Vec<(&'static str, f64)>,
    /// Program counters and return addresses, for `llvm-symbolizer --inlines`.
    pub(crate) samples: Vec<(u64, u64)>,
}

/// Runs a machine to its end.
pub(crate) fn profile(elf: &[u8], machine: &mut Machine, host: &mut dyn Host) -> Profile {
    let functions = functions(elf);
    let mut counts = HashMap::<usize, u64>::new();
    let mut samples = Vec::new();
    while !machine.hart().is_halted() {
        let next = machine.hart().step + INTERVAL;
        let pc = machine.hart().pc;
        let index = functions.partition_point(|(start, _)| *start <= pc);
        samples.push((pc, machine.hart().x[1]));
        *counts.entry(index.saturating_sub(1)).or_default() += 1;
        machine.run(next, host).unwrap();
    }
    let share = |count: u64| count as f64 / samples.len() as f64;
    let mut groups: Vec<_> = GROUPS.iter().map(|(name, _)| (*name, 0.0)).collect();
    groups.push(("the rest", 0.0));
    let mut named = Vec::new();
    for (index, count) in counts {
        let name = &functions[index].1;
        let of = |(_, parts): &(_, &[&str])| parts.iter().any(|part| name.contains(part));
        let group = GROUPS.iter().position(of).unwrap_or(GROUPS.len());
        groups[group].1 += share(count);
        named.push((name.clone(), share(count)));
    }
    named.sort_by(|a, b| b.1.total_cmp(&a.1));
    groups.sort_by(|a, b| b.1.total_cmp(&a.1));
    Profile { functions: named, groups, samples }
}

/// Starts and names, in order.
fn functions(elf: &[u8]) -> Vec<(u64, String)> {
    let file = object::File::parse(elf).unwrap();
    let mut functions: Vec<(u64, String)> = file
        .symbols()
        .filter(|symbol| symbol.kind() == SymbolKind::Text)
        .map(|symbol| (symbol.address(), symbol.name().unwrap().to_owned()))
        .filter(|(_, name)| !name.starts_with('.') && !name.starts_with('$'))
        .collect();
    functions.sort();
    functions
}
