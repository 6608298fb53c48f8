//! Disputes: what L1 shows of them, what a player believes, and which moves it makes.
//!
//! | module | job |
//! |---|---|
//! | `game` | all disputes, rebuilt from logs |
//! | `followed_game` | the game at the L1 block that a follower has reached |
//! | `trace` | what a player believes |
//! | `machine_trace` | what the honest challenger believes: computed, and kept on disk |
//! | `strategy` | what to do next |
//! | `responder` | sends the moves |
//!
//! Architecture invariant: `strategy` decides and sends nothing, `responder` sends and decides
//! nothing.

pub use gainsay_keccak::Commitment;
mod followed_game;
pub mod game;
pub use followed_game::FollowedGame;
mod trace;
pub use trace::{BelievedChild, Evidence, SpansEvidence, Trace, TracePoint};
mod machine_trace;
pub use machine_trace::{MachineTrace, TRACES_FOLDER, TraceWork};
mod responder;
pub mod strategy;
pub use responder::{Responder, Response};
