//! Keccak-256 of 32 bytes, of its hash, and so on.
#![no_std]
#![no_main]

use tiny_keccak::{Hasher, Keccak};

#[unsafe(no_mangle)]
extern "C" fn guest_main() -> ! {
    let mut hash = [0; 32];
    for _ in 0..100_000 {
        let mut keccak = Keccak::v256();
        keccak.update(&hash);
        keccak.finalize(&mut hash);
    }
    gainsay_vm_bench_programs::halt_with(hash)
}
