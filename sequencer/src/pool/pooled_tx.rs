//! One transaction of the pool with the figures that it is sorted and checked by.

use alloy_consensus::Transaction as _;
use alloy_primitives::{Address, B256, U256};
use gainsay_transition::{L1FeeParams, RecoveredTx};

/// Memory of a transaction besides its bytes: envelope, allocation headers, index entries.
const OVERHEAD_BYTES: usize = 1_024;
/// The decoded envelope may take up to this many times the bytes that it was decoded from.
const DECODED_PER_ENCODED: usize = 3;
/// Unit of the scaled prices below: millionths (of the scalars) times millionths (of the size).
const L1_PRICE_SCALE: U256 = U256::from_limbs([1_000_000_000_000, 0, 0, 0]);

/// A transaction in the pool.
#[derive(Debug)]
pub struct PooledTx {
    /// The transaction.
    pub tx: RecoveredTx,
    /// Highest price for a unit of gas, in wei.
    pub fee_cap: u128,
    /// Highest tip for a unit of gas, in wei.
    pub tip_cap: u128,
    /// Position in the order of arrival: of two that pay the same, the earlier goes first.
    pub(crate) arrival: u64,
    /// Timestamp of the head when it arrived, in seconds.
    pub(crate) arrived_at: u64,
    /// `value + gas_limit * fee_cap`, in wei; without the L1 data fee, which changes with L1.
    pub(crate) l2_cost: U256,
}

impl PooledTx {
    /// Computes the figures of `tx`, which has yet to arrive.
    pub(crate) fn new(tx: RecoveredTx) -> Self {
        let envelope = &tx.envelope;
        let fee_cap = envelope.max_fee_per_gas();
        // A legacy or 2930 transaction tips whatever the base fee leaves of its price.
        let tip_cap = envelope.max_priority_fee_per_gas().unwrap_or(fee_cap);
        let gas_cost = U256::from(envelope.gas_limit()) * U256::from(fee_cap);
        let l2_cost = gas_cost.saturating_add(envelope.value());
        Self { tx, fee_cap, tip_cap, arrival: 0, arrived_at: 0, l2_cost }
    }

    /// The sender.
    #[must_use]
    pub const fn sender(&self) -> Address {
        self.tx.sender
    }

    /// The transaction's hash.
    #[must_use]
    pub const fn hash(&self) -> B256 {
        self.tx.hash
    }

    /// The transaction's nonce.
    #[must_use]
    pub fn nonce(&self) -> u64 {
        self.tx.envelope.nonce()
    }

    /// Wei a unit of gas that the sequencer earns at this base fee; `None` when it does not even
    /// pay the base fee.
    #[must_use]
    pub fn effective_tip(&self, base_fee: u64) -> Option<u128> {
        Some(self.fee_cap.checked_sub(u128::from(base_fee))?.min(self.tip_cap))
    }

    /// Wei that the sender must have for it: value, gas at the highest price, L1 data fee.
    pub(crate) fn cost(&self, l1_price: L1Price) -> U256 {
        self.l2_cost.saturating_add(self.l1_fee(l1_price))
    }

    /// Wei that it pays for its bytes on L1.
    pub(crate) fn l1_fee(&self, l1_price: L1Price) -> U256 {
        l1_price.fee(self.tx.l1_size)
    }

    /// Upper estimate of the memory that it takes.
    pub(crate) fn memory_bytes(&self) -> usize {
        OVERHEAD_BYTES + (1 + DECODED_PER_ENCODED) * self.tx.raw.len()
    }
}

/// Price of one byte on L1 at one head, scaled; see [`L1FeeParams::l1_fee`], whose formula
/// (OP Fjord) this splits so that a new L1 price needs no second look at the bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct L1Price(U256);

impl L1Price {
    fn fee(self, l1_size: u64) -> U256 {
        U256::from(l1_size).saturating_mul(self.0) / L1_PRICE_SCALE
    }
}

impl From<&L1FeeParams> for L1Price {
    fn from(params: &L1FeeParams) -> Self {
        let calldata = params
            .base_fee
            .saturating_mul(U256::from(16))
            .saturating_mul(U256::from(params.base_fee_scalar));
        let blob = params.blob_base_fee.saturating_mul(U256::from(params.blob_base_fee_scalar));
        Self(calldata.saturating_add(blob))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pool::test_chain::{TxPlan, wallet};

    #[test]
    fn the_l1_fee_is_the_one_that_the_transition_charges() {
        for (base_fee, blob_base_fee) in
            [(0_u64, 0_u64), (1, 1), (1_055_991_687, 1), (7, 90_000_000_000)]
        {
            let params = L1FeeParams {
                base_fee: U256::from(base_fee),
                blob_base_fee: U256::from(blob_base_fee),
                base_fee_scalar: 5_227,
                blob_base_fee_scalar: 1_014_213,
            };
            for data in [0, 1, 100, 5_000] {
                let plan = TxPlan {
                    data: (0..data).map(|i| u8::try_from(i * i / 7 % 256).unwrap()).collect(),
                    ..TxPlan::default()
                };
                let tx = plan.sign(&wallet(0));
                let raw = tx.raw.clone();
                let pooled = PooledTx::new(tx);
                let fee = pooled.cost(L1Price::from(&params)) - pooled.l2_cost;
                assert_eq!(fee, params.l1_fee(&raw), "{params:?} {data} bytes");
            }
        }
    }
}
