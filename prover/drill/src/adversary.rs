//! Adversaries: players who lie about the chain, about the machine, or about both, on a real L1.
//!
//! In: a right trace, a [`Fault`], a key. Out: wrong assertions, and a fight for them by the same
//! strategy as the honest one, with a trace that is right up to one leaf of each level. They serve
//! `gainsay-drill drill` and the tests.
//!
//! | module | job |
//! |---|---|
//! | `fault` | the ways to be wrong, by name |
//! | `false_claims` | claims of a chain that was derived wrongly |
//! | `lie` | where a fault is: block, span, step |
//! | `lying_trace` | a trace that is right up to the lie, and made up after it |
//! | `disputes` | all disputes as L1 shows them now |
//! | `liar` | the player, and how it behaves |
//!
//! Architecture invariant: the honest challenger never calls this.

mod disputes;
mod false_claims;
mod fault;
mod liar;
mod lie;
mod lying_trace;

pub use disputes::{Disputes, read_disputes};
pub use fault::Fault;
pub use liar::{Behaviour, Liar, Played};
pub use lie::{About, Lie, LieBuilder};
pub use lying_trace::LyingTrace;
