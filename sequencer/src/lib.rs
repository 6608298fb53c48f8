//! The node of Gainsay: sequencer and follower in one binary, `gainsay`.
//!
//! Reading order: [`chain`] (what all parts share), [`pool`] and [`block_builder`] (transactions
//! into blocks), [`root_pipeline`] (blocks into the store), [`l1_watcher`] and [`node_writer`] (L1
//! into the safe chain, which `gainsay-chain` derives), [`batch_poster`] and [`proposer`] (the
//! chain onto L1), [`unsafe_sync`] (a follower's look at its sequencer), [`rpc`], [`node`] (puts
//! them together), [`error`].
//!
//! Architecture invariant: nothing here imports `prover`: both meet only on L1 and on
//! `gainsay-chain`, the library that derives the chain from L1.

mod batch_draft;
pub mod batch_poster;
pub mod block_builder;
pub mod chain;
pub mod cli;
pub mod displaced_journal;
pub mod error;
pub mod foreign_batches;
pub mod l1_watcher;
pub mod node;
pub mod node_writer;
pub mod pool;
pub mod proposer;
pub mod removed_logs;
pub mod root_pipeline;
pub mod rpc;
pub mod status;
pub mod unsafe_sync;
mod withdrawal_status;

#[cfg(test)]
mod test_node;
