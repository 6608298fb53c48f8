//! Addresses that consensus names: predeploys at the OP addresses, and system callers.
//!
//! Source: <https://specs.optimism.io/protocol/predeploys.html>, EIP-2935.

use alloy_primitives::{Address, address};

/// Receives priority fees; every block's beneficiary.
pub const SEQUENCER_FEE_VAULT: Address = address!("4200000000000000000000000000000000000011");
/// Storage of L1 prices, written by fee-report deposits only.
pub const L1_BLOCK: Address = address!("4200000000000000000000000000000000000015");
/// Holds the commitments of withdrawals; its storage root is part of the output root.
pub const MESSAGE_PASSER: Address = address!("4200000000000000000000000000000000000016");
/// Receives base fees.
pub const BASE_FEE_VAULT: Address = address!("4200000000000000000000000000000000000019");
/// Receives L1 data fees.
pub const L1_FEE_VAULT: Address = address!("420000000000000000000000000000000000001a");
/// Ring buffer of parent hashes, [EIP-2935](https://eips.ethereum.org/EIPS/eip-2935).
pub const HISTORY_STORAGE: Address = address!("0000F90827F1C53a10cb7A02335B175320002935");
/// Slots of the EIP-2935 ring buffer.
pub const HISTORY_SERVE_WINDOW: u64 = 8191;
