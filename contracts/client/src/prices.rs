//! What a move of the right side is paid, in gas: the constants of `contracts/src/game/Prices.sol`.
//!
//! In: the height of a level. Out: the most gas that all moves against one tree of a loser cost
//! there, and the least stake that pays them. It knows no gas price: a chain fixes its own.

use alloy_primitives::U256;

/// A proposal.
pub const PROPOSAL_GAS: u64 = 400_000;
/// A bisection.
pub const BISECTION_GAS: u64 = 165_000;
/// `openSpans`, `openSteps` or `proveZero`.
pub const OPENING_GAS: u64 = 450_000;
/// The most expensive `proveStep`.
pub const PROOF_GAS: u64 = 15_000_000;
/// To settle or collect one stake.
pub const CLOSING_GAS: u64 = 300_000;

/// Gas that is paid at most for all that one loser's tree forces, at the levels "blocks" and
/// "spans".
#[must_use]
// PROTOCOL.md GAME-17
pub fn answers_gas(height: u8) -> u64 {
    u64::from(height) * BISECTION_GAS + OPENING_GAS + CLOSING_GAS
}

/// Gas that is paid at most for all that one loser's tree forces at the level "steps", with the
/// proof at its end.
#[must_use]
pub fn step_answers_gas(height: u8) -> u64 {
    u64::from(height) * BISECTION_GAS + PROOF_GAS + CLOSING_GAS
}

/// The least stake of which half pays so much gas.
#[must_use]
pub fn stake_for(gas: u64, gas_price_wei: u64) -> U256 {
    U256::from(gas) * U256::from(gas_price_wei) * U256::from(2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices_are_those_of_the_contract() {
        let contract = include_str!("../../src/game/Prices.sol");
        let constants = [
            ("PROPOSAL", PROPOSAL_GAS),
            ("BISECTION", BISECTION_GAS),
            ("OPENING", OPENING_GAS),
            ("PROOF", PROOF_GAS),
            ("CLOSING", CLOSING_GAS),
        ];
        for (name, gas) in constants {
            let line = contract.lines().find(|line| line.contains(&format!(" {name} = "))).unwrap();
            let digits: String = line.chars().filter(char::is_ascii_digit).collect();
            // The type has digits, too.
            assert_eq!(digits, format!("256{gas}"), "{line}");
        }
        assert_eq!(answers_gas(16), 16 * 165_000 + 750_000);
        assert_eq!(stake_for(step_answers_gas(20), 50), U256::from(1_860_000_000_u64));
    }
}
