//! Blocks, transactions and receipts in the JSON shapes of Ethereum, with OP's fields.
//!
//! In: what the store or a sealed block holds. Out: RPC types. It reads nothing by itself.

use alloy_consensus::{Sealed, transaction::Recovered};
use alloy_primitives::{B256, Log as ConsensusLog, U256};
use alloy_rlp::Encodable;
use alloy_rpc_types_eth::{Block, BlockTransactions, Header as RpcHeader, Log, TransactionInfo};
use gainsay_store::{RawTransaction, StoredHeader};
use gainsay_transition::{L1FeeParams, Receipt, RecoveredTx, SealedBlock};
use op_alloy_consensus::{
    OpReceipt,
    transaction::{OpDepositInfo, OpTransactionInfo},
};
use op_alloy_rpc_types::{L1BlockInfo, OpTransactionReceipt, Transaction};

/// A block's header and what every transaction of it shows.
#[derive(Clone, Copy, Debug)]
pub(super) struct BlockPlace {
    pub(super) number: u64,
    pub(super) hash: B256,
    pub(super) timestamp: u64,
    pub(super) base_fee: u64,
    pub(super) l1_fee_params: L1FeeParams,
}

impl From<&StoredHeader> for BlockPlace {
    fn from(stored: &StoredHeader) -> Self {
        Self {
            number: stored.header.number,
            hash: stored.hash,
            timestamp: stored.header.timestamp,
            base_fee: stored.header.base_fee_per_gas.unwrap_or_default(),
            l1_fee_params: stored.l1_fee_params,
        }
    }
}

impl From<&SealedBlock> for BlockPlace {
    fn from(block: &SealedBlock) -> Self {
        Self {
            number: block.header.number,
            hash: block.hash,
            timestamp: block.header.timestamp,
            base_fee: block.header.base_fee_per_gas.unwrap_or_default(),
            l1_fee_params: block.l1_fee_params,
        }
    }
}

/// The block with the hashes of its transactions.
pub(super) fn block_with_hashes(
    header: &StoredHeader,
    transactions: &[RawTransaction],
) -> Block<Transaction> {
    let hashes = transactions.iter().map(|tx| tx.hash).collect();
    let size = block_size(header, transactions.iter().map(|tx| tx.raw.as_ref()));
    block(header, size, BlockTransactions::Hashes(hashes))
}

/// The block with its transactions; `deposit_receipts` are those of the deposits at its head.
pub(super) fn block_with_transactions(
    header: &StoredHeader,
    transactions: Vec<RecoveredTx>,
    deposit_receipts: &[Receipt],
) -> Block<Transaction> {
    let size = block_size(header, transactions.iter().map(|tx| tx.raw.as_ref()));
    let place = BlockPlace::from(header);
    let transactions = (0_u64..)
        .zip(transactions)
        .enumerate()
        .map(|(at, (index, tx))| included_transaction(tx, &place, index, deposit_receipts.get(at)))
        .collect();
    block(header, size, BlockTransactions::Full(transactions))
}

fn block(
    header: &StoredHeader,
    size: usize,
    transactions: BlockTransactions<Transaction>,
) -> Block<Transaction> {
    Block {
        header: rpc_header(header, Some(U256::from(size))),
        uncles: Vec::new(),
        transactions,
        // As OP does since Isthmus: the withdrawals root is a storage root, next to an empty list.
        withdrawals: Some(Vec::new().into()),
    }
}

/// A header as blocks and `newHeads` show it.
pub(super) fn rpc_header(stored: &StoredHeader, size: Option<U256>) -> RpcHeader {
    let sealed = Sealed::new_unchecked(stored.header.clone(), stored.hash);
    RpcHeader::from_consensus(sealed, None, size)
}

/// Bytes of the block's RLP: header, transactions, no ommers, no withdrawals.
fn block_size<'a>(header: &StoredHeader, transactions: impl Iterator<Item = &'a [u8]>) -> usize {
    let transactions: usize = transactions
        .map(|raw| match raw.first() {
            // A legacy transaction is an RLP list itself; typed ones are wrapped as strings.
            Some(first) if *first >= 0xc0 => raw.len(),
            _ => raw.length(),
        })
        .sum();
    let list = |payload: usize| alloy_rlp::length_of_length(payload) + payload;
    list(header.header.length() + list(transactions) + list(0) + list(0))
}

/// A transaction that a block holds. `deposit_receipt` is looked at if it is a deposit.
pub(super) fn included_transaction(
    tx: RecoveredTx,
    place: &BlockPlace,
    index: u64,
    deposit_receipt: Option<&Receipt>,
) -> Transaction {
    let info = TransactionInfo {
        hash: Some(tx.hash),
        index: Some(index),
        block_hash: Some(place.hash),
        block_number: Some(place.number),
        base_fee: Some(place.base_fee),
        block_timestamp: Some(place.timestamp),
    };
    let deposit_meta = match deposit_receipt.filter(|_| tx.is_deposit()) {
        Some(receipt) => OpDepositInfo {
            deposit_nonce: receipt.envelope.deposit_nonce(),
            deposit_receipt_version: receipt.envelope.deposit_receipt_version(),
        },
        None => OpDepositInfo::default(),
    };
    let tx = Recovered::new_unchecked(tx.envelope, tx.sender);
    Transaction::from_transaction(tx, OpTransactionInfo::new(info, deposit_meta))
}

