//! Programs to measure the machine with, as guests and as native code. They take no input, ask no
//! host, and give 32 bytes.

#![cfg_attr(target_os = "none", no_std)]

extern crate alloc;

mod evm;
#[cfg(target_os = "none")]
mod runtime;
pub use evm::{erc20_transfers, eth_transfers, evm_loop};
#[cfg(target_os = "none")]
pub use runtime::{halt, write};
#[cfg(target_os = "none")]
use runtime::{keep_heap, reset_heap};

use alloc::collections::BTreeMap;

use ruint::{aliases::U256, uint};
use sha2::{Digest, Sha256};
use tiny_keccak::{Hasher, Keccak};

/// What a program gives: 32 bytes in four words.
pub type Output = [u64; 4];

/// A program as native code.
pub type Native = fn() -> Output;

/// All programs by the names of their ELF files.
pub const PROGRAMS: [(&str, Native); 7] = [
    ("keccak", keccak),
    ("sha256", sha256),
    ("uint256", uint256),
    ("btree", btree),
    ("eth_transfers", eth_transfers),
    ("erc20_transfers", erc20_transfers),
    ("evm_loop", evm_loop),
];

/// Native code has a heap that reuses what is freed.
#[cfg(not(target_os = "none"))]
fn keep_heap() {}
#[cfg(not(target_os = "none"))]
unsafe fn reset_heap() {}

/// Makes the entry of a guest program.
#[macro_export]
macro_rules! guest {
    ($program:ident) => {
        #[unsafe(no_mangle)]
        extern "C" fn guest_main() -> ! {
            $crate::halt($crate::$program())
        }
    };
}

/// Keccak-256 of 32 bytes, of its hash, and so on.
pub fn keccak() -> Output {
    let mut hash = [0; 32];
    for _ in 0..100_000 {
        let mut keccak = Keccak::v256();
        keccak.update(&hash);
        keccak.finalize(&mut hash);
    }
    words(hash)
}

/// SHA-256 of 32 bytes, of its hash, and so on.
pub fn sha256() -> Output {
    let mut hash = [0; 32];
    for _ in 0..200_000 {
        hash = Sha256::digest(hash).into();
    }
    words(hash)
}

/// 256-bit arithmetic: multiplication modulo a prime, addition, division.
pub fn uint256() -> Output {
    let prime = uint!(0xfffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc2f_U256);
    let mut a = U256::from(3);
    let mut b = U256::from(7);
    for round in 0..600_000_u64 {
        a = a.mul_mod(b, prime).wrapping_add(U256::from(round));
        b = b.wrapping_mul(a).wrapping_add(a >> 3);
        b ^= a / (b >> 128_u32 | U256::ONE);
    }
    *(a ^ b).as_limbs()
}

/// A BTreeMap filled, searched and emptied, over and over.
pub fn btree() -> Output {
    let mut random = 1_u64;
    let mut sum = 0_u64;
    for _ in 0..200 {
        let mut map = BTreeMap::new();
        for _ in 0..6_000 {
            random = random.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            *map.entry(random >> 44).or_insert(0_u64) += random;
            if let Some((key, value)) = map.range(random >> 45..).next() {
                sum = sum.wrapping_add(key ^ value);
            }
        }
        for (key, value) in map {
            sum = sum.rotate_left(7) ^ key.wrapping_add(value);
        }
        // SAFETY: the map has been consumed.
        unsafe {
            reset_heap();
        }
    }
    [sum, random, 0, 0]
}

fn words(bytes: [u8; 32]) -> Output {
    let (words, _) = bytes.as_chunks::<8>();
    core::array::from_fn(|index| u64::from_le_bytes(words[index]))
}
