//! One call on the state after a block, without a trace left behind.
//!
//! In: a state with overrides, the block's environment with overrides, and a call. Out: what the
//! EVM makes of the call at a gas limit, as often as asked. It is the EVM of the chain, with the
//! checks switched off that only a signed transaction can pass: nonce, sender without code, fees.

use std::time::{SystemTime, UNIX_EPOCH};

use alloy_consensus::{SignableTransaction, TxEip1559, TxEip7702};
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Address, B256, Signature, TxKind, U256};
use alloy_rpc_types_eth::{BlockOverrides, TransactionRequest, state::StateOverride};
use gainsay_derivation::ChainConfig;
use gainsay_store::{StateView, StoredHeader};
use gainsay_transition::{
    BlockContext, BlockState, HISTORY_SERVE_WINDOW, HISTORY_STORAGE, L1FeeParams, OpEvmOf,
    ReadError, build_evm, next_base_fee, trie::Account,
};
use op_revm::{OpHaltReason, OpTransaction, OpTransactionError};
use revm::{
    ExecuteEvm,
    context::{TxEnv, either::Either},
    context_interface::{
        ContextTr,
        result::{EVMError, ExecutionResult, HaltReason, InvalidTransaction},
    },
};

use super::{error::RpcError, state_override::OverriddenState};

/// The state that simulations run on.
pub(super) type SimulatedState = OverriddenState<StateView>;
/// What the EVM says when it refuses or fails.
pub(super) type SimulationError =
    EVMError<ReadError<gainsay_store::StoreError>, OpTransactionError>;
/// What the EVM says of a call that it ran.
pub(super) type CallResult = ExecutionResult<OpHaltReason>;

/// The block in which a call runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// The block whose state it reads, as `eth_call` has it.
    Block,
    /// The block that comes next: what is estimated now will run in another second, and contracts
    /// that look at the clock (Uniswap's price sums) then need more gas.
    NextBlock,
}

/// What a call runs on.
#[derive(Debug)]
pub(super) struct SimulationInput<'a> {
    pub(super) config: &'a ChainConfig,
    pub(super) header: &'a StoredHeader,
    pub(super) place: Place,
    pub(super) view: StateView,
    pub(super) request: TransactionRequest,
    pub(super) state_overrides: Option<StateOverride>,
    pub(super) block_overrides: Option<BlockOverrides>,
}

impl Place {
    /// The environment of the block, and the hash of its parent.
    fn context(self, config: &ChainConfig, header: &StoredHeader) -> (BlockContext, B256) {
        let StoredHeader { header, hash, .. } = header;
        let base_fee = header.base_fee_per_gas.unwrap_or_default();
        match self {
            Self::Block => {
                let context = BlockContext {
                    number: header.number,
                    timestamp: header.timestamp,
                    gas_limit: header.gas_limit,
                    base_fee,
                };
                (context, header.parent_hash)
            }
            Self::NextBlock => {
                let wall = SystemTime::now().duration_since(UNIX_EPOCH);
                let now = wall.map_or(0, |time| time.as_secs());
                let context = BlockContext {
                    number: header.number.saturating_add(1),
                    timestamp: now.max(header.timestamp.saturating_add(1)),
                    gas_limit: config.block_gas_limit,
                    base_fee: next_base_fee(config, header.gas_used, header.gas_limit, base_fee),
                };
                (context, *hash)
            }
        }
    }
}

/// A call, ready to be run.
pub(super) struct Simulation {
    pub(super) evm: OpEvmOf<SimulatedState>,
    pub(super) tx: OpTransaction<TxEnv>,
    /// The caller's account before the call.
    pub(super) caller: Account,
    /// Gas limit that the request names.
    pub(super) gas_wanted: Option<u64>,
}

