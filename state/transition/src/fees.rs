//! The base fee of a block: EIP-1559 with a floor.

use gainsay_derivation::ChainConfig;

/// The base fee, in wei, of the block after one with these values.
///
/// [EIP-1559](https://eips.ethereum.org/EIPS/eip-1559) with the chain's elasticity and
/// denominator, never below `min_base_fee_wei`.
// PROTOCOL.md FEE-1
#[must_use]
pub fn next_base_fee(config: &ChainConfig, gas_used: u64, gas_limit: u64, base_fee: u64) -> u64 {
    let params = alloy_eips::eip1559::BaseFeeParams::new(
        u128::from(config.base_fee_change_denominator.max(1)),
        u128::from(config.elasticity.max(1)),
    );
    params.next_block_base_fee(gas_used, gas_limit, base_fee).max(config.min_base_fee_wei)
}
