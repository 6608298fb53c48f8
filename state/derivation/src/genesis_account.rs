//! An account of the state that a chain starts from, as `rollup.json` holds it.

use alloc::collections::BTreeMap;
use alloy_primitives::{B256, Bytes, U256};
use serde::{Deserialize, Serialize};

/// One account of the genesis state.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GenesisAccount {
    /// Wei.
    pub balance: U256,
    /// Transactions sent, or 1 for contracts (EIP-161).
    #[serde(skip_serializing_if = "is_zero")]
    pub nonce: u64,
    /// Deployed code.
    #[serde(skip_serializing_if = "no_bytes")]
    pub code: Bytes,
    /// Storage, slot to value.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub storage: BTreeMap<B256, B256>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
const fn is_zero(value: &u64) -> bool {
    *value == 0
}

fn no_bytes(bytes: &Bytes) -> bool {
    bytes.is_empty()
}
