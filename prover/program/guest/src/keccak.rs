//! Every keccak of the program. The machine hashes messages up to its longest; this code hashes
//! longer ones.

use core::{
    arch::global_asm,
    ptr::{addr_of, addr_of_mut},
};

use crate::machine::keccak;

/// Longest message of the machine's keccak.
const MACHINE_BYTES_MAX: usize = 65_536;
/// Bytes absorbed at a time.
const RATE: usize = 136;

unsafe extern "C" {
    /// Aligned by the linker script to the longest message.
    static mut keccak_scratch: [u8; MACHINE_BYTES_MAX];
    fn keccak_permute(lanes: *mut [u64; 25]);
}

global_asm!(include_str!("keccak.s"));

/// What alloy calls for every keccak.
///
/// # Safety
/// `bytes` has `len` bytes, `output` room for 32.
#[unsafe(no_mangle)]
unsafe extern "C" fn native_keccak256(bytes: *const u8, len: usize, output: *mut u8) {
    // SAFETY: the caller's; one hart, and the scratch area is used here alone.
    let hash = unsafe {
        if len > MACHINE_BYTES_MAX {
            sponge(core::slice::from_raw_parts(bytes, len))
        } else {
            let scratch = addr_of_mut!(keccak_scratch).cast::<u8>();
            core::ptr::copy_nonoverlapping(bytes, scratch, len);
            keccak(scratch, len)
        }
    };
    // SAFETY: the caller's.
    unsafe {
        if output.addr() % 8 == 0 {
            output.cast::<[u64; 4]>().write(hash);
        } else {
            let hash = addr_of!(hash).cast::<u8>();
            core::ptr::copy_nonoverlapping(hash, output, 32);
        }
    }
}

fn sponge(message: &[u8]) -> [u64; 4] {
    let mut lanes = [0; 25];
    let (blocks, rest) = message.as_chunks::<RATE>();
    for block in blocks {
        absorb(&mut lanes, block);
    }
    let mut last = [0; RATE];
    last[..rest.len()].copy_from_slice(rest);
    last[rest.len()] = 0x01;
    last[RATE - 1] |= 0x80;
    absorb(&mut lanes, &last);
    [lanes[0], lanes[1], lanes[2], lanes[3]]
}

fn absorb(lanes: &mut [u64; 25], block: &[u8; RATE]) {
    let mut words = [0_u64; RATE / 8];
    // SAFETY: as many bytes; any are words. Copied first, for a block need not be aligned.
    unsafe { words.as_mut_ptr().cast::<[u8; RATE]>().write_unaligned(*block) };
    for (lane, word) in lanes.iter_mut().zip(words) {
        *lane ^= word;
    }
    // SAFETY: 25 lanes, which it reads and writes.
    unsafe { keccak_permute(lanes) };
}
