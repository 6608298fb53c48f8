//! A call that is being sent: its broadcasts, its fees, and whether a receipt can be its own.
//!
//! In: a prepared call, a nonce, fees. Out: the bytes of each broadcast. It sends nothing and waits
//! for nothing: that is the [sender](crate::TxSender)'s job.

use std::time::Instant;

use alloy::{rpc::types::TransactionReceipt, signers::local::PrivateKeySigner};
use alloy_primitives::B256;

use crate::{L1Error, fees::TxFees, transaction::PreparedCall};

/// How the previous call of this process ended; decides the next nonce.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LastCall {
    pub(crate) nonce: u64,
    pub(crate) hash: B256,
    pub(crate) fees: TxFees,
}

/// The call being sent.
#[derive(Debug)]
pub(crate) struct InFlight {
    pub(crate) call: PreparedCall,
    pub(crate) gas_limit: u64,
    pub(crate) nonce: u64,
    /// Hashes of every broadcast: any of them may be included.
    pub(crate) hashes: Vec<B256>,
    /// Fees and bytes of the last broadcast.
    pub(crate) fees: TxFees,
    pub(crate) raw: Vec<u8>,
    /// Time and L1 block of the last broadcast.
    pub(crate) sent_at: Instant,
    pub(crate) sent_at_block: u64,
}

impl InFlight {
    pub(crate) fn last_hash(&self) -> B256 {
        *self.hashes.last().expect("a call in flight was broadcast at least once")
    }

    /// The bytes to broadcast now, and their hash.
    pub(crate) fn sign(
        &self,
        signer: &PrivateKeySigner,
        chain_id: u64,
    ) -> Result<(B256, Vec<u8>), L1Error> {
        self.call.sign(signer, chain_id, self.nonce, self.gas_limit, &self.fees)
    }

    /// Checks that a receipt can belong to the call, because callers count the fee that it names.
    pub(crate) fn check_receipt(
        &self,
        hash: B256,
        receipt: &TransactionReceipt,
    ) -> Result<(), L1Error> {
        let is_possible = receipt.transaction_hash == hash
            && receipt.gas_used <= self.gas_limit
            && receipt.effective_gas_price <= self.fees.fee_max;
        if is_possible {
            return Ok(());
        }
        let (used, price) = (receipt.gas_used, receipt.effective_gas_price);
        Err(L1Error::BadAnswer {
            what: format!("eth_getTransactionReceipt of {hash}"),
            reason: format!(
                "it is of {}, used {used} gas of {} at {price} wei of {} offered",
                receipt.transaction_hash, self.gas_limit, self.fees.fee_max
            ),
        })
    }
}

/// Fees that beat both what L1 asks for and a transaction of ours that holds the nonce.
pub(crate) fn outbid(first: &TxFees, held: &TxFees) -> TxFees {
    TxFees {
        fee_max: first.fee_max.max(held.fee_max),
        priority_fee: first.priority_fee.max(held.priority_fee),
        blob_fee: first.blob_fee.map(|fee| fee.max(held.blob_fee.unwrap_or_default())),
    }
}
