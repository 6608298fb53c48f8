//! The accounts and slots that a call touches, as an
//! [EIP-2930](https://eips.ethereum.org/EIPS/eip-2930) list.
//!
//! In: a prepared call. Out: the list with which it is cheapest to warm them up. The call is run
//! with the list of the run before until the list stays the same.

use std::collections::{BTreeMap, BTreeSet};

use alloy_eips::eip2930::{AccessList, AccessListItem};
use alloy_primitives::{Address, B256, TxKind, map::AddressSet};
use revm::{
    ExecuteEvm, InspectEvm, Inspector,
    bytecode::opcode,
    interpreter::{
        Interpreter,
        interpreter_types::{InputsTr, Jumps},
    },
};

use super::{
    error::RpcError,
    simulate::{CallResult, Simulation, refusal},
};

/// Runs after which the list is taken as it is: a call may behave differently each time.
const RUNS_MAX: usize = 8;

/// The list, and what became of the call with it.
pub(super) fn find(
    mut simulation: Simulation,
    gas_limit: u64,
) -> Result<(AccessList, CallResult), RpcError> {
    let excluded = excluded(&mut simulation);
    let Simulation { evm, mut tx, .. } = simulation;
    let mut evm = evm.with_inspector(Touched::default());
    tx.base.gas_limit = gas_limit;
    let mut runs = 0;
    loop {
        runs += 1;
        let result = evm.inspect_one_tx(tx.clone());
        let _discarded = evm.finalize();
        let result = result.map_err(refusal)?;
        let list = std::mem::take(&mut evm.0.inspector).into_list(&excluded);
        if list == tx.base.access_list || runs == RUNS_MAX {
            return Ok((tx.base.access_list, result));
        }
        tx.base.access_list = list;
        // A legacy transaction has no place for a list.
        tx.base.tx_type = tx.base.tx_type.max(1);
    }
}

/// Accounts that are warm anyway: caller, callee or created contract, precompiles, and accounts
/// that are delegated by the call.
fn excluded(simulation: &mut Simulation) -> AddressSet {
    let tx = &simulation.tx.base;
    let mut excluded = AddressSet::default();
    excluded.insert(tx.caller);
    excluded.insert(match tx.kind {
        TxKind::Call(to) => to,
        TxKind::Create => tx.caller.create(simulation.caller.nonce),
    });
    excluded.extend(tx.authorization_list.iter().filter_map(|authorization| {
        authorization.as_ref().left().and_then(|it| it.recover_authority().ok())
    }));
    excluded.insert(simulation.evm.0.ctx.block.beneficiary);
    let precompiles = revm::handler::PrecompileProvider::<
        op_revm::OpContext<gainsay_transition::BlockState<super::simulate::SimulatedState>>,
    >::warm_addresses(&simulation.evm.0.precompiles);
    excluded.extend(precompiles);
    excluded
}

/// Collects what the call touches.
#[derive(Clone, Debug, Default)]
pub(super) struct Touched(BTreeMap<Address, BTreeSet<B256>>);

impl Touched {
    fn into_list(self, excluded: &AddressSet) -> AccessList {
        let items = self
            .0
            .into_iter()
            // A warm account with slots is listed for its slots.
            .filter(|(address, slots)| !slots.is_empty() || !excluded.contains(address))
            .map(|(address, slots)| AccessListItem {
                address,
                storage_keys: slots.into_iter().collect(),
            });
        AccessList(items.collect())
    }
}

impl<C> Inspector<C> for Touched {
    fn step(&mut self, interpreter: &mut Interpreter, _: &mut C) {
        let peek = |depth: usize| interpreter.stack.peek(depth).ok();
        match interpreter.bytecode.opcode() {
            opcode::SLOAD | opcode::SSTORE => {
                if let Some(slot) = peek(0) {
                    let address = interpreter.input.target_address();
                    self.0.entry(address).or_default().insert(slot.into());
                }
            }
            opcode::EXTCODECOPY
            | opcode::EXTCODEHASH
            | opcode::EXTCODESIZE
            | opcode::BALANCE
            | opcode::SELFDESTRUCT => {
                if let Some(word) = peek(0) {
                    self.0.entry(Address::from_word(word.into())).or_default();
                }
            }
            opcode::CALL | opcode::CALLCODE | opcode::DELEGATECALL | opcode::STATICCALL => {
                if let Some(word) = peek(1) {
                    self.0.entry(Address::from_word(word.into())).or_default();
                }
            }
            _ => {}
        }
    }
}
