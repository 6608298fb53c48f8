//! From what the L1 Inbox recorded to the one valid sequence of L2 block inputs.
//!
//! In: deposits, batch headers and batch data, as L1 events and transactions hold them. Out: block
//! inputs, the two hash chains that bind them to L1, and the cursor that says how far one got.
//! Architecture invariant: no disk, no network, no clock, no thread; and decoding is total: no L1
//! data makes it panic, fail or allocate without bound. Encoding (`std`) is for hosts alone.

#![cfg_attr(not(feature = "std"), no_std)]
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]
extern crate alloc;

mod claim;
mod config;
mod cursor;
mod packing;
mod position;

mod batch_header;
mod deposit;
mod genesis_account;

mod batch_decoder;
mod blob;
mod calldata;
mod column;
mod decode_error;
mod decompress;
mod signed_transaction;

#[cfg(feature = "std")]
mod batch_encoder;
#[cfg(feature = "std")]
mod calldata_encoder;

mod block_input;

pub use batch_decoder::{decode_batch, decode_blocks};
#[cfg(feature = "std")]
pub use batch_encoder::{EncodeError, encode_batch, encode_prefix};
pub use batch_header::{
    BATCH_ACC_LEN, BatchHeader, BatchKind, data_hash_of_blobs, data_hash_of_calldata,
    extend_batch_acc,
};
pub use blob::{BLOB_DATA_LEN, BLOB_LEN, blob_capacity, blob_data, to_blobs};
pub use block_input::{Batch, BatchBlock, BlockInput, Derivation, DerivationError};
pub use claim::{CLAIM_LEN, Output, claim, output_root, pack_claim, unpack_claim};
pub use config::{
    BATCH_BLOCKS_MAX, BATCH_BYTES_MAX, BATCH_TRANSACTIONS_MAX, ChainConfig, MAX_BLOBS,
    MAX_CALLDATA_BYTES,
};
pub use cursor::Cursor;
pub use decode_error::DecodeError;
pub use deposit::{
    DEPOSIT_LEAF_LEN, DEPOSITOR, Deposit, DepositKind, FEE_REPORT_GAS, L1_BLOCK,
    UnknownDepositKind, extend_deposit_acc, pack_deposit_acc, unpack_deposit_acc,
};
pub use genesis_account::GenesisAccount;
pub use position::{BatchIndex, BlockNumber, DepositIndex};
