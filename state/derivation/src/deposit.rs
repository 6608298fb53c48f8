//! A message from L1 to L2: what the Inbox recorded, its hash chain, and the L2 transaction that
//! it becomes.
//!
//! | kind | payload | L2 transaction |
//! |---|---|---|
//! | 0 transaction | to:20 ‖ mint:32 ‖ value:32 ‖ gasLimit:8 ‖ isCreation:1 ‖ data | as it says |
//! | 1 fee report | empty | `L1Block.setL1BlockValues` from the depositor |

use alloc::vec::Vec;
use alloy_primitives::{Address, B256, Bytes, TxKind, U256, address, keccak256};
use op_alloy_consensus::TxDeposit;
use serde::{Deserialize, Serialize};

use crate::{DepositIndex, packing::pack};

/// L2 gas limit of a fee report.
// PROTOCOL.md INBOX-10
pub const FEE_REPORT_GAS: u64 = 200_000;

/// [Sender](https://specs.optimism.io/protocol/deposits.html#l1-attributes-depositor-account) of
/// fee reports; nobody holds its key.
pub const DEPOSITOR: Address = address!("DeaDDEaDDeAdDeAdDEAdDEaddeAddEAdDEAd0001");

/// The `L1Block` predeploy, where fee reports go.
pub const L1_BLOCK: Address = address!("4200000000000000000000000000000000000015");

/// `setL1BlockValues(uint64,uint64,uint256,uint256)`.
const SET_L1_BLOCK_VALUES: [u8; 4] = [0x5b, 0xb3, 0x8b, 0xf4];

/// Bytes of what a deposit's leaf is the hash of.
pub const DEPOSIT_LEAF_LEN: usize = 1 + 20 + 3 * 8 + 3 * 32;

/// Bytes of a transaction's payload before `data`.
const PAYLOAD_HEAD_LEN: usize = 93;

/// What a deposit asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[repr(u8)]
pub enum DepositKind {
    /// A transaction that somebody sent through `depositTransaction`.
    Transaction = 0,
    /// L1's fees, reported by the Inbox with each batch.
    FeeReport = 1,
}

/// A deposit kind that no Inbox records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown deposit kind {0}: expected 0 (transaction) or 1 (fee report)")]
pub struct UnknownDepositKind(pub u8);

impl TryFrom<u8> for DepositKind {
    type Error = UnknownDepositKind;

    fn try_from(kind: u8) -> Result<Self, UnknownDepositKind> {
        match kind {
            0 => Ok(Self::Transaction),
            1 => Ok(Self::FeeReport),
            unknown => Err(UnknownDepositKind(unknown)),
        }
    }
}

/// One deposit as the Inbox recorded it (event `DepositEnqueued`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Deposit {
    /// What the deposit asks for.
    pub kind: DepositKind,
    /// L1 sender, aliased if a contract; the Inbox for a fee report.
    pub from: Address,
    /// L1 block that recorded it.
    pub l1_block: u64,
    /// Timestamp of that L1 block, seconds.
    pub l1_time: u64,
    /// Position among all deposits, from 0.
    pub index: DepositIndex,
    /// Base fee of the L1 block, wei a gas.
    pub l1_base_fee: U256,
    /// Blob base fee of the L1 block, wei a blob gas.
    pub l1_blob_base_fee: U256,
    /// Layout by kind, see the file's head.
    pub payload: Bytes,
}

impl Deposit {
    /// What the leaf of the hash chain is the hash of.
    ///
    /// | bytes | what |
    /// |---|---|
    /// | 1 | kind |
    /// | 20 | from |
    /// | 8 | L1 block, big endian |
    /// | 8 | L1 time |
    /// | 8 | index |
    /// | 32 | L1 base fee |
    /// | 32 | L1 blob base fee |
    /// | 32 | keccak of the payload |
    ///
    /// On L1, `Inbox._enqueue` packs the same bytes.
    // PROTOCOL.md INBOX-1
    #[must_use]
    pub fn pack(&self) -> [u8; DEPOSIT_LEAF_LEN] {
        let [l1_block, l1_time, index] =
            [self.l1_block, self.l1_time, self.index.get()].map(u64::to_be_bytes);
        let fees = [self.l1_base_fee, self.l1_blob_base_fee].map(|fee| fee.to_be_bytes::<32>());
        pack([
            &[self.kind as u8],
            self.from.as_slice(),
            &l1_block,
            &l1_time,
            &index,
            &fees[0],
            &fees[1],
            &keccak256(&self.payload).0,
        ])
    }

    /// What the hash chain takes in: the hash of [`Self::pack`].
    // PROTOCOL.md INBOX-1
    #[must_use]
    pub fn leaf_hash(&self) -> B256 {
        keccak256(self.pack())
    }

