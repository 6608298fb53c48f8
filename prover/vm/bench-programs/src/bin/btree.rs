//! A BTreeMap filled, searched and emptied, over and over.
#![no_std]
#![no_main]

extern crate alloc;

use alloc::collections::BTreeMap;

#[unsafe(no_mangle)]
extern "C" fn guest_main() -> ! {
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
        unsafe { gainsay_vm_bench_programs::reset_heap() };
    }
    gainsay_vm_bench_programs::halt([sum, random, 0, 0])
}