/// A transaction that no block holds yet.
pub(super) fn pending_transaction(tx: RecoveredTx) -> Transaction {
    let info = TransactionInfo { hash: Some(tx.hash), ..Default::default() };
    let tx = Recovered::new_unchecked(tx.envelope, tx.sender);
    Transaction::from_transaction(tx, OpTransactionInfo::new(info, OpDepositInfo::default()))
}

/// The receipt of transaction `index`, with `first_log_index` logs before it in the block.
pub(super) fn receipt(
    tx: &RecoveredTx,
    receipt: &Receipt,
    place: &BlockPlace,
    index: u64,
    first_log_index: u64,
) -> OpTransactionReceipt {
    let mut log_index = first_log_index;
    let inner = receipt.envelope.clone().map_logs(|log| {
        let log = rpc_log(log, place, tx.hash, index, log_index);
        log_index = log_index.saturating_add(1);
        log
    });
    let to = alloy_consensus::Transaction::to(&tx.envelope);
    OpTransactionReceipt {
        inner: alloy_rpc_types_eth::TransactionReceipt {
            inner: receipt_with_bloom(inner),
            transaction_hash: tx.hash,
            transaction_index: Some(index),
            block_hash: Some(place.hash),
            block_number: Some(place.number),
            gas_used: receipt.gas_used,
            effective_gas_price: receipt.effective_gas_price,
            blob_gas_used: None,
            blob_gas_price: None,
            from: tx.sender,
            to,
            contract_address: receipt.contract_address,
        },
        l1_block_info: l1_block_info(tx, receipt, &place.l1_fee_params),
        op_gas_refund: None,
    }
}

/// The receipts of a block's transactions, in order.
pub(super) fn receipts(
    transactions: &[RecoveredTx],
    block_receipts: &[Receipt],
    place: &BlockPlace,
) -> Vec<OpTransactionReceipt> {
    let mut first_log_index = 0;
    (0_u64..)
        .zip(transactions.iter().zip(block_receipts))
        .map(|(index, (tx, it))| {
            let answer = receipt(tx, it, place, index, first_log_index);
            first_log_index = first_log_index.saturating_add(it.envelope.logs().len() as u64);
            answer
        })
        .collect()
}

/// The receipt of one transaction of a block that was just sealed, if the block holds it.
pub(super) fn receipt_of_block(block: &SealedBlock, hash: B256) -> Option<OpTransactionReceipt> {
    let index = block.transactions.iter().position(|tx| tx.hash == hash)?;
    let before = block.receipts.get(..index)?;
    let first_log_index = before.iter().map(|it| it.envelope.logs().len() as u64).sum();
    let (tx, own) = (block.transactions.get(index)?, block.receipts.get(index)?);
    Some(receipt(tx, own, &BlockPlace::from(block), index as u64, first_log_index))
}

/// A log with its place.
pub(super) const fn rpc_log(
    inner: ConsensusLog,
    place: &BlockPlace,
    transaction_hash: B256,
    transaction_index: u64,
    log_index: u64,
) -> Log {
    Log {
        inner,
        block_hash: Some(place.hash),
        block_number: Some(place.number),
        block_timestamp: Some(place.timestamp),
        transaction_hash: Some(transaction_hash),
        transaction_index: Some(transaction_index),
        log_index: Some(log_index),
        removed: false,
    }
}

fn receipt_with_bloom(
    envelope: op_alloy_consensus::OpReceiptEnvelope<Log>,
) -> alloy_consensus::ReceiptWithBloom<OpReceipt<Log>> {
    use op_alloy_consensus::OpReceiptEnvelope as Envelope;
    match envelope {
        Envelope::Legacy(it) => it.map_receipt(OpReceipt::Legacy),
        Envelope::Eip2930(it) => it.map_receipt(OpReceipt::Eip2930),
        Envelope::Eip1559(it) => it.map_receipt(OpReceipt::Eip1559),
        Envelope::Eip7702(it) => it.map_receipt(OpReceipt::Eip7702),
        Envelope::PostExec(it) => it.map_receipt(OpReceipt::PostExec),
        Envelope::Deposit(it) => it.map_receipt(OpReceipt::Deposit),
    }
}

/// What OP shows of the L1 data fee (Ecotone's fields).
fn l1_block_info(tx: &RecoveredTx, receipt: &Receipt, params: &L1FeeParams) -> L1BlockInfo {
    // Calldata gas of the estimated compressed size, which comes in millionths of a byte.
    let l1_gas_used = match tx.is_deposit() {
        true => 0,
        false => u128::from(op_revm::estimate_tx_compressed_size(&tx.raw)) * 16 / 1_000_000,
    };
    L1BlockInfo {
        l1_gas_price: Some(params.base_fee.saturating_to()),
        l1_gas_used: Some(l1_gas_used),
        l1_fee: Some(receipt.l1_fee.saturating_to()),
        l1_base_fee_scalar: Some(params.base_fee_scalar.into()),
        l1_blob_base_fee: Some(params.blob_base_fee.saturating_to()),
        l1_blob_base_fee_scalar: Some(params.blob_base_fee_scalar.into()),
        ..Default::default()
    }
}
