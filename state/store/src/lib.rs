//! The only user of RocksDB: blocks, state, trie nodes and L1 records of one chain.
//!
//! In: sealed blocks and records of L1. Out: the same blocks and records, and the state of every
//! block of the last [`StoreOptions::history_blocks`]. One block is one atomic write: a process
//! killed at any instant leaves the store at the end of some block. One writer at a time, any
//! number of readers; readers never wait for a commit.
//! Architecture invariant: it executes nothing, hashes no trie (except in `consistency`) and knows
//! no network. Only one process opens a store for writing.
//!
//! | module | job |
//! |---|---|
//! | `tables` | keys, column families and their tuning |
//! | `block_records`, `l1_records` | values and their encodings |
//! | `undo`, `undo_cache` | what a block overwrote |
//! | `hot_cache` | the latest state in memory |
//! | `store` | [`Store`]: open, heads, reads of blocks |
//! | `latest` | the latest values, and how readers and the writer agree on what they are |
//! | `commit` | [`Store::commit_block`] |
//! | `rewind` | [`Store::rewind`] |
//! | `l1_update` | [`L1Update`], reads of L1 records |
//! | `bridge_logs` | logs of the bridge on L1, by what they are about |
//! | `withdrawals` | the index of withdrawals, and proofs of them by any block |
//! | `state_view` | [`StateView`]: the state after one block |
//! | `notes` | [`Store::note`]: small values by name |
//! | `checkpoint` | [`Store::checkpoint`] |
//! | `consistency` | [`Store::verify_consistency`] |

#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]

mod block_records;
mod bridge_logs;
mod checkpoint;
mod commit;
mod consistency;
mod error;
mod hot_cache;
mod l1_records;
mod l1_update;
mod latest;
mod notes;
mod rewind;
mod state_view;
mod store;
mod tables;
mod undo;
mod undo_cache;
mod withdrawals;

pub use block_records::{IndexedReceipt, RawTransaction, StoredHeader, TransactionLocation};
pub use consistency::ConsistencyReport;
pub use error::StoreError;
pub use l1_records::{
    BatchRecord, CursorRecord, DepositRecord, DerivedBlocks, L1BlockRecord, L1LogRecord,
};
pub use l1_update::L1Update;
pub use rewind::RewoundBlock;
pub use state_view::StateView;
pub use store::{Head, Heads, Store, StoreOptions};
pub use withdrawals::{MessageNodes, Withdrawal};
