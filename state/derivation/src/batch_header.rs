//! What the Inbox records of a batch besides its data: header, data hash, batch hash chain, and
//! the bounds that the header's L1 time puts on L2 timestamps.

use crate::{BatchIndex, ChainConfig, DepositIndex, packing::pack};
use alloy_primitives::{B256, Keccak256, keccak256};
use serde::{Deserialize, Serialize};

/// Where the data of a batch lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[repr(u8)]
pub enum BatchKind {
    /// In the calldata of `postBatch`.
    Calldata = 0,
    /// In the blobs of the `postBlobBatch` transaction.
    Blobs = 1,
    /// Nowhere: `forceInclude` appends a batch of deposits alone.
    Forced = 2,
}

impl TryFrom<u8> for BatchKind {
    type Error = u8;

    fn try_from(kind: u8) -> Result<Self, u8> {
        match kind {
            0 => Ok(Self::Calldata),
            1 => Ok(Self::Blobs),
            2 => Ok(Self::Forced),
            unknown => Err(unknown),
        }
    }
}

/// One batch as the Inbox recorded it (event `BatchPosted`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BatchHeader {
    /// Where the data lies.
    pub kind: BatchKind,
    /// Position among all batches, from 0.
    pub index: BatchIndex,
    /// Deposits `[0, deposits_read)` are consumed when this batch ends.
    pub deposits_read: DepositIndex,
    /// L1 block that posted the batch.
    pub l1_block: u64,
    /// Timestamp of that L1 block, seconds.
    pub l1_time: u64,
    /// [`data_hash_of_calldata`], [`data_hash_of_blobs`], or zero for a forced batch.
    pub data_hash: B256,
}

impl BatchHeader {
    /// Smallest timestamp of a block of this batch, seconds, unless its parent has a later one.
    #[must_use]
    pub const fn timestamp_min(&self, config: &ChainConfig) -> u64 {
        self.l1_time.saturating_sub(config.sequencer_window_secs)
    }

    /// Largest timestamp of a block of this batch, seconds, unless its parent has a later one.
    #[must_use]
    pub const fn timestamp_max(&self, config: &ChainConfig) -> u64 {
        self.l1_time.saturating_add(config.sequencer_drift_secs)
    }

    /// The nearest timestamp within the bounds of this batch. The block gets this timestamp, or its
    /// parent's if that is later.
    // PROTOCOL.md DERIVE-3
    #[must_use]
    pub fn clamp_timestamp(&self, timestamp: u64, config: &ChainConfig) -> u64 {
        timestamp.max(self.timestamp_min(config)).min(self.timestamp_max(config))
    }
}

/// Bytes of what a batch accumulator is the hash of.
pub const BATCH_ACC_LEN: usize = 32 + 1 + 4 * 8 + 32 + 32;

impl BatchHeader {
    /// What the batch accumulator after this batch is the hash of, from the accumulator before it
    /// and the deposit accumulator at its end.
    ///
    /// | bytes | what |
    /// |---|---|
    /// | 32 | accumulator before |
    /// | 1 | kind |
    /// | 8 | index, big endian |
    /// | 8 | deposits read |
    /// | 8 | L1 block |
    /// | 8 | L1 time |
    /// | 32 | data hash |
    /// | 32 | deposit accumulator |
    ///
    /// On L1, `Inbox._append` packs the same bytes.
    // PROTOCOL.md INBOX-3
    #[must_use]
    pub fn pack(&self, acc: B256, deposit_acc: B256) -> [u8; BATCH_ACC_LEN] {
        let numbers = [self.index.get(), self.deposits_read.get(), self.l1_block, self.l1_time];
        let [index, deposits_read, l1_block, l1_time] = numbers.map(u64::to_be_bytes);
        pack([
            &acc.0,
            &[self.kind as u8],
            &index,
            &deposits_read,
            &l1_block,
            &l1_time,
            &self.data_hash.0,
            &deposit_acc.0,
        ])
    }

    /// Reads back what [`Self::pack`] gave: the header, and the deposit accumulator at its end.
    /// None if the kind is one that no Inbox records.
    #[must_use]
    pub fn unpack(packed: &[u8; BATCH_ACC_LEN]) -> Option<(Self, B256)> {
        let (_, rest) = packed.split_at(32);
        let (kind, rest) = rest.split_first()?;
        let (numbers, hashes) = rest.split_at(4 * 8);
        let [index, deposits_read, l1_block, l1_time] = *numbers.as_chunks().0 else {
            return None;
        };
        let header = Self {
            kind: BatchKind::try_from(*kind).ok()?,
            index: BatchIndex(u64::from_be_bytes(index)),
            deposits_read: DepositIndex(u64::from_be_bytes(deposits_read)),
            l1_block: u64::from_be_bytes(l1_block),
            l1_time: u64::from_be_bytes(l1_time),
            data_hash: B256::from_slice(hashes.get(..32)?),
        };
        Some((header, B256::from_slice(hashes.get(32..)?)))
    }
}

/// `batchAcc[n + 1]` from `batchAcc[n]`: the hash of [`BatchHeader::pack`].
// PROTOCOL.md INBOX-3
#[must_use]
pub fn extend_batch_acc(acc: B256, header: &BatchHeader, deposit_acc: B256) -> B256 {
    keccak256(header.pack(acc, deposit_acc))
}

/// Data hash of a calldata batch: `keccak(data)`.
// PROTOCOL.md INBOX-3
#[must_use]
pub fn data_hash_of_calldata(data: &[u8]) -> B256 {
    keccak256(data)
}

/// Data hash of a blob batch: `keccak(versionedHash_0 ‖ .. ‖ versionedHash_k)`.
// PROTOCOL.md INBOX-3
#[must_use]
pub fn data_hash_of_blobs(versioned_hashes: &[B256]) -> B256 {
    let mut hasher = Keccak256::new();
    for versioned_hash in versioned_hashes {
        hasher.update(versioned_hash);
    }
    hasher.finalize()
}
