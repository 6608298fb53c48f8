//! The guest: entry, and what a program without an operating system must bring.
//!
//! In: the machine's input and preimages. Out: the next claim with exit code 0; any other exit code
//! is the invalid claim.
//!
//! | module | job |
//! |---|---|
//! | `bytes.s` | copying, clearing and comparing bytes |
//! | `machine` | the machine's calls: halt, write, input, preimages, keccak |
//! | `keccak` | hashing: by the machine, or by `keccak.s` |
//! | `heap` | a capped heap that reuses what is freed |
//! | `preimages` | the oracle of the program: preimages from the machine, each read once |
#![no_std]
#![no_main]

extern crate alloc;

mod heap;
mod keccak;
mod machine;
mod preimages;

use core::{arch::global_asm, fmt::Write};

use machine::{exit, read_input};
use preimages::MachineOracle;

/// Exit code: a preimage is not what the program must find.
const EXIT_ERROR: u64 = 2;
/// Exit code: a panic, which is a bug of the program.
const EXIT_PANIC: u64 = 1;

global_asm!(
    // Target features given on the command line do not reach module-level assembly.
    ".option norvc",
    ".section .text._start",
    ".globl _start",
    "_start:",
    "lla sp, stack_top",
    "call guest_main",
    "unimp",
);

// memcpy, memmove, memset, memcmp, bcmp.
global_asm!(include_str!("bytes.s"));

#[unsafe(no_mangle)]
// PROTOCOL.md PROGRAM-5
extern "C" fn guest_main() -> ! {
    match gainsay_program::run(&MachineOracle::default(), read_input()) {
        Ok(claim) => exit(0, claim),
        Err(error) => {
            let _ignored = write!(machine::Console, "{error}");
            exit(EXIT_ERROR, Default::default())
        }
    }
}

#[panic_handler]
fn panic(info: &core::panic::PanicInfo<'_>) -> ! {
    let _ignored = write!(machine::Console, "{info}");
    exit(EXIT_PANIC, Default::default())
}