impl Simulation {
    /// Prepares a call. The gas limit is left to [`Self::run`].
    pub(super) fn new(input: SimulationInput<'_>) -> Result<Self, RpcError> {
        let SimulationInput { config, header, view, request, .. } = input;
        let gas_wanted = request.gas;
        let mut tx = to_tx_env(request, config.chain_id)?;
        let overrides = input.block_overrides.unwrap_or_default();
        let state = OverriddenState::new(view, input.state_overrides.unwrap_or_default())?;
        let (context, parent_hash) = input.place.context(config, header);
        let number = context.number;
        let hashes = overrides.block_hash.clone().unwrap_or_default();
        let parent_hash = hashes.get(&number.wrapping_sub(1)).copied().unwrap_or(parent_hash);
        let mut state = BlockState::new(state, number, Box::new(move || parent_hash));
        for (number, hash) in hashes {
            // Where the EVM finds the hashes of blocks before the parent.
            let slot = U256::from(number % HISTORY_SERVE_WINDOW);
            state.set_storage(HISTORY_STORAGE, slot, hash.into())?;
        }
        let caller = state.account(tx.base.caller)?.unwrap_or_default();
        tx.base.nonce = caller.nonce;
        let mut evm = build_evm(config, &context, state);
        let is_priced = fee_cap(&tx.base) > 0;
        let cfg = &mut evm.0.ctx.cfg;
        cfg.disable_nonce_check = true;
        cfg.disable_eip3607 = true;
        cfg.disable_block_gas_limit = true;
        cfg.disable_fee_charge = true;
        cfg.disable_base_fee = !is_priced;
        cfg.tx_gas_limit_cap = Some(u64::MAX);
        override_block(&mut evm, overrides)?;
        if !is_priced {
            // As geth: a call that offers no price sees no base fee.
            evm.0.ctx.block.basefee = 0;
        }
        Ok(Self { evm, tx, caller, gas_wanted })
    }

    /// Highest price for a unit of gas that the caller offers; 0 when the call names none.
    pub(super) fn fee_cap(&self) -> u128 {
        fee_cap(&self.tx.base)
    }

    /// What the caller can pay for gas besides the value and the L1 data fee, in gas; `None` when
    /// the call names no price.
    pub(super) fn gas_allowance(&self, l1_fee: U256) -> Result<Option<u64>, RpcError> {
        let (balance, value) = (self.caller.balance, self.tx.base.value);
        let wanted = value.saturating_add(l1_fee);
        let Some(left) = balance.checked_sub(wanted) else {
            return Err(insufficient_funds(self.tx.base.caller, balance, wanted, l1_fee));
        };
        let fee_cap = U256::from(self.fee_cap());
        Ok((!fee_cap.is_zero()).then(|| (left / fee_cap).saturating_to()))
    }

    /// The gas limit for a call without one: at most `allowed`, and what the caller can pay for.
    pub(super) fn call_gas(&self, allowed: u64) -> Result<u64, RpcError> {
        let gas = self.gas_wanted.unwrap_or(allowed).min(allowed);
        match self.gas_allowance(U256::ZERO)? {
            Some(allowance) if allowance < gas && self.gas_wanted.is_some() => {
                let price = U256::from(self.fee_cap());
                let cost = price.saturating_mul(U256::from(gas)).saturating_add(self.tx.base.value);
                Err(insufficient_funds(self.tx.base.caller, self.caller.balance, cost, U256::ZERO))
            }
            Some(allowance) => Ok(gas.min(allowance)),
            None => Ok(gas),
        }
    }

    /// Wei that the call would pay for its bytes on L1, were it signed and sent.
    pub(super) fn l1_fee(&mut self) -> Result<U256, RpcError> {
        let raw = signed_size_model(&self.tx.base);
        let params = L1FeeParams::read(self.evm.0.ctx.db_mut());
        let params = params.map_err(|ReadError(error)| RpcError::from(error))?;
        Ok(params.l1_fee(&raw))
    }

    /// Runs the call with this gas limit. The state stays as it was.
    pub(super) fn run(&mut self, gas_limit: u64) -> Result<CallResult, SimulationError> {
        let mut tx = self.tx.clone();
        tx.base.gas_limit = gas_limit;
        match self.evm.transact(tx) {
            Ok(done) => Ok(done.result),
            Err(error) => {
                let _discarded = self.evm.finalize();
                Err(error)
            }
        }
    }
}

fn fee_cap(tx: &TxEnv) -> u128 {
    tx.gas_price.max(tx.gas_priority_fee.unwrap_or_default())
}

/// geth's words for a caller that cannot pay.
fn insufficient_funds(address: Address, have: U256, want: U256, l1_fee: U256) -> RpcError {
    let of_which = l1_fee_clause(l1_fee);
    RpcError::Call(format!(
        "insufficient funds for gas * price + value: address {address} have {have} want {want}\
         {of_which}"
    ))
}

/// Names the L1 data fee where it is a part of what is wanted.
pub(super) fn l1_fee_clause(l1_fee: U256) -> String {
    if l1_fee.is_zero() {
        return String::new();
    }
    format!(", of which {l1_fee} is the L1 data fee")
}

