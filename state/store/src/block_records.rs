//! What is kept of a block besides its state: header, body, receipts; and the flat accounts.
//!
//! In: a sealed block. Out: the values of `headers`, `bodies`, `receipts`, `accounts`, and back.
//! Bodies and receipts are RLP lists, so that one entry is found without decoding the rest.

use alloy_consensus::Header;
use alloy_eips::eip2718::{Decodable2718, Encodable2718};
use alloy_primitives::{Address, B256, Bytes, KECCAK256_EMPTY, U256};
use alloy_rlp::{Decodable, Encodable, Header as RlpHeader, RlpDecodable, RlpEncodable};
use gainsay_transition::{L1FeeParams, Receipt, RecoveredTx, SealedBlock, trie::Account};
use op_alloy_consensus::{OpReceiptEnvelope, OpTxType};

/// A header as the store keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredHeader {
    /// The header.
    pub header: Header,
    /// keccak of the header's RLP.
    pub hash: B256,
    /// OP's version-0 output root of the state after the block.
    pub output_root: B256,
    /// L1 prices by which the block's L1 data fees were charged.
    pub l1_fee_params: L1FeeParams,
}

/// A receipt with what its place in the block adds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexedReceipt {
    /// The receipt.
    pub receipt: Receipt,
    /// Number of logs in the block before this receipt's first one.
    pub first_log_index: u64,
}

/// Where a transaction stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TransactionLocation {
    /// Number of its block.
    pub block: u64,
    /// Its index in the block.
    pub index: u32,
}

impl TransactionLocation {
    pub(crate) fn encode(self) -> [u8; 12] {
        let mut value = [0; 12];
        value[..8].copy_from_slice(&self.block.to_be_bytes());
        value[8..].copy_from_slice(&self.index.to_be_bytes());
        value
    }

    pub(crate) fn decode(value: &[u8]) -> Result<Self, String> {
        let (block, index) = value.split_at_checked(8).ok_or("shorter than 12 bytes")?;
        Ok(Self {
            block: u64::from_be_bytes(block.try_into().map_err(|_| "not 12 bytes")?),
            index: u32::from_be_bytes(index.try_into().map_err(|_| "not 12 bytes")?),
        })
    }
}

/// The RLP part of a value of `headers`.
#[derive(RlpEncodable, RlpDecodable)]
struct HeaderRecord {
    l1_base_fee: U256,
    l1_blob_base_fee: U256,
    l1_base_fee_scalar: u32,
    l1_blob_base_fee_scalar: u32,
    header: Header,
}

pub(crate) fn encode_header(block: &SealedBlock) -> Vec<u8> {
    let params = block.l1_fee_params;
    let record = HeaderRecord {
        l1_base_fee: params.base_fee,
        l1_blob_base_fee: params.blob_base_fee,
        l1_base_fee_scalar: params.base_fee_scalar,
        l1_blob_base_fee_scalar: params.blob_base_fee_scalar,
        header: block.header.clone(),
    };
    let mut value = Vec::with_capacity(record.length().saturating_add(64));
    value.extend_from_slice(block.hash.as_slice());
    value.extend_from_slice(block.output_root.as_slice());
    record.encode(&mut value);
    value
}

pub(crate) fn decode_header(value: &[u8]) -> Result<StoredHeader, String> {
    let (hashes, rlp) = value.split_at_checked(64).ok_or("shorter than 64 bytes")?;
    let record: HeaderRecord = alloy_rlp::decode_exact(rlp).map_err(|error| error.to_string())?;
    Ok(StoredHeader {
        header: record.header,
        hash: B256::from_slice(&hashes[..32]),
        output_root: B256::from_slice(&hashes[32..]),
        l1_fee_params: L1FeeParams {
            base_fee: record.l1_base_fee,
            blob_base_fee: record.l1_blob_base_fee,
            base_fee_scalar: record.l1_base_fee_scalar,
            blob_base_fee_scalar: record.l1_blob_base_fee_scalar,
        },
    })
}

/// One entry of a body, borrowed for encoding.
#[derive(RlpEncodable)]
struct BodyEntryRef<'a> {
    sender: &'a Address,
    hash: &'a B256,
    raw: &'a Bytes,
}

/// One entry of a body: what a block's transaction is without decoding it.
#[derive(Clone, Debug, PartialEq, Eq, RlpDecodable)]
pub struct RawTransaction {
    /// Recovered before the block was committed, or the `from` of a deposit.
    pub sender: Address,
    /// keccak of `raw`.
    pub hash: B256,
    /// Canonical EIP-2718 encoding.
    pub raw: Bytes,
}

