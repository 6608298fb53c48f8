//! What gas costs: now, next, and over the last blocks.
//!
//! In: headers, and tips that transactions paid. Out: prices in wei. Tips of a block are computed
//! once and kept.

use std::sync::Arc;

use alloy_eips::BlockNumberOrTag;
use alloy_primitives::{U64, U256};
use alloy_rpc_types_eth::FeeHistory;
use gainsay_store::StoredHeader;
use gainsay_transition::next_base_fee;

use super::{
    args::{Args, Count},
    error::RpcError,
    fee_cache::Tips,
    node::{Methods, RpcNode},
};

/// Tip to suggest while blocks have room: op-geth's minimum, 0.001 gwei.
const TIP_MIN_WEI: u128 = 1_000_000;
/// Price of a blob, although L2 takes no blobs: OP nodes answer the least price, too.
const BLOB_BASE_FEE_WEI: u128 = 1;
/// Percentiles of one `eth_feeHistory`, as in geth.
const PERCENTILES_MAX: usize = 100;

pub(super) fn register(methods: &mut Methods) {
    methods.read("eth_gasPrice", gas_price);
    methods.read("eth_maxPriorityFeePerGas", |node, _| suggested_tip(node).map(U256::from));
    methods.quick("eth_blobBaseFee", |_, _| Ok(U64::from(BLOB_BASE_FEE_WEI)));
    methods.read("eth_feeHistory", fee_history);
}

/// Tips of one block; `None` when it was taken back meanwhile.
fn tips(node: &RpcNode, header: &StoredHeader) -> Result<Option<Tips>, RpcError> {
    if let Some(tips) = node.fees.get(header.hash) {
        return Ok(Some(tips));
    }
    let base_fee = u128::from(header.header.base_fee_per_gas.unwrap_or_default());
    let receipts = node.of_block(header, |store, number| store.receipts(number))?;
    let Some(receipts) = receipts else { return Ok(None) };
    let mut tips: Vec<(u128, u64)> = receipts
        .iter()
        // Deposits are paid for on L1.
        .filter(|receipt| receipt.envelope.deposit_receipt_version().is_none())
        .map(|it| (it.effective_gas_price.saturating_sub(base_fee), it.gas_used))
        .collect();
    tips.sort_unstable();
    let tips: Tips = tips.into();
    node.fees.put(header.hash, Arc::clone(&tips));
    Ok(Some(tips))
}

/// The base fee of the block after this one.
pub(super) fn base_fee_after(node: &RpcNode, stored: &StoredHeader) -> u64 {
    let (config, header) = (&node.chain.rollup.chain, &stored.header);
    let base_fee = header.base_fee_per_gas.unwrap_or(config.min_base_fee_wei);
    next_base_fee(config, header.gas_used, header.gas_limit, base_fee)
}

fn gas_price(node: &RpcNode, _: &mut Args) -> Result<U256, RpcError> {
    let head = node.store().head_header()?;
    let base_fee = u128::from(base_fee_after(node, &head));
    Ok(U256::from(base_fee.saturating_add(suggested_tip(node)?)))
}

/// As op-geth: the least tip as long as blocks have room; when the last one was nearly full, a
/// tenth above its median.
fn suggested_tip(node: &RpcNode) -> Result<u128, RpcError> {
    let head = node.store().head_header()?;
    let gas_limit = head.header.gas_limit;
    let Some(tips) = tips(node, &head)? else { return Ok(TIP_MIN_WEI) };
    let largest = tips.iter().map(|(_, gas)| *gas).max().unwrap_or_default();
    let has_room = head.header.gas_used.saturating_add(largest) <= gas_limit;
    match tips.get(tips.len() / 2) {
        Some((median, _)) if !has_room => Ok((median + median / 10).max(TIP_MIN_WEI)),
        _ => Ok(TIP_MIN_WEI),
    }
}