    /// Reads back what [`Self::pack`] gave: the deposit without its payload, and the
    /// payload's hash. None if the kind is one that no Inbox records.
    #[must_use]
    pub fn unpack(packed: &[u8; DEPOSIT_LEAF_LEN]) -> Option<(Self, B256)> {
        let (kind, rest) = packed.split_first()?;
        let (from, rest) = rest.split_first_chunk::<20>()?;
        let (numbers, words) = rest.split_at(3 * 8);
        let [l1_block, l1_time, index] = *numbers.as_chunks().0 else { return None };
        let [l1_base_fee, l1_blob_base_fee, payload_hash] = *words.as_chunks().0 else {
            return None;
        };
        let deposit = Self {
            kind: DepositKind::try_from(*kind).ok()?,
            from: Address::from(from),
            l1_block: u64::from_be_bytes(l1_block),
            l1_time: u64::from_be_bytes(l1_time),
            index: DepositIndex(u64::from_be_bytes(index)),
            l1_base_fee: U256::from_be_bytes(l1_base_fee),
            l1_blob_base_fee: U256::from_be_bytes(l1_blob_base_fee),
            payload: Bytes::new(),
        };
        Some((deposit, B256::from(payload_hash)))
    }

    /// `keccak(bytes32(kind) ‖ leaf)`: makes the L2 transaction's hash unique.
    // PROTOCOL.md TX-1
    #[must_use]
    pub fn source_hash(&self) -> B256 {
        let mut packed = [0; 64];
        packed[31] = self.kind as u8;
        packed[32..].copy_from_slice(self.leaf_hash().as_slice());
        keccak256(packed)
    }

    /// The L2 transaction.
    ///
    /// Total: a payload that the Inbox cannot have written (too short, or with a creation flag
    /// other than 0 and 1) gives a call from the sender to the zero address without gas, mint,
    /// value or input: it fails before it runs and only uses up a nonce. A mint of 2^128 wei or
    /// more, which is more than there is, counts as 2^128 - 1. The target of a creation is not
    /// read.
    // PROTOCOL.md TX-1
    #[must_use]
    pub fn to_transaction(&self) -> TxDeposit {
        match self.kind {
            DepositKind::FeeReport => self.fee_report(),
            DepositKind::Transaction => self.user_transaction().unwrap_or_else(|| TxDeposit {
                source_hash: self.source_hash(),
                from: self.from,
                to: TxKind::Call(Address::ZERO),
                mint: 0,
                value: U256::ZERO,
                gas_limit: 0,
                is_system_transaction: false,
                input: Bytes::new(),
            }),
        }
    }

    // PROTOCOL.md INBOX-2
    fn user_transaction(&self) -> Option<TxDeposit> {
        let (head, _) = self.payload.split_first_chunk::<PAYLOAD_HEAD_LEN>()?;
        let to = match head[92] {
            0 => TxKind::Call(Address::from_slice(&head[..20])),
            1 => TxKind::Create,
            _ => return None,
        };
        let mut gas_limit = [0; 8];
        gas_limit.copy_from_slice(&head[84..92]);
        Some(TxDeposit {
            source_hash: self.source_hash(),
            from: self.from,
            to,
            mint: U256::from_be_slice(&head[20..52]).saturating_to(),
            value: U256::from_be_slice(&head[52..84]),
            gas_limit: u64::from_be_bytes(gas_limit),
            is_system_transaction: false,
            input: self.payload.slice(PAYLOAD_HEAD_LEN..),
        })
    }

    fn fee_report(&self) -> TxDeposit {
        let mut input = Vec::with_capacity(4 + 4 * 32);
        input.extend_from_slice(&SET_L1_BLOCK_VALUES);
        input.extend_from_slice(&U256::from(self.l1_block).to_be_bytes::<32>());
        input.extend_from_slice(&U256::from(self.l1_time).to_be_bytes::<32>());
        input.extend_from_slice(&self.l1_base_fee.to_be_bytes::<32>());
        input.extend_from_slice(&self.l1_blob_base_fee.to_be_bytes::<32>());
        TxDeposit {
            source_hash: self.source_hash(),
            from: DEPOSITOR,
            to: TxKind::Call(L1_BLOCK),
            mint: 0,
            value: U256::ZERO,
            gas_limit: FEE_REPORT_GAS,
            is_system_transaction: false,
            input: input.into(),
        }
    }
}

/// What a deposit accumulator is the hash of: the accumulator before it, and the deposit's leaf.
// PROTOCOL.md INBOX-1
#[must_use]
pub fn pack_deposit_acc(acc: B256, leaf: B256) -> [u8; 64] {
    pack([&acc.0, &leaf.0])
}

/// Inverse of [`pack_deposit_acc`].
#[must_use]
pub fn unpack_deposit_acc(packed: &[u8; 64]) -> (B256, B256) {
    let (acc, leaf) = packed.split_at(32);
    (B256::from_slice(acc), B256::from_slice(leaf))
}

/// `depositAcc[i + 1]` from `depositAcc[i]` and deposit i: the hash of [`pack_deposit_acc`].
// PROTOCOL.md INBOX-1
#[must_use]
pub fn extend_deposit_acc(acc: B256, deposit: &Deposit) -> B256 {
    keccak256(pack_deposit_acc(acc, deposit.leaf_hash()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_selector_is_that_of_set_l1_block_values() {
        let signature = b"setL1BlockValues(uint64,uint64,uint256,uint256)";
        assert_eq!(SET_L1_BLOCK_VALUES, keccak256(signature)[..4]);
    }
}
