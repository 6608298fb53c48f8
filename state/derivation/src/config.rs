//! What a chain fixes for good: its part of `rollup.json` that derivation and execution read, and
//! the bounds that are the same for every chain. Holds no address and no endpoint of L1.

use alloy_primitives::{B256, keccak256};
use serde::{Deserialize, Serialize};

/// Most bytes of one calldata batch, so that a node's 128 KiB transaction limit holds it.
// PROTOCOL.md INBOX-11
pub const MAX_CALLDATA_BYTES: usize = 117_964;

/// Most blobs of one blob batch.
// PROTOCOL.md INBOX-11
pub const MAX_BLOBS: usize = 6;

/// Most bytes that one batch may take after decompression; more is garbage.
// PROTOCOL.md BATCH-2
pub const BATCH_BYTES_MAX: usize = 16 << 20;

/// Most blocks of one batch; more is garbage.
// PROTOCOL.md BATCH-2
pub const BATCH_BLOCKS_MAX: usize = 4_096;

/// Most transactions of one batch; more is garbage. No posted batch of signed transactions can
/// have so many; it bounds what a decoder keeps for each.
// PROTOCOL.md BATCH-2
pub const BATCH_TRANSACTIONS_MAX: usize = BATCH_BYTES_MAX / 64;

/// The consensus parameters of one L2 chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ChainConfig {
    /// [EIP-155](https://eips.ethereum.org/EIPS/eip-155) chain id of L2.
    pub chain_id: u64,
    /// Gas that one L2 block may use, deposits included. Constant; at least the Inbox's
    /// `MAX_BATCH_DEPOSIT_GAS`, so that all deposits of a batch fit one block.
    pub block_gas_limit: u64,
    /// [EIP-1559](https://eips.ethereum.org/EIPS/eip-1559) `BASE_FEE_MAX_CHANGE_DENOMINATOR`.
    pub base_fee_change_denominator: u64,
    /// EIP-1559 `ELASTICITY_MULTIPLIER`: the gas target is `block_gas_limit / elasticity`.
    pub elasticity: u64,
    /// The base fee never falls below this; wei a gas.
    pub min_base_fee_wei: u64,
    /// Base fee of the genesis block; wei a gas.
    pub initial_base_fee_wei: u64,
    /// `SEQUENCER_WINDOW`: seconds by which an L2 timestamp may lie before its batch's L1 time.
    pub sequencer_window_secs: u64,
    /// `SEQUENCER_DRIFT`: seconds by which an L2 timestamp may lie after its batch's L1 time.
    pub sequencer_drift_secs: u64,
    /// Blocks of batches that the chain admits for each second, at least 1: whoever holds the
    /// sequencer's key cannot post blocks faster than assertions carry them.
    pub max_blocks_per_sec: u64,
}

impl ChainConfig {
    /// Bytes of the packed form.
    pub const PACKED_LEN: usize = 72;

    /// All fields in their order, eight bytes each, big endian.
    #[must_use]
    pub fn pack(&self) -> [u8; Self::PACKED_LEN] {
        let fields = [
            self.chain_id,
            self.block_gas_limit,
            self.base_fee_change_denominator,
            self.elasticity,
            self.min_base_fee_wei,
            self.initial_base_fee_wei,
            self.sequencer_window_secs,
            self.sequencer_drift_secs,
            self.max_blocks_per_sec,
        ];
        let mut packed = [0; Self::PACKED_LEN];
        for (bytes, field) in packed.as_chunks_mut().0.iter_mut().zip(fields) {
            *bytes = field.to_be_bytes();
        }
        packed
    }

    /// Inverse of [`Self::pack`].
    #[must_use]
    pub fn unpack(packed: &[u8; Self::PACKED_LEN]) -> Self {
        let mut fields = packed.as_chunks().0.iter().map(|bytes| u64::from_be_bytes(*bytes));
        let mut next = || fields.next().unwrap_or_default();
        Self {
            chain_id: next(),
            block_gas_limit: next(),
            base_fee_change_denominator: next(),
            elasticity: next(),
            min_base_fee_wei: next(),
            initial_base_fee_wei: next(),
            sequencer_window_secs: next(),
            sequencer_drift_secs: next(),
            max_blocks_per_sec: next(),
        }
    }

    /// The slot that a block at `timestamp` takes after a parent with the slot `parent`. Each
    /// second has `max_blocks_per_sec` slots, counted from second 0.
    // PROTOCOL.md DERIVE-8
    #[must_use]
    pub const fn next_slot(&self, parent: u64, timestamp: u64) -> u64 {
        let (next, first) =
            (parent.saturating_add(1), timestamp.saturating_mul(self.max_blocks_per_sec));
        if next > first { next } else { first }
    }

    /// The last slot that a block of a batch posted at `l1_time` may take: the last one of the last
    /// second that its timestamp may name.
    // PROTOCOL.md DERIVE-9
    #[must_use]
    pub const fn slot_max(&self, l1_time: u64) -> u64 {
        let seconds = l1_time.saturating_add(self.sequencer_drift_secs).saturating_add(1);
        seconds.saturating_mul(self.max_blocks_per_sec).saturating_sub(1)
    }

    /// keccak of [`Self::pack`]: by it an assertion is bound to its chain.
    // PROTOCOL.md PROGRAM-2
    #[must_use]
    pub fn hash(&self) -> B256 {
        keccak256(self.pack())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packs_each_field_in_its_place() {
        let packed: [u8; ChainConfig::PACKED_LEN] =
            core::array::from_fn(|i| u8::try_from(i).unwrap());
        let config = ChainConfig::unpack(&packed);
        assert_eq!(config.pack(), packed);
        assert_eq!(config.chain_id, 0x0001_0203_0405_0607);
        assert_eq!(config.max_blocks_per_sec, 0x4041_4243_4445_4647);
        assert_eq!(config.hash(), keccak256(packed));
    }
}
