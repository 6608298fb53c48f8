//! 256-bit arithmetic: multiplication modulo a prime, addition, division.
#![no_std]
#![no_main]

use ruint::{aliases::U256, uint};

#[unsafe(no_mangle)]
extern "C" fn guest_main() -> ! {
    let prime =
        uint!(0xfffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc2f_U256);
    let mut a = U256::from(3);
    let mut b = U256::from(7);
    for round in 0..600_000_u64 {
        a = a.mul_mod(b, prime).wrapping_add(U256::from(round));
        b = b.wrapping_mul(a).wrapping_add(a >> 3);
        b ^= a / (b >> 128_u32 | U256::ONE);
    }
    gainsay_vm_bench_programs::halt(*(a ^ b).as_limbs())
}
