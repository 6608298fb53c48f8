//! What an assertion says of a block: the state after it, and how far the chain got in the L1 data.
//!
//! In: roots, hashes and a cursor. Out: the bytes that are hashed, and the hashes. Whoever hashes,
//! proves or reads these bytes uses the layouts here.

use alloy_primitives::{B256, keccak256};

use crate::{Cursor, packing::pack};

/// What an output root is the hash of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Output {
    /// State root of the block.
    pub state_root: B256,
    /// Storage root of `L2ToL1MessagePasser` in that state.
    pub message_passer_storage_root: B256,
    /// Hash of the block.
    pub block_hash: B256,
}

impl Output {
    /// Bytes of the packed form.
    pub const PACKED_LEN: usize = 4 * 32;

    /// | bytes | what |
    /// |---|---|
    /// | 32 | version: zero |
    /// | 32 | state root |
    /// | 32 | storage root of the message passer |
    /// | 32 | block hash |
    ///
    /// [Source](https://specs.optimism.io/protocol/proposals.html#l2-output-commitment-construction),
    /// version 0.
    // PROTOCOL.md CLAIM-1
    #[must_use]
    pub fn pack(&self) -> [u8; Self::PACKED_LEN] {
        let Self { state_root, message_passer_storage_root, block_hash } = self;
        pack([&[0; 32], &state_root.0, &message_passer_storage_root.0, &block_hash.0])
    }

    /// Inverse of [`Self::pack`]. It does not check the version: every output root in a claim is
    /// the hash of version 0.
    #[must_use]
    pub fn unpack(packed: &[u8; Self::PACKED_LEN]) -> Self {
        let mut words =
            packed.as_chunks().0.iter().skip(1).map(|word: &[u8; 32]| B256::from(*word));
        let mut next = || words.next().unwrap_or_default();
        Self { state_root: next(), message_passer_storage_root: next(), block_hash: next() }
    }

    /// The output root.
    #[must_use]
    pub fn root(&self) -> B256 {
        keccak256(self.pack())
    }
}

/// The output root of these parts: see [`Output::root`].
#[must_use]
pub fn output_root(state_root: B256, message_passer_storage_root: B256, block_hash: B256) -> B256 {
    Output { state_root, message_passer_storage_root, block_hash }.root()
}

/// Bytes of what a claim is the hash of.
pub const CLAIM_LEN: usize = 32 + Cursor::PACKED_LEN;

/// | bytes | what |
/// |---|---|
/// | 32 | output root |
/// | 24 | [cursor](Cursor::pack) |
// PROTOCOL.md CLAIM-3
#[must_use]
pub fn pack_claim(output_root: B256, cursor: &Cursor) -> [u8; CLAIM_LEN] {
    pack([&output_root.0, &cursor.pack()])
}

/// Inverse of [`pack_claim`].
#[must_use]
pub fn unpack_claim(packed: &[u8; CLAIM_LEN]) -> (B256, Cursor) {
    let (output_root, cursor) = packed.split_at(32);
    let cursor = cursor.first_chunk().map(Cursor::unpack).unwrap_or_default();
    (B256::from_slice(output_root), cursor)
}

/// The hash of [`pack_claim`]: what assertions commit to after each block.
// PROTOCOL.md CLAIM-3
#[must_use]
pub fn claim(output_root: B256, cursor: &Cursor) -> B256 {
    keccak256(pack_claim(output_root, cursor))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{BatchIndex, DepositIndex};

    #[test]
    fn what_is_packed_is_read_back() {
        let cursor =
            Cursor { batch: BatchIndex(1), block: u64::MAX, deposits_read: DepositIndex(3) };
        assert_eq!(Cursor::unpack(&cursor.pack()), cursor);
        let root = B256::repeat_byte(7);
        assert_eq!(unpack_claim(&pack_claim(root, &cursor)), (root, cursor));
        let [state_root, message_passer_storage_root, block_hash] =
            [1, 2, 3].map(B256::repeat_byte);
        let output = Output { state_root, message_passer_storage_root, block_hash };
        assert_eq!(Output::unpack(&output.pack()), output);
        assert_eq!(output.pack()[..32], [0; 32]);
    }
}