/// The request as revm takes it; the nonce and the gas limit are still to be set.
fn to_tx_env(request: TransactionRequest, chain_id: u64) -> Result<OpTransaction<TxEnv>, RpcError> {
    if request.max_fee_per_blob_gas.is_some()
        || request.blob_versioned_hashes.is_some()
        || request.sidecar.is_some()
    {
        return Err(RpcError::Call("transaction type not supported: blobs (0x03)".into()));
    }
    if let Some(found) = request.chain_id.filter(|found| *found != chain_id) {
        return Err(RpcError::params(format!(
            "chainId does not match node's (have={found}, want={chain_id})"
        )));
    }
    let is_dynamic =
        request.max_fee_per_gas.is_some() || request.max_priority_fee_per_gas.is_some();
    if request.gas_price.is_some() && is_dynamic {
        return Err(RpcError::params(
            "both gasPrice and (maxFeePerGas or maxPriorityFeePerGas) specified",
        ));
    }
    let data = request.input.try_into_unique_input().map_err(|_| {
        RpcError::params("both \"data\" and \"input\" are set and not equal: use \"input\"")
    })?;
    let authorizations = request.authorization_list.unwrap_or_default();
    let tx_type = match () {
        () if !authorizations.is_empty() => 4,
        () if is_dynamic => 2,
        () if request.access_list.is_some() => 1,
        () => 0,
    };
    let base = TxEnv {
        tx_type,
        caller: request.from.unwrap_or_default(),
        gas_limit: 0,
        gas_price: request.gas_price.or(request.max_fee_per_gas).unwrap_or_default(),
        gas_priority_fee: match tx_type {
            2 | 4 => Some(request.max_priority_fee_per_gas.unwrap_or_default()),
            _ => None,
        },
        kind: request.to.unwrap_or(TxKind::Create),
        value: request.value.unwrap_or_default(),
        data: data.unwrap_or_default(),
        nonce: 0,
        chain_id: Some(chain_id),
        access_list: request.access_list.unwrap_or_default(),
        authorization_list: authorizations.into_iter().map(Either::Left).collect(),
        blob_hashes: Vec::new(),
        max_fee_per_blob_gas: 0,
    };
    // No bytes on L1: a call pays no L1 data fee.
    Ok(OpTransaction { base, enveloped_tx: Some(Default::default()), deposit: Default::default() })
}

fn override_block(
    evm: &mut OpEvmOf<SimulatedState>,
    overrides: BlockOverrides,
) -> Result<(), RpcError> {
    let block = &mut evm.0.ctx.block;
    block.number = overrides.number.unwrap_or(block.number);
    block.difficulty = overrides.difficulty.unwrap_or(block.difficulty);
    block.timestamp = overrides.time.map_or(block.timestamp, U256::from);
    block.gas_limit = overrides.gas_limit.unwrap_or(block.gas_limit);
    block.beneficiary = overrides.coinbase.unwrap_or(block.beneficiary);
    block.prevrandao = overrides.random.or(block.prevrandao);
    if let Some(base_fee) = overrides.base_fee {
        block.basefee = base_fee
            .try_into()
            .map_err(|_| RpcError::params(format!("baseFee {base_fee} does not fit 64 bits")))?;
    }
    if let (Some(fee), Some(blob)) = (overrides.blob_base_fee, &mut block.blob_excess_gas_and_price)
    {
        blob.blob_gasprice = fee.saturating_to();
    }
    Ok(())
}

/// Bytes of about the size and entropy that the call would have as a signed transaction.
fn signed_size_model(tx: &TxEnv) -> Vec<u8> {
    let half = |seed: u8| U256::from_be_bytes(alloy_primitives::keccak256([seed]).0);
    let signature = Signature::new(half(1), half(2), true);
    let chain_id = tx.chain_id.unwrap_or_default();
    // A gas limit is not known yet; three bytes are usual.
    let gas_limit = 0x0f_4240;
    let max_priority_fee_per_gas = tx.gas_priority_fee.unwrap_or(tx.gas_price);
    let (nonce, max_fee_per_gas, value) = (tx.nonce, tx.gas_price, tx.value);
    let (access_list, input) = (tx.access_list.clone(), tx.data.clone());
    let authorization_list: Vec<_> =
        tx.authorization_list.iter().filter_map(|it| it.clone().left()).collect();
    match tx.kind {
        TxKind::Call(to) if !authorization_list.is_empty() => TxEip7702 {
            chain_id,
            nonce,
            gas_limit,
            max_fee_per_gas,
            max_priority_fee_per_gas,
            to,
            value,
            access_list,
            authorization_list,
            input,
        }
        .into_signed(signature)
        .encoded_2718(),
        to => TxEip1559 {
            chain_id,
            nonce,
            gas_limit,
            max_fee_per_gas,
            max_priority_fee_per_gas,
            to,
            value,
            access_list,
            input,
        }
        .into_signed(signature)
        .encoded_2718(),
    }
}

