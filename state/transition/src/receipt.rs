//! The receipt of one transaction with what consensus encoding leaves out.

use alloy_primitives::{Address, U256};
use op_alloy_consensus::OpReceiptEnvelope;

/// What one transaction did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The consensus receipt: status, cumulative gas, bloom, logs, deposit nonce.
    pub envelope: OpReceiptEnvelope,
    /// Gas that this transaction alone used.
    pub gas_used: u64,
    /// L1 data fee paid, in wei. Zero for deposits.
    pub l1_fee: U256,
    /// Price paid for a unit of L2 gas, in wei. Zero for deposits.
    pub effective_gas_price: u128,
    /// The address of the contract that the transaction created.
    pub contract_address: Option<Address>,
}
