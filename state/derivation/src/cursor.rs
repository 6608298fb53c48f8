//! How far a chain got in the L1 data.

use serde::{Deserialize, Serialize};

use crate::{BatchIndex, DepositIndex, packing::pack};

/// Position in the sequence of batches. Genesis is `(0, 0, 0)`; after the last block of a batch
/// it is `(batch + 1, 0, depositsRead of that batch)`.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "camelCase")]
// PROTOCOL.md DERIVE-1
pub struct Cursor {
    /// Batches `[0, batch)` are fully consumed.
    pub batch: BatchIndex,
    /// Blocks of batch `batch` that are consumed.
    pub block: u64,
    /// Deposits `[0, deposits_read)` are consumed.
    pub deposits_read: DepositIndex,
}

impl Cursor {
    /// Bytes of the packed form.
    pub const PACKED_LEN: usize = 24;

    /// | bytes | what |
    /// |---|---|
    /// | 8 | batch, big endian |
    /// | 8 | block |
    /// | 8 | deposits read |
    ///
    /// On L1, `AssertionChain` packs the same: `abi.encodePacked(batch, block, depositsRead)`.
    // PROTOCOL.md CLAIM-2
    #[must_use]
    pub fn pack(&self) -> [u8; Self::PACKED_LEN] {
        let numbers =
            [self.batch.get(), self.block, self.deposits_read.get()].map(u64::to_be_bytes);
        pack([&numbers[0], &numbers[1], &numbers[2]])
    }

    /// Inverse of [`Self::pack`].
    #[must_use]
    pub fn unpack(packed: &[u8; Self::PACKED_LEN]) -> Self {
        let mut numbers = packed.as_chunks().0.iter().map(|bytes| u64::from_be_bytes(*bytes));
        let mut next = || numbers.next().unwrap_or_default();
        Self { batch: BatchIndex(next()), block: next(), deposits_read: DepositIndex(next()) }
    }
}
