//! Calls that leave no trace: `eth_call`, `eth_estimateGas`, `eth_createAccessList`.
//!
//! In: a call, a block, overrides. Out: what it returns, how much gas it needs, what it touches.

use std::time::{Duration, Instant};

use alloy_eips::{BlockId, eip2930::AccessListResult};
use alloy_primitives::{Bytes, U64, U256};
use alloy_rpc_types_eth::{BlockOverrides, TransactionRequest, state::StateOverride};
use revm::context_interface::result::ExecutionResult;

use super::{
    access_list,
    args::Args,
    error::RpcError,
    gas_estimate::estimate_gas,
    node::{Methods, RpcNode},
    revert::revert_message,
    simulate::{Place, Simulation, SimulationInput, halt_message, refusal, returned},
};

/// Gas limit of any transaction, [EIP-7825](https://eips.ethereum.org/EIPS/eip-7825).
const TRANSACTION_GAS_MAX: u64 = 1 << 24;

pub(super) fn register(methods: &mut Methods) {
    methods.call("eth_call", call);
    methods.call("eth_estimateGas", estimate);
    methods.call("eth_createAccessList", create_access_list);
}

/// Prepares the call that the parameters ask for. `at_head` says in which block it runs when they
/// name the head or no block.
fn simulation(node: &RpcNode, args: &mut Args, at_head: Place) -> Result<Simulation, RpcError> {
    let request: TransactionRequest = args.required()?;
    let id: Option<BlockId> = args.optional()?;
    let state_overrides: Option<StateOverride> = args.optional()?;
    let block_overrides: Option<BlockOverrides> = args.optional()?;
    let (header, view) = node.state(id)?;
    let (config, header) = (&node.chain.rollup.chain, &*header);
    let is_head = header.header.number == node.store().head().number;
    Simulation::new(SimulationInput {
        config,
        header,
        place: if is_head { at_head } else { Place::Block },
        view,
        request,
        state_overrides,
        block_overrides,
    })
}

fn call(node: &RpcNode, args: &mut Args) -> Result<Bytes, RpcError> {
    let mut simulation = simulation(node, args, Place::Block)?;
    let gas_limit = simulation.call_gas(node.limits.call_gas_max)?;
    returned(simulation.run(gas_limit).map_err(refusal)?)
}

fn estimate(node: &RpcNode, args: &mut Args) -> Result<U64, RpcError> {
    let mut simulation = simulation(node, args, Place::NextBlock)?;
    let gas_max = transaction_gas_max(node, &simulation);
    let allowed_ms = node.limits.request_time_ms_max;
    let until = Instant::now() + Duration::from_millis(allowed_ms);
    estimate_gas(&mut simulation, gas_max, until, allowed_ms).map(U64::from)
}

/// The highest gas limit with which a transaction can be included.
fn transaction_gas_max(node: &RpcNode, simulation: &Simulation) -> u64 {
    let block = simulation.evm.0.ctx.block.gas_limit;
    block.min(TRANSACTION_GAS_MAX).min(node.limits.call_gas_max)
}

fn create_access_list(node: &RpcNode, args: &mut Args) -> Result<AccessListResult, RpcError> {
    let simulation = simulation(node, args, Place::NextBlock)?;
    let gas_limit = simulation.call_gas(transaction_gas_max(node, &simulation))?;
    let (access_list, result) = access_list::find(simulation, gas_limit)?;
    let gas_used = U256::from(result.gas().tx_gas_used());
    let error = match result {
        ExecutionResult::Success { .. } => None,
        ExecutionResult::Revert { output, .. } => Some(revert_message(&output)),
        ExecutionResult::Halt { reason, .. } => Some(halt_message(&reason)),
    };
    Ok(AccessListResult { access_list, gas_used, error })
}
