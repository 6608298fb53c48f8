//! What the node knows of L1: deposits, batches, blocks and logs of L1, and how far L2 blocks got
//! in them.
//!
//! In: records read from L1. Out: values of `deposits`, `batches`, `l1_blocks`, `l1_logs` and
//! `cursors`, and back. It never checks hash chains: who reads L1 does.
//!
//! | table | value |
//! |---|---|
//! | `deposits` | RLP `[acc, kind, from, l1_block, l1_time, index, l1_base_fee, l1_blob_base_fee, payload]` |
//! | `batches` | RLP `[acc, kind, index, deposits_read, l1_block, l1_time, data_hash, l1_block_hash, derived]`, derived = empty or `first_block ‖ last_block ‖ cursor` (40 bytes) |
//! | `l1_blocks` | hash(32) ‖ parent_hash(32) ‖ timestamp:u64 |
//! | `l1_logs` | RLP `[l1_time, address, topics, data]` |
//! | `cursors` | cursor(24) ‖ output_root(32) |

use alloy_primitives::{Address, B256, Bytes, Log, U256};
use alloy_rlp::{Encodable, RlpDecodable, RlpEncodable};
use gainsay_derivation::{
    BatchHeader, BatchIndex, BatchKind, BlockNumber, Cursor, Deposit, DepositIndex, DepositKind,
};
use serde::{Deserialize, Serialize};

/// A deposit and the accumulator after it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DepositRecord {
    /// What the inbox recorded.
    pub deposit: Deposit,
    /// `depositAcc[index + 1]`.
    pub acc: B256,
}

/// A batch and what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BatchRecord {
    /// What the inbox recorded; its `l1_block` is the block that holds it.
    pub header: BatchHeader,
    /// `batchAcc[index + 1]`.
    pub acc: B256,
    /// Hash of the L1 block that holds it.
    pub l1_block_hash: B256,
    /// The L2 blocks that it became; `None` until all of them are safe.
    pub derived: Option<DerivedBlocks>,
}

/// The L2 blocks of one batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DerivedBlocks {
    /// Its first L2 block.
    pub first_block: BlockNumber,
    /// Its last L2 block.
    pub last_block: BlockNumber,
    /// The cursor after its last block.
    pub cursor_after: Cursor,
}

/// A block of L1, kept to notice reorgs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct L1BlockRecord {
    /// Height.
    pub number: u64,
    /// Hash.
    pub hash: B256,
    /// Hash of its parent.
    pub parent_hash: B256,
    /// Seconds since the epoch.
    pub timestamp: u64,
}

/// A log of a contract on L1, kept as L1 holds it. The store never looks into it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct L1LogRecord {
    /// Height of the L1 block that holds it.
    pub l1_block: u64,
    /// Its index among the logs of that block.
    pub log_index: u64,
    /// Time of that block, seconds since the epoch.
    pub l1_time: u64,
    /// Contract, topics and data.
    pub log: Log,
}

/// How far a safe block got in the inbox, and what it claims.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CursorRecord {
    /// The cursor after the block.
    pub cursor: Cursor,
    /// The block's output root.
    pub output_root: B256,
}

impl CursorRecord {
    /// The claim of the block: `keccak(output_root ‖ cursor)`.
    #[must_use]
    pub fn claim(&self) -> B256 {
        gainsay_derivation::claim(self.output_root, &self.cursor)
    }

    pub(crate) fn encode(&self) -> [u8; 56] {
        let mut value = [0; 56];
        value[..24].copy_from_slice(&self.cursor.pack());
        value[24..].copy_from_slice(self.output_root.as_slice());
        value
    }

    pub(crate) fn decode(value: &[u8]) -> Result<Self, String> {
        let (cursor, output_root) = value.split_first_chunk::<24>().ok_or("not 56 bytes")?;
        let output_root = B256::try_from(output_root).map_err(|_| "not 56 bytes")?;
        Ok(Self { cursor: Cursor::unpack(cursor), output_root })
    }
}

#[derive(RlpEncodable, RlpDecodable)]
struct DepositRlp {
    acc: B256,
    kind: u8,
    from: Address,
    l1_block: u64,
    l1_time: u64,
    index: u64,
    l1_base_fee: U256,
    l1_blob_base_fee: U256,
    payload: Bytes,
}

