//! A devnet for one test: a real L1, a real sequencer and real followers.
//!
//! In: what a test wants of its chain ([`DevnetOptions`]). Out: child processes that talk JSON-RPC,
//! and ways to disturb them: kill, stop, pause, cut off, reorg, time travel. Everything is real:
//! anvil, the compiled contracts, the binary `gainsay`. What was started ends with the test, and
//! the logs are printed when the test fails. The promises themselves are in `tests/`, one file
//! each.
//!
//! This crate serves tests only: what cannot be done panics, with what was found and expected.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod wait;
pub use wait::{PATIENCE, wait_until};
mod places;
pub use places::{
    anvil_binary, artifacts, cast_binary, challenger_binary, drill_binary, in_repository,
    node_modules, program_elf, program_hash,
};
mod process;
pub use process::{Process, free_port};
mod rpc;
pub use rpc::{Rpc, http_client, number};
mod l1;
pub use l1::L1;
mod gate;
pub use gate::Gate;
mod fault;
pub use fault::{Fault, Field, REFUSALS};
mod lying_relay;
pub use lying_relay::{ANY, BEACON, HTTP_REQUESTS, LyingRelay};
mod node;
pub use node::Node;
mod devnet;
pub use devnet::{Devnet, DevnetOptions};
mod keys;
pub use keys::{Role, signer};
mod wallet;
pub use wallet::{Call, Kind, Wallet};
mod contract;
pub use contract::{CREATE_NOTEBOOK, CREATE_REFUSER, note_call};
mod activity;
pub use activity::{Activity, use_chain, wait_for_receipt};
mod agreement;
pub use agreement::{
    assert_same_blocks, assert_same_chain, assert_store_consistent, wait_for_safe,
};
mod challenger;
pub use challenger::{Challenger, Report};
mod watcher;
pub use watcher::Watcher;
mod wrong_claim;
pub use wrong_claim::{assertion_chain, claim_wrongly};
mod load;
pub use load::{Load, Seen};
mod inbox_record;
pub use inbox_record::{InboxRecord, assert_posted_once};
mod random;
pub use random::{rounds, seeded};
mod client_script;
pub use client_script::{run_cast, run_script};
