//! The state transition function of Gainsay: the one place that says what a block does.
//!
//! In: the parent header, a block's transactions and deposits, and a reader of the parent state.
//! Out: the sealed block: header, receipts, changed state, changed trie nodes and output root.
//! Architecture invariant: no disk, no network, no clock, and no threads but those that rayon
//! lends on a host (`std`). The same code runs in the sequencer, the follower and the guest.
//!
//! Reading order: [`trie`] and [`StateReader`] (what is read), [`RecoveredTx`] (what is run),
//! [`BlockExecutor`] (runs it on revm), [`seal`] (roots and header), [`transition`] (one block of a
//! batch, with its fallback), [`genesis`].
#![cfg_attr(not(feature = "std"), no_std)]
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]

extern crate alloc;

pub mod trie;

mod block_executor;
mod block_state;
mod evm;
mod fees;
mod genesis;
mod ordered_root;
mod precompiles;
mod predeploys;
mod receipt;
mod seal;
mod state;
mod transaction;
mod transition;

pub use block_executor::{
    BlockExecutor, ExecuteError, ExecutedBlock, InvalidTx, TxOutcome, slot_of,
};
pub use block_state::{BlockState, ReadError};
pub use evm::{BlockContext, L1FeeParams, OpEvmOf, build_evm, tx_env};
pub use fees::next_base_fee;
pub use gainsay_derivation::GenesisAccount;
pub use genesis::{GenesisError, genesis};
pub use precompiles::{
    ECRECOVER, PRECOMPILE_GAS_MAX, PRECOMPILE_INPUT_BYTES_MAX, PrecompileReader, Precompiles,
    run_precompile,
};
pub use predeploys::*;
pub use receipt::Receipt;
pub use seal::{SealError, SealedBlock, seal};
pub use state::{StateDiff, StateReader};
pub use transaction::{DecodeTxError, RecoveredTx};
pub use transition::{Step, TransitionError, recover_all, transition};