impl DepositRecord {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let it = &self.deposit;
        to_vec(&DepositRlp {
            acc: self.acc,
            kind: it.kind as u8,
            from: it.from,
            l1_block: it.l1_block,
            l1_time: it.l1_time,
            index: it.index.get(),
            l1_base_fee: it.l1_base_fee,
            l1_blob_base_fee: it.l1_blob_base_fee,
            payload: it.payload.clone(),
        })
    }

    pub(crate) fn decode(value: &[u8]) -> Result<Self, String> {
        let it: DepositRlp = alloy_rlp::decode_exact(value).map_err(|error| error.to_string())?;
        let kind = DepositKind::try_from(it.kind).map_err(|error| error.to_string())?;
        let deposit = Deposit {
            kind,
            from: it.from,
            l1_block: it.l1_block,
            l1_time: it.l1_time,
            index: DepositIndex(it.index),
            l1_base_fee: it.l1_base_fee,
            l1_blob_base_fee: it.l1_blob_base_fee,
            payload: it.payload,
        };
        Ok(Self { deposit, acc: it.acc })
    }
}

#[derive(RlpEncodable, RlpDecodable)]
struct BatchRlp {
    acc: B256,
    kind: u8,
    index: u64,
    deposits_read: u64,
    l1_block: u64,
    l1_time: u64,
    data_hash: B256,
    l1_block_hash: B256,
    derived: Bytes,
}

impl BatchRecord {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let it = &self.header;
        to_vec(&BatchRlp {
            acc: self.acc,
            kind: it.kind as u8,
            index: it.index.get(),
            deposits_read: it.deposits_read.get(),
            l1_block: it.l1_block,
            l1_time: it.l1_time,
            data_hash: it.data_hash,
            l1_block_hash: self.l1_block_hash,
            derived: self.derived.map(|it| it.encode().into()).unwrap_or_default(),
        })
    }

    pub(crate) fn decode(value: &[u8]) -> Result<Self, String> {
        let it: BatchRlp = alloy_rlp::decode_exact(value).map_err(|error| error.to_string())?;
        let kind = BatchKind::try_from(it.kind)
            .map_err(|found| format!("unknown batch kind {found}, expected 0, 1 or 2"))?;
        let header = BatchHeader {
            kind,
            index: BatchIndex(it.index),
            deposits_read: DepositIndex(it.deposits_read),
            l1_block: it.l1_block,
            l1_time: it.l1_time,
            data_hash: it.data_hash,
        };
        let derived = match it.derived.is_empty() {
            true => None,
            false => Some(DerivedBlocks::decode(&it.derived)?),
        };
        Ok(Self { header, acc: it.acc, l1_block_hash: it.l1_block_hash, derived })
    }
}

impl DerivedBlocks {
    fn encode(&self) -> [u8; 40] {
        let mut value = [0; 40];
        value[..8].copy_from_slice(&self.first_block.get().to_be_bytes());
        value[8..16].copy_from_slice(&self.last_block.get().to_be_bytes());
        value[16..].copy_from_slice(&self.cursor_after.pack());
        value
    }

    fn decode(value: &[u8]) -> Result<Self, String> {
        let wrong_length = || format!("derived has {} bytes, expected 40", value.len());
        let (first_block, rest) = value.split_first_chunk::<8>().ok_or_else(wrong_length)?;
        let (last_block, rest) = rest.split_first_chunk::<8>().ok_or_else(wrong_length)?;
        let cursor = rest.try_into().map_err(|_| wrong_length())?;
        Ok(Self {
            first_block: BlockNumber(u64::from_be_bytes(*first_block)),
            last_block: BlockNumber(u64::from_be_bytes(*last_block)),
            cursor_after: Cursor::unpack(cursor),
        })
    }
}

impl L1BlockRecord {
    pub(crate) fn encode(&self) -> [u8; 72] {
        let mut value = [0; 72];
        value[..32].copy_from_slice(self.hash.as_slice());
        value[32..64].copy_from_slice(self.parent_hash.as_slice());
        value[64..].copy_from_slice(&self.timestamp.to_be_bytes());
        value
    }

    pub(crate) fn decode(number: u64, value: &[u8]) -> Result<Self, String> {
        let value: &[u8; 72] =
            value.try_into().map_err(|_| format!("{} bytes, expected 72", value.len()))?;
        let (hashes, timestamp) = value.split_last_chunk::<8>().ok_or("shorter than 8 bytes")?;
        Ok(Self {
            number,
            hash: B256::from_slice(&hashes[..32]),
            parent_hash: B256::from_slice(&hashes[32..]),
            timestamp: u64::from_be_bytes(*timestamp),
        })
    }
}

#[derive(RlpEncodable, RlpDecodable)]
struct L1LogRlp {
    l1_time: u64,
    address: Address,
    topics: Vec<B256>,
    data: Bytes,
}

impl L1LogRecord {
    /// `l1_block ‖ log_index`, so that the table is in the order of L1.
    pub(crate) fn key(&self) -> [u8; 16] {
        let mut key = [0; 16];
        key[..8].copy_from_slice(&self.l1_block.to_be_bytes());
        key[8..].copy_from_slice(&self.log_index.to_be_bytes());
        key
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        to_vec(&L1LogRlp {
            l1_time: self.l1_time,
            address: self.log.address,
            topics: self.log.topics().to_vec(),
            data: self.log.data.data.clone(),
        })
    }

