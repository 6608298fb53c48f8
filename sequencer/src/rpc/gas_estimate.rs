//! The least gas limit with which a call succeeds, as geth searches for it.
//!
//! In: a prepared call. Out: a gas limit that is enough, and at most 1.5% above the least one.

use std::time::Instant;

use alloy_primitives::{TxKind, U256};
use op_revm::OpHaltReason;
use revm::context_interface::result::{ExecutionResult, HaltReason};

use super::{
    error::RpcError,
    simulate::{CallResult, Simulation, needs_more_gas, refusal, returned},
};

/// Gas of a transfer without data.
const TRANSFER_GAS: u64 = 21_000;
/// Gas that a call with value gives to the callee on top.
const CALL_STIPEND: u64 = 2_300;
/// The search ends when the range is below this part of its upper end: 15 / 1000.
const ERROR_PER_MILLE: u64 = 15;

/// Estimates the gas limit of a call, at most `gas_max`; starts no further run after `until`.
pub(super) fn estimate_gas(
    simulation: &mut Simulation,
    gas_max: u64,
    until: Instant,
    allowed_ms: u64,
) -> Result<u64, RpcError> {
    let wanted = simulation.gas_wanted.filter(|gas| *gas >= TRANSFER_GAS);
    let mut high = wanted.unwrap_or(gas_max).min(gas_max);
    // A caller that names a price must be able to pay the L1 data fee, too.
    let l1_fee = if simulation.fee_cap() > 0 { simulation.l1_fee()? } else { U256::ZERO };
    // What of it limits the gas, and is named when the gas is not enough.
    let mut l1_fee_paid = U256::ZERO;
    if let Some(allowance) = simulation.gas_allowance(l1_fee)?.filter(|gas| *gas < high) {
        (high, l1_fee_paid) = (allowance, l1_fee);
    }
    if is_plain_transfer(simulation)? && high >= TRANSFER_GAS {
        let result = simulation.run(TRANSFER_GAS).map_err(refusal)?;
        if result.is_success() {
            return Ok(TRANSFER_GAS);
        }
    }
    let first = match simulation.run(high) {
        Ok(result) => result,
        Err(error) if needs_more_gas(&error) => return Err(exceeds_allowance(high, l1_fee_paid)),
        Err(error) => return Err(refusal(error)),
    };
    if is_out_of_gas(&first) {
        return Err(exceeds_allowance(high, l1_fee_paid));
    }
    let (used, refunded) = (first.gas().tx_gas_used(), first.gas().inner_refunded());
    returned(first)?;
    // With less than what it used at the end it cannot do.
    let mut low = used.saturating_sub(1);
    // Enough in nearly all cases: refunds come late, and a call keeps 1/64 of its gas back.
    let optimistic = used.saturating_add(refunded).saturating_add(CALL_STIPEND);
    let mut next = optimistic.saturating_mul(64) / 63;
    if next >= high {
        next = middle(low, high);
    }
    while low.saturating_add(1) < high && (high - low) > high / 1_000 * ERROR_PER_MILLE {
        if Instant::now() > until {
            return Err(RpcError::TooSlow { what: "the estimate", allowed_ms });
        }
        if succeeds(simulation, next)? {
            high = next
        } else {
            low = next
        }
        next = middle(low, high);
    }
    Ok(high)
}

/// Most calls need little gas: the search leans to the lower end.
fn middle(low: u64, high: u64) -> u64 {
    let middle = low + (high - low) / 2;
    middle.min(low.saturating_mul(2)).max(low + 1)
}

fn succeeds(simulation: &mut Simulation, gas: u64) -> Result<bool, RpcError> {
    match simulation.run(gas) {
        Ok(result) => Ok(result.is_success()),
        Err(error) if needs_more_gas(&error) => Ok(false),
        Err(error) => Err(refusal(error)),
    }
}

/// Whether it sends value to an account without code, and nothing else.
fn is_plain_transfer(simulation: &mut Simulation) -> Result<bool, RpcError> {
    let tx = &simulation.tx.base;
    let TxKind::Call(to) = tx.kind else { return Ok(false) };
    if !tx.data.is_empty() || !tx.access_list.is_empty() || !tx.authorization_list.is_empty() {
        return Ok(false);
    }
    let state = &mut simulation.evm.0.ctx.journaled_state.database;
    let account = state.account(to)?.unwrap_or_default();
    Ok(account.code_hash == alloy_primitives::KECCAK256_EMPTY)
}

const fn is_out_of_gas(result: &CallResult) -> bool {
    matches!(
        result,
        ExecutionResult::Halt { reason: OpHaltReason::Base(HaltReason::OutOfGas(_)), .. }
    )
}

fn exceeds_allowance(gas: u64, l1_fee: U256) -> RpcError {
    let besides = match l1_fee.is_zero() {
        true => String::new(),
        false => format!(": the balance must also pay the L1 data fee of {l1_fee} wei"),
    };
    RpcError::Call(format!("gas required exceeds allowance ({gas}){besides}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_search_always_gets_on() {
        for (low, high) in [(0, 2), (1, 3), (20_999, 30_000_000), (10, 12), (0, 1 << 24)] {
            let (mut low, mut high) = (low, high);
            let mut runs = 0;
            while low + 1 < high {
                let next = middle(low, high);
                assert!(low < next && next < high, "{low} {next} {high}");
                if runs % 3 == 0 {
                    high = next
                } else {
                    low = next
                }
                runs += 1;
                assert!(runs < 100);
            }
        }
    }
}