/// What the EVM's refusal means to a client, in geth's words.
pub(super) fn refusal(error: SimulationError) -> RpcError {
    let invalid = match error {
        EVMError::Transaction(OpTransactionError::Base(invalid)) => invalid,
        EVMError::Database(ReadError(error)) => return error.into(),
        other => return RpcError::Internal(other.to_string()),
    };
    RpcError::Call(match invalid {
        InvalidTransaction::CallGasCostMoreThanGasLimit { initial_gas, gas_limit } => {
            format!("intrinsic gas too low: have {gas_limit}, want {initial_gas}")
        }
        InvalidTransaction::GasFloorMoreThanGasLimit { gas_floor, gas_limit } => {
            format!("insufficient gas for floor data gas cost: have {gas_limit}, want {gas_floor}")
        }
        InvalidTransaction::PriorityFeeGreaterThanMaxFee => {
            "max priority fee per gas higher than max fee per gas".into()
        }
        InvalidTransaction::GasPriceLessThanBasefee => {
            "max fee per gas less than block base fee".into()
        }
        InvalidTransaction::CreateInitCodeSizeLimit => "max initcode size exceeded".into(),
        InvalidTransaction::LackOfFundForMaxFee { fee, balance } => {
            format!("insufficient funds for gas * price + value: have {balance} want {fee}")
        }
        other => other.to_string(),
    })
}

/// geth's words for a call that used up its gas or broke a rule.
pub(super) fn halt_message(reason: &OpHaltReason) -> String {
    let OpHaltReason::Base(reason) = reason else { return "failed deposit".into() };
    match reason {
        HaltReason::OutOfGas(_) => "out of gas".into(),
        HaltReason::OpcodeNotFound | HaltReason::InvalidFEOpcode => "invalid opcode".into(),
        HaltReason::OutOfFunds => "insufficient balance for transfer".into(),
        HaltReason::StateChangeDuringStaticCall | HaltReason::CallNotAllowedInsideStatic => {
            "write protection".into()
        }
        HaltReason::CreateCollision => "contract address collision".into(),
        HaltReason::CreateContractSizeLimit => "max code size exceeded".into(),
        HaltReason::CallTooDeep => "max call depth exceeded".into(),
        other => other.to_string(),
    }
}

/// The bytes that a call returned, or why it did not.
pub(super) fn returned(result: CallResult) -> Result<alloy_primitives::Bytes, RpcError> {
    match result {
        ExecutionResult::Success { output, .. } => Ok(output.into_data()),
        ExecutionResult::Revert { output, .. } => Err(RpcError::Reverted(output)),
        ExecutionResult::Halt { reason, .. } => Err(RpcError::Call(halt_message(&reason))),
    }
}

/// Whether the EVM refused for lack of gas alone, so that more gas may help.
pub(super) const fn needs_more_gas(error: &SimulationError) -> bool {
    matches!(
        error,
        EVMError::Transaction(OpTransactionError::Base(
            InvalidTransaction::CallGasCostMoreThanGasLimit { .. }
                | InvalidTransaction::GasFloorMoreThanGasLimit { .. }
        ))
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_that_contradict_themselves_are_refused() {
        let refuse = |json: &str| {
            let request: TransactionRequest = serde_json::from_str(json).unwrap();
            to_tx_env(request, 7).unwrap_err()
        };
        let both = refuse(r#"{"gasPrice":"0x1","maxFeePerGas":"0x1"}"#);
        assert_eq!(both.code(), -32602);
        assert!(both.to_string().starts_with("both gasPrice and"), "{both}");
        assert_eq!(refuse(r#"{"data":"0x01","input":"0x02"}"#).code(), -32602);
        let chain = refuse(r#"{"chainId":"0x8"}"#).to_string();
        assert_eq!(chain, "chainId does not match node's (have=8, want=7)");
        let blobs = refuse(r#"{"maxFeePerBlobGas":"0x1"}"#);
        assert!(blobs.to_string().starts_with("transaction type not supported"), "{blobs}");
    }

    #[test]
    fn the_size_model_is_as_long_as_a_signed_transfer() {
        let request: TransactionRequest = serde_json::from_str(
            r#"{"to":"0x00000000000000000000000000000000000000ff","value":"0xde0b6b3a7640000"}"#,
        )
        .unwrap();
        let tx = to_tx_env(request, 42_069).unwrap();
        let len = signed_size_model(&tx.base).len();
        assert!((105..=125).contains(&len), "{len}");
    }
}
