//! What a transaction on L1 offers to pay, and whether blobs or calldata are cheaper.
//!
//! In: the fees that L1 asks for now and our limits. Out: fee fields of a transaction, the fees of
//! its replacement, and cost estimates. Pure arithmetic but for [`L1Client::fees`] and
//! [`L1Client::fees_with_blobs`].

use alloy::{
    eips::{BlockNumberOrTag, eip4844::DATA_GAS_PER_BLOB},
    providers::Provider,
};
use tracing::debug;

use crate::{L1Client, L1Error, error::error_payload};
use futures::future::BoxFuture;

/// Percent by which every fee of a replacement must exceed the old one in public mempools.
const BUMP_PERCENT: u128 = 10;
/// Percent by which every fee of a replacement must exceed the old one if it carries blobs.
const BLOB_BUMP_PERCENT: u128 = 100;
/// Gas of any transaction before its data.
const BASE_GAS: u64 = 21_000;
/// <https://eips.ethereum.org/EIPS/eip-7623>: gas per token of data, and its floor.
const STANDARD_TOKEN_GAS: u64 = 4;
const FLOOR_TOKEN_GAS: u64 = 10;
/// Tokens in a data byte that is not zero.
const NONZERO_BYTE_TOKENS: u64 = 4;
/// Gas that the Inbox itself burns to append a batch, for either kind; measured on anvil.
const POST_BATCH_EXECUTION_GAS: u64 = 94_000;

const GWEI: u128 = 1_000_000_000;
/// Offered where the L1 node suggests nothing; replacements raise it.
const PRIORITY_FEE_UNSUGGESTED: u128 = GWEI;

/// What L1 asks for at its latest block, all in wei per (blob) gas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct L1Fees {
    /// Base fee of the latest block.
    pub base_fee: u128,
    /// Blob base fee of the next block; none if it was not asked for, or the node cannot say.
    pub blob_base_fee: Option<u128>,
    /// Priority fee that the node suggests.
    pub priority_fee: u128,
}

/// Limits on what we pay, all in wei per (blob) gas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FeeLimits {
    /// Lowest priority fee offered.
    pub priority_fee_min: u128,
    /// Highest `max_fee_per_gas` ever offered, also after bumps.
    pub fee_max: u128,
    /// Lowest `max_fee_per_blob_gas` offered. A cheap guard against a rising price.
    pub blob_fee_min: u128,
    /// Highest `max_fee_per_blob_gas` ever offered.
    pub blob_fee_max: u128,
}

impl Default for FeeLimits {
    fn default() -> Self {
        Self {
            priority_fee_min: GWEI / 100,
            fee_max: 1_000 * GWEI,
            blob_fee_min: GWEI,
            blob_fee_max: 10_000 * GWEI,
        }
    }
}

/// The fee fields of one transaction, in wei per (blob) gas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TxFees {
    /// `max_fee_per_gas`.
    pub fee_max: u128,
    /// `max_priority_fee_per_gas`.
    pub priority_fee: u128,
    /// `max_fee_per_blob_gas` of a transaction that carries blobs.
    pub blob_fee: Option<u128>,
}

