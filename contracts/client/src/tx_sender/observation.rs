//! Questions to L1 about an account and about a call in flight.
//!
//! In: the broadcasts of one call. Out: whether L1 holds it, in a block or in its pool; the next
//! nonce; the reason of a revert. It sends nothing.

use alloy::{eips::BlockId, providers::Provider, rpc::types::TransactionReceipt};
use alloy_primitives::{B256, U256};
use serde::de::IgnoredAny;

use super::{PendingNonce, TxSender};
use crate::{
    L1BlockRef, L1Error,
    call_in_flight::{InFlight, LastCall},
    error::error_payload,
    fees::TxFees,
    revert::ContractRevert,
    transaction::PreparedCall,
};

/// What one look at L1 shows of the call in flight.
#[derive(Debug)]
pub(super) enum Observation {
    Included(Box<TransactionReceipt>),
    NonceTaken,
    Pending,
    Dropped,
    /// Transactions with lower nonces are gone, as after a reorg: this one can never be included.
    Gap {
        next: u64,
    },
}

impl TxSender {
    pub(super) async fn observe(&self, flight: &InFlight) -> Result<Observation, L1Error> {
        if let Some(receipt) = self.find_receipt(flight).await? {
            return Ok(Observation::Included(Box::new(receipt)));
        }
        if self.transaction_count(BlockId::latest()).await? > flight.nonce {
            return Ok(Observation::NonceTaken);
        }
        let next = self.transaction_count(BlockId::pending()).await?;
        if next < flight.nonce {
            return Ok(Observation::Gap { next });
        }
        // Only the existence of the transaction matters: its content, perhaps with blobs, is not
        // decoded.
        let known: Option<IgnoredAny> = self
            .client
            .provider()
            .raw_request("eth_getTransactionByHash".into(), (flight.last_hash(),))
            .await
            .map_err(L1Error::transport("eth_getTransactionByHash"))?;
        Ok(if known.is_some() { Observation::Pending } else { Observation::Dropped })
    }

    /// The receipt of any broadcast of the call.
    pub(super) async fn find_receipt(
        &self,
        flight: &InFlight,
    ) -> Result<Option<TransactionReceipt>, L1Error> {
        for hash in flight.hashes.iter().rev() {
            if let Some(receipt) = self.receipt(*hash).await? {
                flight.check_receipt(*hash, &receipt)?;
                return Ok(Some(receipt));
            }
        }
        Ok(None)
    }

    /// Whether enough blocks lie on the receipt's block, and that block is still canonical.
    pub(super) async fn is_confirmed(
        &self,
        receipt: &TransactionReceipt,
        head: &L1BlockRef,
    ) -> Result<bool, L1Error> {
        let (Some(number), Some(hash)) = (receipt.block_number, receipt.block_hash) else {
            return Ok(false);
        };
        if (head.number + 1).saturating_sub(number) < self.config.confirmations {
            return Ok(false);
        }
        let canonical = self.client.block_by_number(number).await?;
        Ok(canonical.is_some_and(|block| block.hash == hash))
    }

    /// The nonce of the next call.
    pub(super) async fn next_nonce(&self, last: Option<&LastCall>) -> Result<u64, L1Error> {
        let mined = self.transaction_count(BlockId::latest()).await?;
        let Some(last) = last else {
            return match self.config.pending {
                PendingNonce::Replace => Ok(mined),
                PendingNonce::Queue => self.transaction_count(BlockId::pending()).await,
            };
        };
        // A node behind a load balancer may not yet count the last call, which another confirmed.
        if mined <= last.nonce && self.receipt(last.hash).await?.is_some() {
            return Ok(last.nonce + 1);
        }
        Ok(mined)
    }

    pub(super) async fn transaction_count(&self, block: BlockId) -> Result<u64, L1Error> {
        let count = self.client.provider().get_transaction_count(self.address()).block_id(block);
        count.await.map_err(L1Error::transport("eth_getTransactionCount"))
    }

    pub(super) async fn receipt(&self, hash: B256) -> Result<Option<TransactionReceipt>, L1Error> {
        let receipt = self.client.provider().get_transaction_receipt(hash).await;
        receipt.map_err(L1Error::transport("eth_getTransactionReceipt"))
    }

    pub(super) async fn check_balance(
        &self,
        call: &PreparedCall,
        gas_limit: u64,
        fees: &TxFees,
    ) -> Result<(), L1Error> {
        let cost = fees.cost_max(gas_limit, call.versioned_hashes.len());
        let needed = call.value.saturating_add(U256::from(cost));
        let balance = self.client.provider().get_balance(self.address()).await;
        let balance = balance.map_err(L1Error::transport("eth_getBalance"))?;
        if balance < needed {
            return Err(L1Error::InsufficientFunds { from: self.address(), balance, needed });
        }
        Ok(())
    }

    /// The reason of a mined revert, found by running the call on the block before.
    pub(super) async fn mined_revert(
        &self,
        flight: &InFlight,
        receipt: &TransactionReceipt,
    ) -> L1Error {
        let request = flight.call.simulation(self.address());
        let parent = receipt.block_number.unwrap_or_default().saturating_sub(1);
        let replay = self.client.provider().call(request).block(parent.into()).await;
        let reason = match replay {
            Ok(_) => None,
            Err(error) => error_payload(&error).and_then(ContractRevert::from_payload),
        };
        L1Error::Reverted {
            what: flight.call.target(),
            hash: Some(receipt.transaction_hash),
            reason: Box::new(reason.unwrap_or(ContractRevert::Unknown(Default::default()))),
        }
    }
}