fn fee_history(node: &RpcNode, args: &mut Args) -> Result<FeeHistory, RpcError> {
    let Count(count) = args.required()?;
    let count = count.min(node.limits.fee_history_blocks_max);
    let newest: BlockNumberOrTag = args.required()?;
    let percentiles: Vec<f64> = args.optional()?.unwrap_or_default();
    check_percentiles(&percentiles)?;
    if count == 0 {
        return Ok(FeeHistory { gas_used_ratio: Vec::new(), ..FeeHistory::default() });
    }
    let newest = node.header(Some(newest.into()))?;
    let oldest_block = newest.header.number.saturating_sub(count.saturating_sub(1));
    let mut history = FeeHistory { oldest_block, ..FeeHistory::default() };
    let mut rewards = Vec::new();
    for number in oldest_block..=newest.header.number {
        let header = match number == newest.header.number {
            true => Arc::clone(&newest),
            false => node.header(Some(BlockNumberOrTag::Number(number).into()))?,
        };
        let (gas_used, gas_limit) = (header.header.gas_used, header.header.gas_limit);
        history.base_fee_per_gas.push(header.header.base_fee_per_gas.unwrap_or_default().into());
        history.gas_used_ratio.push(ratio(gas_used, gas_limit));
        history.base_fee_per_blob_gas.push(BLOB_BASE_FEE_WEI);
        history.blob_gas_used_ratio.push(0.0);
        if !percentiles.is_empty() {
            let tips = tips(node, &header)?.unwrap_or_default();
            rewards.push(rewards_at(&tips, &percentiles));
        }
    }
    history.base_fee_per_gas.push(base_fee_after(node, &newest).into());
    history.base_fee_per_blob_gas.push(BLOB_BASE_FEE_WEI);
    history.reward = (!percentiles.is_empty()).then_some(rewards);
    Ok(history)
}

fn check_percentiles(percentiles: &[f64]) -> Result<(), RpcError> {
    if percentiles.len() > PERCENTILES_MAX {
        let (found, allowed) = (percentiles.len() as u64, PERCENTILES_MAX as u64);
        return Err(RpcError::LimitExceeded { what: "reward percentiles", found, allowed });
    }
    let mut before = 0.0;
    for (index, &percentile) in percentiles.iter().enumerate() {
        if !(0.0..=100.0).contains(&percentile) || percentile < before {
            return Err(RpcError::params(format!(
                "invalid reward percentile {percentile} at index {index}: expected rising numbers \
                 from 0 to 100"
            )));
        }
        before = percentile;
    }
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "a ratio shown to people")]
fn ratio(used: u64, limit: u64) -> f64 {
    if limit == 0 { 0.0 } else { used as f64 / limit as f64 }
}

/// The tip at each percentile of the block's gas; zero for a block without tips.
#[expect(clippy::cast_precision_loss, reason = "gas of one block, far below 2^53")]
fn rewards_at(tips: &[(u128, u64)], percentiles: &[f64]) -> Vec<u128> {
    let total: u64 = tips.iter().map(|(_, gas)| *gas).sum();
    let mut at = tips.iter();
    let (mut tip, mut gas) = at.next().copied().unwrap_or_default();
    let mut rewards = Vec::with_capacity(percentiles.len());
    for percentile in percentiles {
        let threshold = total as f64 * percentile / 100.0;
        while (gas as f64) < threshold {
            let Some((next, more)) = at.next() else { break };
            (tip, gas) = (*next, gas.saturating_add(*more));
        }
        rewards.push(tip);
    }
    rewards
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rewards_are_weighed_by_gas_and_never_missing() {
        assert_eq!(rewards_at(&[], &[0.0, 50.0, 100.0]), [0, 0, 0]);
        let tips = [(1, 10), (5, 80), (9, 10)];
        assert_eq!(rewards_at(&tips, &[0.0, 10.0, 11.0, 90.0, 91.0, 100.0]), [1, 1, 5, 5, 9, 9]);
    }

    #[test]
    fn percentiles_must_rise_within_bounds() {
        assert!(check_percentiles(&[0.0, 50.0, 50.0, 100.0]).is_ok());
        for bad in [&[-1.0][..], &[100.1], &[50.0, 40.0], &[f64::NAN]] {
            assert_eq!(check_percentiles(bad).unwrap_err().code(), -32602, "{bad:?}");
        }
    }
}