impl L1Client {
    /// The price of a transaction without blobs in the next L1 block.
    ///
    /// # Errors
    /// When L1 does not answer.
    pub fn fees(&self) -> BoxFuture<'_, Result<L1Fees, L1Error>> {
        Box::pin(async move {
            let (base_fee, priority_fee) =
                futures::try_join!(self.latest_base_fee(), self.priority_fee())?;
            Ok(L1Fees { base_fee, blob_base_fee: None, priority_fee })
        })
    }

    /// As [`Self::fees`], with the price of blobs if the node knows it.
    ///
    /// # Errors
    /// When L1 does not answer.
    pub fn fees_with_blobs(&self) -> BoxFuture<'_, Result<L1Fees, L1Error>> {
        Box::pin(async move {
            let (fees, blob_base_fee) = futures::try_join!(self.fees(), self.blob_base_fee())?;
            Ok(L1Fees { blob_base_fee, ..fees })
        })
    }

    async fn priority_fee(&self) -> Result<u128, L1Error> {
        match self.provider().get_max_priority_fee_per_gas().await {
            Ok(fee) => Ok(fee),
            Err(error) if error_payload(&error).is_some() => {
                debug!(%error, "L1 node suggests no priority fee");
                Ok(PRIORITY_FEE_UNSUGGESTED)
            }
            Err(source) => Err(L1Error::Transport { what: "eth_maxPriorityFeePerGas", source }),
        }
    }

    async fn blob_base_fee(&self) -> Result<Option<u128>, L1Error> {
        let error = match self.provider().get_blob_base_fee().await {
            Ok(fee) => return Ok(Some(fee)),
            Err(error) => error,
        };
        if error_payload(&error).is_none() {
            return Err(L1Error::Transport { what: "eth_blobBaseFee", source: error });
        }
        debug!(%error, "L1 node does not name the blob base fee, asking for its history");
        match self.provider().get_fee_history(1, BlockNumberOrTag::Latest, &[]).await {
            Ok(history) => Ok(history.next_block_blob_base_fee()),
            Err(error) if error_payload(&error).is_some() => Ok(None),
            Err(source) => Err(L1Error::Transport { what: "eth_feeHistory", source }),
        }
    }
}

impl L1Fees {
    /// Cost in wei of posting `data` as calldata of one batch.
    #[must_use]
    pub fn calldata_cost(&self, data: &[u8]) -> u128 {
        let zeros = data.iter().filter(|byte| **byte == 0).count() as u64;
        let tokens = zeros + NONZERO_BYTE_TOKENS * (data.len() as u64 - zeros);
        let standard = STANDARD_TOKEN_GAS * tokens + POST_BATCH_EXECUTION_GAS;
        self.gas_cost(BASE_GAS + standard.max(FLOOR_TOKEN_GAS * tokens))
    }

    /// Cost in wei of posting one batch in `blob_count` blobs; none if the price of blobs is not
    /// known.
    #[must_use]
    pub fn blob_cost(&self, blob_count: usize) -> Option<u128> {
        let blob_gas = DATA_GAS_PER_BLOB as u128 * blob_count as u128;
        let cost = blob_gas.saturating_mul(self.blob_base_fee?);
        Some(self.gas_cost(BASE_GAS + POST_BATCH_EXECUTION_GAS).saturating_add(cost))
    }

    const fn gas_cost(&self, gas: u64) -> u128 {
        (gas as u128).saturating_mul(self.base_fee.saturating_add(self.priority_fee))
    }
}

impl TxFees {
    /// Fees of a first broadcast: room for the base fee to double (six full blocks).
    #[must_use]
    pub fn first(asked: &L1Fees, limits: &FeeLimits, carries_blobs: bool) -> Self {
        let priority_fee = asked.priority_fee.max(limits.priority_fee_min).min(limits.fee_max);
        let fee_max = asked.base_fee.saturating_mul(2).saturating_add(priority_fee);
        Self {
            fee_max: fee_max.min(limits.fee_max),
            priority_fee,
            blob_fee: carries_blobs.then(|| {
                let doubled = asked.blob_base_fee.unwrap_or_default().saturating_mul(2);
                doubled.max(limits.blob_fee_min).min(limits.blob_fee_max)
            }),
        }
    }

    /// Fees of a replacement that mempools accept in place of `self`, never below what L1 asks for
    /// now; `None` when a limit forbids it.
    #[must_use]
    pub fn bumped(&self, asked: &L1Fees, limits: &FeeLimits) -> Option<Self> {
        let percent = if self.blob_fee.is_some() { BLOB_BUMP_PERCENT } else { BUMP_PERCENT };
        let fresh = Self::first(asked, limits, self.blob_fee.is_some());
        let next = Self {
            fee_max: raise(self.fee_max, percent).max(fresh.fee_max),
            priority_fee: raise(self.priority_fee, percent).max(fresh.priority_fee),
            blob_fee: self
                .blob_fee
                .map(|fee| raise(fee, percent).max(fresh.blob_fee.unwrap_or_default())),
        };
        let within = next.fee_max <= limits.fee_max
            && next.blob_fee.is_none_or(|fee| fee <= limits.blob_fee_max);
        within.then_some(next)
    }

