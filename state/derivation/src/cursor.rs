//! How far a chain got in the L1 data, and the claim that binds this to an L2 state.

use alloy_primitives::{B256, keccak256};
use serde::{Deserialize, Serialize};

/// Position in the sequence of batches. Genesis is `(0, 0, 0)`; after the last block of a batch
/// it is `(batch + 1, 0, depositsRead of that batch)`.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "camelCase")]
// PROTOCOL.md DERIVE-1
pub struct Cursor {
    /// Batches `[0, batch)` are fully consumed.
    pub batch: u64,
    /// Blocks of batch `batch` that are consumed.
    pub block: u64,
    /// Deposits `[0, deposits_read)` are consumed.
    pub deposits_read: u64,
}

impl Cursor {
    /// Bytes of the packed form.
    pub const PACKED_LEN: usize = 24;

    /// `abi.encodePacked(batch, block, depositsRead)`.
    // PROTOCOL.md CLAIM-2
    pub fn pack(&self) -> [u8; Self::PACKED_LEN] {
        let mut packed = [0; Self::PACKED_LEN];
        packed[..8].copy_from_slice(&self.batch.to_be_bytes());
        packed[8..16].copy_from_slice(&self.block.to_be_bytes());
        packed[16..].copy_from_slice(&self.deposits_read.to_be_bytes());
        packed
    }

    /// Inverse of [`Self::pack`].
    pub fn unpack(packed: &[u8; Self::PACKED_LEN]) -> Self {
        let [b0, b1, b2, b3, b4, b5, b6, b7, rest @ ..] = *packed;
        let [k0, k1, k2, k3, k4, k5, k6, k7, d @ ..] = rest;
        Self {
            batch: u64::from_be_bytes([b0, b1, b2, b3, b4, b5, b6, b7]),
            block: u64::from_be_bytes([k0, k1, k2, k3, k4, k5, k6, k7]),
            deposits_read: u64::from_be_bytes(d),
        }
    }
}

/// [OP output root](https://specs.optimism.io/protocol/proposals.html#l2-output-commitment-construction),
/// version 0: `keccak(bytes32(0) ‖ stateRoot ‖ messagePasserStorageRoot ‖ blockHash)`.
// PROTOCOL.md CLAIM-1
pub fn output_root(state_root: B256, message_passer_storage_root: B256, block_hash: B256) -> B256 {
    let mut packed = [0; 128];
    packed[32..64].copy_from_slice(state_root.as_slice());
    packed[64..96].copy_from_slice(message_passer_storage_root.as_slice());
    packed[96..].copy_from_slice(block_hash.as_slice());
    keccak256(packed)
}

/// Bytes of what a claim is the hash of.
pub const CLAIM_LEN: usize = 32 + Cursor::PACKED_LEN;

/// `keccak(outputRoot ‖ batch:u64 ‖ block:u64 ‖ depositsRead:u64)`: what assertions commit to
/// after each block.
// PROTOCOL.md CLAIM-3
pub fn claim(output_root: B256, cursor: &Cursor) -> B256 {
    let mut packed = [0; CLAIM_LEN];
    packed[..32].copy_from_slice(output_root.as_slice());
    packed[32..].copy_from_slice(&cursor.pack());
    keccak256(packed)
}
