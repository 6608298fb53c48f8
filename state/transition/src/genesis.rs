//! Block 0: what the chain starts from.
//!
//! In: the chain's configuration and the accounts of `rollup.json`. Out: a sealed block without
//! transactions, or why there is none. A follower makes the same block from the same file. It
//! refuses accounts that no transaction can make and on whose state no later block can be sealed.

use alloc::{collections::BTreeMap, vec::Vec};
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use gainsay_derivation::{ChainConfig, GenesisAccount, output_root};
use revm::{
    bytecode::Bytecode,
    primitives::{KECCAK_EMPTY, eip170::MAX_CODE_SIZE},
};

use crate::{
    evm::{BlockContext, L1FeeParams},
    predeploys::{HISTORY_STORAGE, L1_BLOCK, MESSAGE_PASSER},
    seal::{SealedBlock, body_roots, header},
    state::StateDiff,
    trie::{Account, AccountChange, NodeSet, update_state},
};

/// Why accounts do not make a genesis.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GenesisError {
    /// The transition itself reads this contract.
    #[error("genesis has no code at {address} ({name}), expected the predeploy")]
    PredeployMissing {
        /// Address of the predeploy.
        address: Address,
        /// Name of the predeploy.
        name: &'static str,
    },
    /// Ethereum never has such an account. If its nonce and balance are zero too, one call deletes
    /// it, and no block can be sealed whose deleted accounts have storage (EIP-161, EIP-7610).
    #[error("genesis has storage but no code at {address}, expected code or no storage")]
    StorageWithoutCode {
        /// The account.
        address: Address,
    },
    /// Longer code than a transaction can deploy; code of more than 120,000 bytes could not be
    /// proven on L1.
    #[error("genesis has {len} bytes of code at {address}, expected at most {MAX_CODE_SIZE}")]
    CodeTooLong {
        /// The account.
        address: Address,
        /// Length of its code, bytes.
        len: usize,
    },
    /// Code that no transaction can deploy, and that the EVM may refuse to load.
    #[error("genesis has code at {address} that begins with 0xef and is no EIP-7702 delegation")]
    ReservedCode {
        /// The account.
        address: Address,
    },
    /// The trie refused the accounts.
    #[error("genesis state root: {reason}")]
    Trie {
        /// What the trie found.
        reason: alloc::string::String,
    },
}

/// Makes block 0.
///
/// # Errors
/// [`GenesisError`]: accounts or parameters that make no block.
// PROTOCOL.md GENESIS-1, GENESIS-2, GENESIS-4
pub fn genesis(
    config: &ChainConfig,
    timestamp: u64,
    alloc: &BTreeMap<Address, GenesisAccount>,
) -> Result<SealedBlock, GenesisError> {
    for (address, name) in [
        (L1_BLOCK, "L1Block"),
        (MESSAGE_PASSER, "L2ToL1MessagePasser"),
        (HISTORY_STORAGE, "EIP-2935 history storage"),
    ] {
        if alloc.get(&address).is_none_or(|account| account.code.is_empty()) {
            return Err(GenesisError::PredeployMissing { address, name });
        }
    }
    alloc.iter().try_for_each(|(address, account)| check_account(*address, account))?;
    let diff = genesis_diff(alloc);
    let state = update_state(&NodeSet::default(), alloy_trie::EMPTY_ROOT_HASH, &diff.accounts)
        .map_err(|error| GenesisError::Trie {
            reason: alloc::string::ToString::to_string(&error),
        })?;
    let message_passer_root =
        state.storage_roots.get(&MESSAGE_PASSER).copied().unwrap_or(alloy_trie::EMPTY_ROOT_HASH);
    let context = BlockContext {
        number: 0,
        timestamp,
        gas_limit: config.block_gas_limit,
        base_fee: config.initial_base_fee_wei.max(config.min_base_fee_wei),
    };
    let header = header(
        &context,
        0,
        0,
        B256::ZERO,
        state.state_root,
        message_passer_root,
        body_roots(&[], &[]),
    );
    let hash = header.hash_slow();
    Ok(SealedBlock {
        output_root: output_root(header.state_root, message_passer_root, hash),
        header,
        hash,
        transactions: Vec::new(),
        receipts: Vec::new(),
        diff,
        nodes: state.nodes,
        l1_fee_params: L1FeeParams::default(),
    })
}

/// Whether transactions could have made an account like this.
fn check_account(address: Address, account: &GenesisAccount) -> Result<(), GenesisError> {
    let GenesisAccount { code, storage, .. } = account;
    if code.is_empty() && storage.values().any(|value| !value.is_zero()) {
        return Err(GenesisError::StorageWithoutCode { address });
    }
    if code.len() > MAX_CODE_SIZE {
        return Err(GenesisError::CodeTooLong { address, len: code.len() });
    }
    match is_reserved(code) {
        true => Err(GenesisError::ReservedCode { address }),
        false => Ok(()),
    }
}

/// Code by [EIP-3541](https://eips.ethereum.org/EIPS/eip-3541) that does not delegate by
/// [EIP-7702](https://eips.ethereum.org/EIPS/eip-7702).
fn is_reserved(code: &Bytes) -> bool {
    let delegates = || Bytecode::new_raw_checked(code.clone()).is_ok_and(|code| code.is_eip7702());
    code.first() == Some(&0xef) && !delegates()
}

fn genesis_diff(alloc: &BTreeMap<Address, GenesisAccount>) -> StateDiff {
    let mut diff = StateDiff::default();
    for (address, genesis) in alloc {
        let code_hash = if genesis.code.is_empty() {
            KECCAK_EMPTY
        } else {
            let code_hash = keccak256(&genesis.code);
            diff.codes.push((code_hash, genesis.code.clone()));
            code_hash
        };
        let account = Account { nonce: genesis.nonce, balance: genesis.balance, code_hash };
        let storage = genesis
            .storage
            .iter()
            .map(|(slot, value)| (U256::from_be_bytes(slot.0), U256::from_be_bytes(value.0)))
            .filter(|(_, value)| !value.is_zero())
            .collect();
        diff.accounts.push(AccountChange { address: *address, account: Some(account), storage });
    }
    diff.codes.sort_unstable();
    diff.codes.dedup();
    diff
}