    /// The most wei that a transaction with these fees can cost besides its value.
    #[must_use]
    pub fn cost_max(&self, gas_limit: u64, blob_count: usize) -> u128 {
        let blob_gas = DATA_GAS_PER_BLOB as u128 * blob_count as u128;
        let blob_cost = blob_gas.saturating_mul(self.blob_fee.unwrap_or_default());
        u128::from(gas_limit).saturating_mul(self.fee_max).saturating_add(blob_cost)
    }
}

/// The smallest fee that is at least `percent` above `fee`.
const fn raise(fee: u128, percent: u128) -> u128 {
    fee.saturating_add(fee.saturating_mul(percent).div_ceil(100)).saturating_add(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ASKED: L1Fees =
        L1Fees { base_fee: 10 * GWEI, blob_base_fee: Some(3 * GWEI), priority_fee: GWEI };

    #[test]
    fn replacements_exceed_by_what_mempools_demand() {
        let limits = FeeLimits::default();
        for carries_blobs in [false, true] {
            let percent = if carries_blobs { 200 } else { 110 };
            let mut fees = TxFees::first(&ASKED, &limits, carries_blobs);
            while let Some(next) = fees.bumped(&ASKED, &limits) {
                assert!(next.fee_max * 100 >= fees.fee_max * percent);
                assert!(next.priority_fee * 100 >= fees.priority_fee * percent);
                assert!(next.priority_fee <= next.fee_max);
                match (next.blob_fee, fees.blob_fee) {
                    (Some(next), Some(old)) => assert!(next * 100 >= old * percent),
                    (next, old) => assert!(next.is_none() && old.is_none()),
                }
                fees = next;
            }
            assert!(fees.fee_max <= limits.fee_max);
            assert!(fees.fee_max * 2 * 100 > limits.fee_max * 99 || carries_blobs);
        }
    }

    #[test]
    fn a_replacement_follows_a_risen_base_fee() {
        let limits = FeeLimits::default();
        let fees = TxFees::first(&ASKED, &limits, false);
        let risen = L1Fees { base_fee: 100 * GWEI, ..ASKED };
        let next = fees.bumped(&risen, &limits).unwrap();
        assert!(next.fee_max >= 201 * GWEI, "{next:?}");
    }

    #[test]
    fn cheaper_kind_follows_the_blob_price() {
        let data = vec![1; 100_000];
        let with_blobs_at = |price| L1Fees { blob_base_fee: price, ..ASKED };
        let cheap_blobs = with_blobs_at(Some(1));
        assert!(cheap_blobs.blob_cost(1).unwrap() < cheap_blobs.calldata_cost(&data));
        let dear_blobs = with_blobs_at(Some(1_000 * GWEI));
        assert!(dear_blobs.blob_cost(1).unwrap() > dear_blobs.calldata_cost(&data));
        assert_eq!(with_blobs_at(None).blob_cost(1), None);
        // A short batch never pays for a whole blob unless blobs cost next to nothing.
        let small = [1; 100];
        assert!(ASKED.calldata_cost(&small) < ASKED.blob_cost(1).unwrap());
    }

    #[test]
    fn calldata_pays_the_floor_of_eip_7623() {
        let unit = L1Fees { base_fee: 1, blob_base_fee: None, priority_fee: 0 };
        assert_eq!(unit.calldata_cost(&[1; 100_000]), 21_000 + 40 * 100_000);
        assert_eq!(
            unit.calldata_cost(&[0; 100]),
            21_000 + u128::from(POST_BATCH_EXECUTION_GAS + 4 * 100)
        );
    }
}
