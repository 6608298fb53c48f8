//! What must hold for a transaction, whatever else is in the pool.
//!
//! In: the transaction, the chain's configuration, the limits; then its sender's account and code.
//! Out: a verdict. Free functions: no lock, no disk.

use alloy_consensus::Transaction as _;
use alloy_primitives::{Bytes, KECCAK256_EMPTY};
use gainsay_derivation::ChainConfig;
use gainsay_transition::{RecoveredTx, trie::Account, tx_env};
use op_revm::OpSpecId;
use revm::{context_interface::cfg::gas::calculate_initial_tx_gas_for_tx, primitives::eip3860};

use super::{error::PoolError, limits::PoolLimits};

/// Bytes of an [EIP-7702](https://eips.ethereum.org/EIPS/eip-7702) delegation: prefix, address.
const DELEGATION_LEN: usize = 23;
const DELEGATION_PREFIX: [u8; 3] = [0xef, 0x01, 0x00];

/// Checks the transaction by itself.
pub(crate) fn check_transaction(
    tx: &RecoveredTx,
    config: &ChainConfig,
    limits: &PoolLimits,
) -> Result<(), PoolError> {
    let envelope = &tx.envelope;
    if tx.is_deposit() {
        return Err(PoolError::Deposit);
    }
    check_size(&tx.raw, limits)?;
    match envelope.chain_id() {
        Some(found) if found != config.chain_id => {
            return Err(PoolError::WrongChainId { found, expected: config.chain_id });
        }
        None if !limits.allow_unprotected => return Err(PoolError::Unprotected),
        _ => {}
    }
    if envelope.nonce() == u64::MAX {
        return Err(PoolError::NonceMax { sender: tx.sender, nonce: envelope.nonce() });
    }
    if envelope.is_create() && envelope.input().len() > eip3860::MAX_INITCODE_SIZE {
        let (found, max) = (envelope.input().len(), eip3860::MAX_INITCODE_SIZE);
        return Err(PoolError::InitCodeSize { found, max });
    }
    if envelope.authorization_list().is_some_and(<[_]>::is_empty) {
        return Err(PoolError::EmptyAuthorizations);
    }
    check_fees(tx, config, limits)?;
    check_gas(tx, config, limits)
}

/// Checks the length, before anything is decoded.
pub(crate) const fn check_size(raw: &Bytes, limits: &PoolLimits) -> Result<(), PoolError> {
    let (found, max) = (raw.0.len(), limits.tx_bytes_max);
    if found > max { Err(PoolError::Oversized { found, max }) } else { Ok(()) }
}

fn check_fees(
    tx: &RecoveredTx,
    config: &ChainConfig,
    limits: &PoolLimits,
) -> Result<(), PoolError> {
    let fee_cap = tx.envelope.max_fee_per_gas();
    let tip = tx.envelope.max_priority_fee_per_gas().unwrap_or(fee_cap);
    if tip > fee_cap {
        return Err(PoolError::TipAboveFeeCap { tip, fee_cap });
    }
    let required = u128::from(config.min_base_fee_wei);
    if fee_cap < required {
        return Err(PoolError::FeeCapTooLow { found: fee_cap, required });
    }
    let required = limits.priority_fee_min_wei;
    if tip < required {
        return Err(PoolError::TipTooLow { found: tip, required });
    }
    Ok(())
}

fn check_gas(tx: &RecoveredTx, config: &ChainConfig, limits: &PoolLimits) -> Result<(), PoolError> {
    let found = tx.envelope.gas_limit();
    if found > config.block_gas_limit {
        return Err(PoolError::GasAboveBlock { found, max: config.block_gas_limit });
    }
    if found > limits.tx_gas_max {
        return Err(PoolError::GasAboveCap { found, max: limits.tx_gas_max });
    }
    // revm's own sum, so that the pool takes nothing that the EVM refuses.
    let gas = calculate_initial_tx_gas_for_tx(tx_env(tx), OpSpecId::KARST.into_eth_spec());
    if found < gas.initial_total_gas {
        return Err(PoolError::IntrinsicGas { found, required: gas.initial_total_gas });
    }
    if found < gas.floor_gas {
        return Err(PoolError::FloorGas { found, required: gas.floor_gas });
    }
    Ok(())
}

/// Checks that the sender may send at all (EIP-3607) and that the nonce is not used up. `code` is
/// called for accounts with code only.
pub(crate) fn check_sender<E: Into<PoolError>>(
    tx: &RecoveredTx,
    account: &Account,
    code: impl FnOnce() -> Result<Bytes, E>,
) -> Result<(), PoolError> {
    let found = tx.envelope.nonce();
    if found < account.nonce {
        return Err(PoolError::NonceTooLow { next: account.nonce, found });
    }
    if account.code_hash != KECCAK256_EMPTY {
        let code = code().map_err(Into::into)?;
        let delegated = code.len() == DELEGATION_LEN && code.starts_with(&DELEGATION_PREFIX);
        if !delegated && !code.is_empty() {
            let (sender, code_hash) = (tx.sender, account.code_hash);
            return Err(PoolError::SenderNotEoa { sender, code_hash });
        }
    }
    Ok(())
}