impl RawTransaction {
    /// Whether it is a deposit: EIP-2718 type 0x7E.
    #[must_use]
    pub fn is_deposit(&self) -> bool {
        self.raw.first() == Some(&(OpTxType::Deposit as u8))
    }

    pub(crate) fn decode_envelope(self) -> Result<RecoveredTx, String> {
        let tx = RecoveredTx::with_sender(self.raw, self.sender).map_err(|it| it.to_string())?;
        if tx.hash != self.hash {
            return Err(format!("transaction hashes to {}, indexed as {}", tx.hash, self.hash));
        }
        Ok(tx)
    }
}

pub(crate) fn encode_body(transactions: &[RecoveredTx]) -> Vec<u8> {
    encode_list(transactions, |tx| BodyEntryRef {
        sender: &tx.sender,
        hash: &tx.hash,
        raw: &tx.raw,
    })
}

/// One entry of the receipts of a block. `contract` is empty or an address.
#[derive(RlpEncodable, RlpDecodable)]
struct ReceiptRecord {
    first_log_index: u64,
    gas_used: u64,
    l1_fee: U256,
    effective_gas_price: u128,
    contract: Bytes,
    envelope: Bytes,
}

pub(crate) fn encode_receipts(receipts: &[Receipt]) -> Vec<u8> {
    let mut log_index = 0_u64;
    encode_list(receipts, |receipt| {
        let first_log_index = log_index;
        log_index = log_index.saturating_add(receipt.envelope.logs().len() as u64);
        ReceiptRecord {
            first_log_index,
            gas_used: receipt.gas_used,
            l1_fee: receipt.l1_fee,
            effective_gas_price: receipt.effective_gas_price,
            contract: receipt.contract_address.map(|it| it.0.into()).unwrap_or_default(),
            envelope: receipt.envelope.encoded_2718().into(),
        }
    })
}

pub(crate) fn decode_receipt(item: &mut &[u8]) -> Result<IndexedReceipt, String> {
    let record = ReceiptRecord::decode(item).map_err(|error| error.to_string())?;
    let contract_address = match record.contract.len() {
        0 => None,
        20 => Some(Address::from_slice(&record.contract)),
        len => return Err(format!("contract address of {len} bytes")),
    };
    let mut envelope: &[u8] = &record.envelope;
    let receipt = Receipt {
        envelope: OpReceiptEnvelope::decode_2718(&mut envelope).map_err(|it| it.to_string())?,
        gas_used: record.gas_used,
        l1_fee: record.l1_fee,
        effective_gas_price: record.effective_gas_price,
        contract_address,
    };
    if !envelope.is_empty() {
        return Err("bytes follow a receipt".into());
    }
    Ok(IndexedReceipt { receipt, first_log_index: record.first_log_index })
}

pub(crate) fn decode_transaction(item: &mut &[u8]) -> Result<RawTransaction, String> {
    RawTransaction::decode(item).map_err(|error| error.to_string())
}

/// Encodes an RLP list with one copy of each item.
fn encode_list<'a, T, E: Encodable>(items: &'a [T], mut entry: impl FnMut(&'a T) -> E) -> Vec<u8> {
    let mut payload = Vec::new();
    for item in items {
        entry(item).encode(&mut payload);
    }
    let header = RlpHeader { list: true, payload_length: payload.len() };
    let mut value = Vec::with_capacity(header.length().saturating_add(payload.len()));
    header.encode(&mut value);
    value.extend_from_slice(&payload);
    value
}

/// Decodes all items of an RLP list.
pub(crate) fn decode_list<T>(
    mut value: &[u8],
    decode: impl Fn(&mut &[u8]) -> Result<T, String>,
) -> Result<Vec<T>, String> {
    let mut payload =
        RlpHeader::decode_bytes(&mut value, true).map_err(|error| error.to_string())?;
    if !value.is_empty() {
        return Err("bytes follow the list".into());
    }
    let mut items = Vec::new();
    while !payload.is_empty() {
        items.push(decode(&mut payload)?);
    }
    Ok(items)
}

