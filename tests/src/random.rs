//! Randomness that can be replayed: `GAINSAY_SEED` sets the seed, `GAINSAY_ROUNDS` the rounds
//! (`scripts/test --seed N --rounds M`).

use std::env;

use rand::{SeedableRng, rngs::StdRng};

/// A generator whose seed is printed with the test's output.
pub fn seeded(test: &str) -> StdRng {
    // Short, so that it is easily typed.
    let seed = variable("GAINSAY_SEED").unwrap_or_else(|| rand::random::<u32>().into());
    println!("{test}: replay with GAINSAY_SEED={seed}");
    StdRng::seed_from_u64(seed)
}

/// Rounds to run: `GAINSAY_ROUNDS`, or `default`.
pub fn rounds(default: u64) -> u64 {
    variable("GAINSAY_ROUNDS").unwrap_or(default)
}

fn variable(name: &str) -> Option<u64> {
    let text = env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name}: found {text:?}, expected a number")))
}
