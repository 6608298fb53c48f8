//! The logs of one L1 block, complete and unaltered: taken from its receipts, whose root the
//! block's header commits to.
//!
//! In: a checked header. Out: the logs of the contracts, in order. `eth_getLogs` is never asked,
//! because nobody can see which logs its answer leaves out. No header commits to the hash of a
//! log's transaction, so that no decision may depend on that hash.

use alloy::{
    consensus::{Eip658Value, Receipt, ReceiptWithBloom, proofs::ordered_trie_root_with_encoder},
    providers::Provider,
    rpc::types::Log,
};
use alloy_primitives::{B256, BlockNumber, Bloom, Log as RawLog, U8, U64};
use alloy_rlp::Encodable;
use futures::{StreamExt, TryStreamExt, stream};
use serde::Deserialize;
use tracing::debug;

use crate::{
    Contracts, L1Client, L1Error,
    error::{is_missing_method, is_refused},
    l1_header::L1Header,
};

/// Receipts asked for at once where a node serves them one by one only.
const CONCURRENT_RECEIPTS: usize = 16;

/// A receipt as JSON-RPC serves it: what its encoding needs, and its transaction.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct BlockReceipt {
    /// EIP-2718 type.
    #[serde(rename = "type", default)]
    kind: U8,
    status: U64,
    cumulative_gas_used: U64,
    logs_bloom: Bloom,
    logs: Vec<RawLog>,
    transaction_hash: B256,
}

/// A block without the fields that are not needed here.
#[derive(Debug, Deserialize)]
struct TransactionHashes {
    hash: B256,
    transactions: Vec<B256>,
}

impl BlockReceipt {
    /// [EIP-2718](https://eips.ethereum.org/EIPS/eip-2718): the type, if it is not 0, and the
    /// receipt.
    fn encode(&self, out: &mut dyn alloy_rlp::BufMut) {
        if !self.kind.is_zero() {
            out.put_u8(self.kind.to());
        }
        let receipt = Receipt {
            status: Eip658Value::Eip658(!self.status.is_zero()),
            cumulative_gas_used: self.cumulative_gas_used.to(),
            logs: self.logs.clone(),
        };
        ReceiptWithBloom { receipt, logs_bloom: self.logs_bloom }.encode(out);
    }
}

impl L1Client {
    /// All logs of the contracts in a block.
    ///
    /// # Errors
    /// [`L1Error::FalseAnswer`] when the receipts are not those of the block, and those of the
    /// transport.
    pub(crate) async fn logs_of(
        &self,
        header: &L1Header,
        contracts: &Contracts,
    ) -> Result<Vec<Log>, L1Error> {
        let receipts = self.receipts_of(header).await?;
        check_root(header, &receipts)?;
        Ok(logs_of_contracts(header, receipts, contracts))
    }

    async fn receipts_of(&self, header: &L1Header) -> Result<Vec<BlockReceipt>, L1Error> {
        const METHOD: &str = "eth_getBlockReceipts";
        let number = header.block.number;
        if self.lacks_block_receipts().get() {
            return self.receipts_one_by_one(header).await;
        }
        let found = self.provider().raw_request(METHOD.into(), (U64::from(number),)).await;
        match found {
            Ok(Some(receipts)) => Ok(receipts),
            Ok(None) => Err(L1Error::Missing { what: format!("receipts of block {number}") }),
            Err(error) if is_missing_method(&error) => {
                self.lacks_block_receipts().set();
                self.receipts_one_by_one(header).await
            }
            // The answer is too large for a plan, a proxy or a server. Each says so in its own
            // words and codes.
            Err(error) if is_refused(&error) => {
                debug!(%error, number, "L1 node refuses the receipts of a block, asking one by one");
                self.receipts_one_by_one(header).await
            }
            Err(source) => Err(L1Error::Transport { what: METHOD, source }),
        }
    }

    async fn receipts_one_by_one(&self, header: &L1Header) -> Result<Vec<BlockReceipt>, L1Error> {
        const METHOD: &str = "eth_getBlockByHash";
        let (number, hash) = (header.block.number, header.block.hash);
        let block: Option<TransactionHashes> = self
            .provider()
            .raw_request(METHOD.into(), (hash, false))
            .await
            .map_err(L1Error::transport(METHOD))?;
        let block = block.ok_or_else(|| missing_block(number))?;
        if block.hash != hash {
            return Err(L1Error::FalseAnswer {
                what: format!("block {number}"),
                expected: hash.to_string(),
                found: block.hash.to_string(),
            });
        }
        let reads: Vec<_> = block.transactions.iter().map(|hash| self.receipt_of(*hash)).collect();
        stream::iter(reads).buffered(CONCURRENT_RECEIPTS).try_collect().await
    }

    async fn receipt_of(&self, transaction: B256) -> Result<BlockReceipt, L1Error> {
        const METHOD: &str = "eth_getTransactionReceipt";
        let receipt: Option<BlockReceipt> = self
            .provider()
            .raw_request(METHOD.into(), (transaction,))
            .await
            .map_err(L1Error::transport(METHOD))?;
        receipt.ok_or_else(|| L1Error::Missing { what: format!("receipt of {transaction}") })
    }
}

fn missing_block(number: BlockNumber) -> L1Error {
    L1Error::Missing { what: format!("block {number}") }
}

fn check_root(header: &L1Header, receipts: &[BlockReceipt]) -> Result<(), L1Error> {
    let root = ordered_trie_root_with_encoder(receipts, |receipt, out| receipt.encode(out));
    if root == header.receipts_root {
        return Ok(());
    }
    Err(L1Error::FalseAnswer {
        what: format!("{} receipts of block {}", receipts.len(), header.block.number),
        expected: format!("root {}", header.receipts_root),
        found: root.to_string(),
    })
}

fn logs_of_contracts(
    header: &L1Header,
    receipts: Vec<BlockReceipt>,
    contracts: &Contracts,
) -> Vec<Log> {
    let mut logs = Vec::new();
    let mut log_index = 0;
    for (index, receipt) in (0..).zip(receipts) {
        for inner in receipt.logs {
            if contracts.contain(inner.address) {
                logs.push(Log {
                    inner,
                    block_hash: Some(header.block.hash),
                    block_number: Some(header.block.number),
                    block_timestamp: Some(header.block.timestamp),
                    transaction_hash: Some(receipt.transaction_hash),
                    transaction_index: Some(index),
                    log_index: Some(log_index),
                    removed: false,
                });
            }
            log_index += 1;
        }
    }
    logs
}