/// Decodes one item of an RLP list of lists, skipping those before it; `None` behind its end.
pub(crate) fn decode_item<T>(
    mut value: &[u8],
    index: u32,
    decode: impl Fn(&mut &[u8]) -> Result<T, String>,
) -> Result<Option<T>, String> {
    let mut payload =
        RlpHeader::decode_bytes(&mut value, true).map_err(|error| error.to_string())?;
    for _ in 0..index {
        if payload.is_empty() {
            return Ok(None);
        }
        RlpHeader::decode_bytes(&mut payload, true).map_err(|error| error.to_string())?;
    }
    if payload.is_empty() { Ok(None) } else { decode(&mut payload).map(Some) }
}

/// Account without code: flags 0.
const FLAG_NO_CODE: u8 = 0;
/// A code hash follows the nonce.
const FLAG_CODE: u8 = 1;

pub(crate) fn encode_account(account: &Account) -> Vec<u8> {
    let has_code = account.code_hash != KECCAK256_EMPTY;
    let balance = account.balance.to_be_bytes::<32>();
    let balance = trim(&balance);
    let mut value = Vec::with_capacity(balance.len().saturating_add(9 + 32));
    value.push(if has_code { FLAG_CODE } else { FLAG_NO_CODE });
    value.extend_from_slice(&account.nonce.to_be_bytes());
    if has_code {
        value.extend_from_slice(account.code_hash.as_slice());
    }
    value.extend_from_slice(balance);
    value
}

pub(crate) fn decode_account(value: &[u8]) -> Result<Account, String> {
    let (flag, rest) = value.split_first().ok_or("it is empty")?;
    let (nonce, rest) = rest.split_first_chunk::<8>().ok_or("shorter than 9 bytes")?;
    let (code_hash, balance) = match *flag {
        FLAG_NO_CODE => (KECCAK256_EMPTY, rest),
        FLAG_CODE => {
            let (hash, balance) = rest.split_first_chunk::<32>().ok_or("shorter than 41 bytes")?;
            (B256::from(*hash), balance)
        }
        flag => return Err(format!("flags are {flag:#04x}, expected 0x00 or 0x01")),
    };
    Ok(Account { nonce: u64::from_be_bytes(*nonce), balance: decode_trimmed(balance)?, code_hash })
}

/// Bytes of a number without leading zeros.
pub(crate) fn encode_slot(value: U256) -> Vec<u8> {
    trim(&value.to_be_bytes::<32>()).to_vec()
}

pub(crate) fn decode_slot(value: &[u8]) -> Result<U256, String> {
    if value.is_empty() {
        return Err("a zero is stored, expected no entry".into());
    }
    decode_trimmed(value)
}

fn trim(bytes: &[u8; 32]) -> &[u8] {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    &bytes[zeros..]
}

fn decode_trimmed(bytes: &[u8]) -> Result<U256, String> {
    if bytes.first() == Some(&0) {
        return Err("a number has leading zeros".into());
    }
    U256::try_from_be_slice(bytes)
        .ok_or_else(|| format!("a number has {} bytes, expected at most 32", bytes.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_and_slots_round_trip() {
        for balance in [U256::ZERO, U256::from(255), U256::from(256), U256::MAX] {
            for code_hash in [KECCAK256_EMPTY, B256::ZERO, B256::repeat_byte(7)] {
                let account = Account { nonce: u64::MAX, balance, code_hash };
                assert_eq!(decode_account(&encode_account(&account)), Ok(account));
            }
            if !balance.is_zero() {
                assert_eq!(decode_slot(&encode_slot(balance)), Ok(balance));
            }
        }
    }

    #[test]
    fn malformed_values_are_errors() {
        for value in [&[][..], &[0], &[0; 8], &[2; 9], &[1; 40], &[0; 10], &[0xff; 43]] {
            assert!(decode_account(value).is_err(), "{value:?}");
        }
        for value in [&[][..], &[0], &[0, 1], &[1; 33]] {
            assert!(decode_slot(value).is_err(), "{value:?}");
        }
        assert!(decode_header(&[0; 63]).is_err());
        assert!(decode_header(&[0xc0; 65]).is_err());
        for value in [&[][..], &[0x80], &[0xc1], &[0xc1, 0x80], &[0xc0, 0]] {
            assert!(decode_list(value, decode_transaction).is_err(), "{value:?}");
        }
        assert_eq!(decode_item(&[0xc0], 0, decode_transaction), Ok(None));
        assert_eq!(decode_item(&[0xc0], 3, decode_transaction), Ok(None));
        assert!(decode_item(&[0xc1, 0xc0], 0, decode_transaction).is_err());
        assert!(TransactionLocation::decode(&[0; 11]).is_err());
        assert!(TransactionLocation::decode(&[0; 13]).is_err());
    }
}
