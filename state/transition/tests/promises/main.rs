//! What the transition promises, checked from outside: it agrees with plain revm, its rules for
//! deposits and invalid transactions hold, and its result does not depend on where state is read.

#![expect(clippy::unwrap_used, clippy::cast_possible_truncation, reason = "tests may panic")]

mod chain;
mod deposits;
mod genesis_states;
mod plain_revm;
mod random_blocks;
