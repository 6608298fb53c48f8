//! Blocks by tag, number or hash, and the states after them.
//!
//! In: what a client names. Out: headers, bodies and state views that belong together, also when a
//! rewind takes blocks back meanwhile.

use std::sync::Arc;

use alloy_eips::{BlockId, BlockNumberOrTag};
use gainsay_store::{StateView, Store, StoredHeader};
use gainsay_transition::{Receipt, RecoveredTx};

use super::{error::RpcError, node::RpcNode};

/// Times that a read is tried again when a rewind came in between.
pub(super) const ATTEMPTS_MAX: usize = 4;

/// A block's transactions and receipts, as many of the one as of the other.
pub(super) type Body = (Vec<RecoveredTx>, Vec<Receipt>);

impl RpcNode {
    /// Blocks and state.
    pub(super) fn store(&self) -> &Store {
        &self.chain.store
    }

    /// The number that a tag stands for now. `pending` is the latest block: what is pending has
    /// no block yet.
    pub(super) fn number_of(&self, tag: BlockNumberOrTag) -> u64 {
        let heads = self.store().heads();
        match tag {
            BlockNumberOrTag::Number(number) => number,
            BlockNumberOrTag::Earliest => 0,
            BlockNumberOrTag::Finalized => heads.finalized.number,
            BlockNumberOrTag::Safe => heads.safe.number,
            BlockNumberOrTag::Latest | BlockNumberOrTag::Pending => heads.latest.number,
        }
    }

    /// The header of a block; `None` when there is no such block on the canonical chain.
    pub(super) fn find_header(&self, id: BlockId) -> Result<Option<Arc<StoredHeader>>, RpcError> {
        let header = match id {
            BlockId::Number(BlockNumberOrTag::Latest | BlockNumberOrTag::Pending) => {
                return Ok(Some(self.store().head_header()?));
            }
            BlockId::Number(tag) => self.store().header(self.number_of(tag))?,
            BlockId::Hash(hash) => self.store().header_by_hash(hash.block_hash)?,
        };
        Ok(header.map(Arc::new))
    }

    /// The header of a block, `latest` if none is named; an error when there is no such block.
    pub(super) fn header(&self, id: Option<BlockId>) -> Result<Arc<StoredHeader>, RpcError> {
        let id = id.unwrap_or(BlockId::latest());
        self.find_header(id)?.ok_or_else(|| match id {
            BlockId::Hash(hash) => RpcError::BlockNotFound(hash.block_hash.to_string()),
            BlockId::Number(tag) => RpcError::BlockNotFound(format!(
                "{tag} (the head is {})",
                self.store().head().number
            )),
        })
    }

    /// The state after a block, with its header.
    pub(super) fn state(
        &self,
        id: Option<BlockId>,
    ) -> Result<(Arc<StoredHeader>, StateView), RpcError> {
        for _ in 0..ATTEMPTS_MAX {
            let header = self.header(id)?;
            let view = self.store().state_at(header.header.number)?;
            if view.hash() == header.hash {
                return Ok((header, view));
            }
        }
        Err(RpcError::Internal("the chain is being rewound".into()))
    }

    /// What `read` finds of the block `header`; `None` when the block was taken back.
    pub(super) fn of_block<T>(
        &self,
        header: &StoredHeader,
        read: impl FnOnce(&Store, u64) -> Result<Option<T>, gainsay_store::StoreError>,
    ) -> Result<Option<T>, RpcError> {
        let number = header.header.number;
        let found = read(self.store(), number)?;
        // Tables are keyed by number: what was read is of this block if it still stands there.
        let stands = self.store().block_hash(number)? == Some(header.hash);
        Ok(found.filter(|_| stands))
    }

    /// A block's transactions and receipts.
    pub(super) fn body(&self, header: &StoredHeader) -> Result<Option<Body>, RpcError> {
        self.of_block(header, |store, number| {
            Ok(store.transactions(number)?.zip(store.receipts(number)?))
        })
    }
}
