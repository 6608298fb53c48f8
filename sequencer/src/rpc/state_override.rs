//! A state with some of its accounts replaced, for simulations.
//!
//! In: a state, and the overrides of a request. Out: reads that see the overrides first. The state
//! itself is never changed.

use alloy_primitives::{
    Address, B256, Bytes, U256, keccak256,
    map::{AddressMap, B256HashMap, B256Map, HashMap},
};
use alloy_rpc_types_eth::state::{AccountOverride, StateOverride};
use gainsay_transition::{PrecompileReader, StateReader, trie::Account};

use super::error::RpcError;

/// Storage slots that the overrides of one request may name, over all accounts.
const SLOTS_MAX: usize = 100_000;

/// A state under overrides.
#[derive(Debug)]
pub(super) struct OverriddenState<R> {
    base: R,
    accounts: AddressMap<Overridden>,
    codes: B256Map<Bytes>,
}

#[derive(Debug)]
struct Overridden {
    account: Account,
    slots: HashMap<U256, U256>,
    /// Whether slots that are not named are zero, instead of what the state says.
    replaces_storage: bool,
}

impl<R: StateReader> OverriddenState<R>
where
    RpcError: From<R::Error>,
{
    /// `base` under `overrides`.
    pub(super) fn new(base: R, overrides: StateOverride) -> Result<Self, RpcError> {
        let mut state = Self { base, accounts: AddressMap::default(), codes: B256Map::default() };
        let mut slots = 0;
        for (address, account) in overrides {
            slots += account.state.as_ref().map_or(0, |it| it.len());
            slots += account.state_diff.as_ref().map_or(0, |it| it.len());
            if slots > SLOTS_MAX {
                let (found, allowed) = (slots as u64, SLOTS_MAX as u64);
                return Err(RpcError::LimitExceeded { what: "overridden slots", found, allowed });
            }
            state.replace(address, account)?;
        }
        Ok(state)
    }

    fn replace(&mut self, address: Address, wanted: AccountOverride) -> Result<(), RpcError> {
        if wanted.move_precompile_to.is_some() {
            return Err(RpcError::params(format!(
                "account {address}: movePrecompileToAddress is not supported"
            )));
        }
        let (replaces_storage, slots) = match (wanted.state, wanted.state_diff) {
            (Some(_), Some(_)) => {
                return Err(RpcError::params(format!(
                    "account {address} has both 'state' and 'stateDiff'"
                )));
            }
            (Some(all), None) => (true, to_slots(all)),
            (None, Some(some)) => (false, to_slots(some)),
            (None, None) => (false, HashMap::default()),
        };
        let mut account = self.base.account(address)?.unwrap_or_default();
        account.balance = wanted.balance.unwrap_or(account.balance);
        account.nonce = wanted.nonce.unwrap_or(account.nonce);
        if let Some(code) = wanted.code {
            account.code_hash = keccak256(&code);
            self.codes.insert(account.code_hash, code);
        }
        self.accounts.insert(address, Overridden { account, slots, replaces_storage });
        Ok(())
    }
}

fn to_slots(slots: B256HashMap<B256>) -> HashMap<U256, U256> {
    slots.into_iter().map(|(slot, value)| (slot.into(), value.into())).collect()
}

impl<R: StateReader> StateReader for OverriddenState<R> {
    type Error = R::Error;

    fn account(&self, address: Address) -> Result<Option<Account>, R::Error> {
        match self.accounts.get(&address) {
            Some(overridden) => Ok(Some(overridden.account)),
            None => self.base.account(address),
        }
    }

    fn storage(&self, address: Address, slot: U256) -> Result<U256, R::Error> {
        match self.accounts.get(&address) {
            Some(overridden) => match overridden.slots.get(&slot) {
                Some(value) => Ok(*value),
                None if overridden.replaces_storage => Ok(U256::ZERO),
                None => self.base.storage(address, slot),
            },
            None => self.base.storage(address, slot),
        }
    }

    fn code(&self, code_hash: B256) -> Result<Bytes, R::Error> {
        match self.codes.get(&code_hash) {
            Some(code) => Ok(code.clone()),
            None => self.base.code(code_hash),
        }
    }
}

impl<R: PrecompileReader> PrecompileReader for OverriddenState<R> {}