    pub(crate) fn decode(key: &[u8], value: &[u8]) -> Result<Self, String> {
        let wrong_key = || format!("the key has {} bytes, expected 16", key.len());
        let key: &[u8; 16] = key.try_into().map_err(|_| wrong_key())?;
        let it: L1LogRlp = alloy_rlp::decode_exact(value).map_err(|error| error.to_string())?;
        let topics = it.topics.len();
        let log = Log::new(it.address, it.topics, it.data)
            .ok_or_else(|| format!("{topics} topics, expected 4 at most"))?;
        let [l1_block, log_index] = [0, 8].map(|start| {
            key[start..].first_chunk().map_or(0, |bytes: &[u8; 8]| u64::from_be_bytes(*bytes))
        });
        Ok(Self { l1_block, log_index, l1_time: it.l1_time, log })
    }
}

fn to_vec(record: &impl Encodable) -> Vec<u8> {
    let mut value = Vec::with_capacity(record.length());
    record.encode(&mut value);
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> BatchHeader {
        BatchHeader {
            kind: BatchKind::Forced,
            index: BatchIndex(7),
            deposits_read: DepositIndex(3),
            l1_block: 99,
            l1_time: u64::MAX,
            data_hash: B256::repeat_byte(4),
        }
    }

    #[test]
    fn records_round_trip() {
        let cursor =
            Cursor { batch: BatchIndex(1), block: 2, deposits_read: DepositIndex(u64::MAX) };
        let derived = DerivedBlocks {
            first_block: BlockNumber(3),
            last_block: BlockNumber(9),
            cursor_after: cursor,
        };
        for derived in [None, Some(derived)] {
            let batch = BatchRecord {
                header: header(),
                acc: B256::repeat_byte(1),
                l1_block_hash: B256::repeat_byte(2),
                derived,
            };
            assert_eq!(BatchRecord::decode(&batch.encode()), Ok(batch));
        }
        let deposit = DepositRecord {
            deposit: Deposit {
                kind: DepositKind::FeeReport,
                from: Address::repeat_byte(3),
                l1_block: 1,
                l1_time: 2,
                index: DepositIndex(0),
                l1_base_fee: U256::MAX,
                l1_blob_base_fee: U256::ZERO,
                payload: Bytes::from_static(b"payload"),
            },
            acc: B256::repeat_byte(5),
        };
        assert_eq!(DepositRecord::decode(&deposit.encode()), Ok(deposit));
        let block = L1BlockRecord {
            number: 5,
            hash: B256::repeat_byte(6),
            parent_hash: B256::repeat_byte(7),
            timestamp: 8,
        };
        assert_eq!(L1BlockRecord::decode(5, &block.encode()), Ok(block));
        let topics = vec![B256::repeat_byte(9), B256::repeat_byte(10)];
        let log = Log::new_unchecked(Address::repeat_byte(11), topics, Bytes::from_static(b"data"));
        let log = L1LogRecord { l1_block: u64::MAX, log_index: 12, l1_time: 13, log };
        assert_eq!(L1LogRecord::decode(&log.key(), &log.encode()), Ok(log));
        let record = CursorRecord { cursor, output_root: B256::repeat_byte(8) };
        assert_eq!(CursorRecord::decode(&record.encode()), Ok(record));
    }

    #[test]
    fn malformed_records_are_errors() {
        let batch = BatchRecord {
            header: header(),
            acc: B256::ZERO,
            l1_block_hash: B256::ZERO,
            derived: None,
        };
        let value = batch.encode();
        for len in 0..value.len() {
            assert!(BatchRecord::decode(&value[..len]).is_err());
            assert!(DepositRecord::decode(&value[..len]).is_err());
            assert!(L1LogRecord::decode(&[0; 16], &value[..len]).is_err());
        }
        for len in [0, 23, 24, 55, 57] {
            assert!(CursorRecord::decode(&vec![0; len]).is_err());
        }
        for len in [0, 40, 71, 73] {
            assert!(L1BlockRecord::decode(0, &vec![0; len]).is_err());
        }
        let log = Log::new_unchecked(Address::ZERO, vec![B256::ZERO; 5], Bytes::new());
        let log = L1LogRecord { l1_block: 1, log_index: 2, l1_time: 3, log };
        let error = L1LogRecord::decode(&log.key(), &log.encode()).unwrap_err();
        assert!(error.contains("5 topics"), "{error}");
        assert!(L1LogRecord::decode(&[0; 15], &log.encode()).unwrap_err().contains("15 bytes"));
        assert!(DerivedBlocks::decode(&[0; 39]).is_err());
        assert!(DerivedBlocks::decode(&[0; 41]).is_err());
    }
}
