//! SHA-256 of 32 bytes, of its hash, and so on.
#![no_std]
#![no_main]

use sha2::{Digest, Sha256};

#[unsafe(no_mangle)]
extern "C" fn guest_main() -> ! {
    let mut hash = [0; 32];
    for _ in 0..200_000 {
        hash = Sha256::digest(hash).into();
    }
    gainsay_vm_bench_programs::halt_with(hash)
}
