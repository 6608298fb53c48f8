//! Runs the transactions of one block, one by one.
//!
//! In: the chain's configuration, the parent header, the block's time, a reader of the parent
//! state; then deposits and transactions in order. Out: an [`ExecutedBlock`]: receipts and state
//! difference, still without roots, so that a sequencer may go on while they are computed.
//! A transaction that turns out invalid leaves the state as it was.

use alloc::{boxed::Box, string::ToString, vec::Vec};
use alloy_consensus::{Header, Transaction as _};
use alloy_primitives::{B256, U256};
use gainsay_derivation::{ChainConfig, Deposit};
use op_alloy_consensus::OpReceiptEnvelope;
use op_revm::{OpHaltReason, OpTransactionError, transaction::error};
use revm::{
    ExecuteCommitEvm,
    context::either::Either,
    context_interface::{
        ContextTr,
        result::{EVMError, ExecutionResult, InvalidTransaction},
    },
};

use crate::{
    block_state::{BlockState, ReadError},
    evm::{BlockContext, L1FeeParams, OpEvmOf, build_evm, created_address, tx_env},
    fees::next_base_fee,
    precompiles::PrecompileReader,
    receipt::{Receipt, set_blooms, take_logs},
    state::StateDiff,
    transaction::{RecoveredTx, prove_authority},
};

/// Why a transaction cannot stand in this block at this place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTx {
    /// Its gas limit is above what is left of the block's.
    #[error("gas limit {gas_limit} exceeds the {gas_left} gas left in the block")]
    BlockGasExceeded {
        /// Gas limit of the transaction.
        gas_limit: u64,
        /// Gas left in the block.
        gas_left: u64,
    },
    /// A deposit came where only signed transactions may stand, or after one of them.
    #[error("a deposit may stand only at the head of a block")]
    DepositOutOfPlace,
    /// The account's nonce is already above the transaction's.
    #[error("nonce too low: transaction has {tx}, account is at {state}")]
    NonceTooLow {
        /// Nonce of the transaction.
        tx: u64,
        /// Nonce of the account.
        state: u64,
    },
    /// The account's nonce is below the transaction's.
    #[error("nonce too high: transaction has {tx}, account is at {state}")]
    NonceTooHigh {
        /// Nonce of the transaction.
        tx: u64,
        /// Nonce of the account.
        state: u64,
    },
    /// The transaction breaks another rule that revm checks before it runs one.
    #[error("{reason}")]
    Rejected {
        /// revm's words.
        reason: alloc::string::String,
    },
}

impl From<OpTransactionError> for InvalidTx {
    fn from(error: OpTransactionError) -> Self {
        match error {
            error::OpTransactionError::Base(InvalidTransaction::NonceTooLow { tx, state }) => {
                Self::NonceTooLow { tx, state }
            }
            error::OpTransactionError::Base(InvalidTransaction::NonceTooHigh { tx, state }) => {
                Self::NonceTooHigh { tx, state }
            }
            other => Self::Rejected { reason: other.to_string() },
        }
    }
}

/// Why a transaction was not executed.
#[derive(Debug, thiserror::Error)]
pub enum ExecuteError<E: core::error::Error + Send + Sync + 'static> {
    /// The transaction is at fault; the block goes on without it.
    #[error("invalid transaction: {0}")]
    Invalid(InvalidTx),
    /// The parent state could not be read; the block cannot be built now.
    #[error("state read failed: {0}")]
    Read(#[source] E),
    /// revm failed in a way that no transaction can cause.
    #[error("EVM failure: {reason}")]
    Evm {
        /// revm's words.
        reason: alloc::string::String,
    },
}

/// The result of one transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TxOutcome {
    /// Whether the transaction neither reverted nor halted.
    pub success: bool,
    /// Gas that the transaction used.
    pub gas_used: u64,
}

/// A block whose transactions have run; its roots are still to be computed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExecutedBlock {
    /// Number, time, gas limit and base fee.
    pub context: BlockContext,
    /// The last slot that the chain took up to the block: its own, unless it takes none.
    pub slot: u64,
    /// Deposits first, then signed transactions.
    pub transactions: Vec<RecoveredTx>,
    /// One receipt for each transaction, in the same order.
    pub receipts: Vec<Receipt>,
    /// Gas used by all transactions.
    pub gas_used: u64,
    /// What the block changed.
    pub diff: StateDiff,
    /// L1 prices by which the block's L1 data fees were charged.
    pub l1_fee_params: L1FeeParams,
}

/// The last slot that the chain took up to a block.
// PROTOCOL.md BLOCK-5
#[must_use]
pub fn slot_of(header: &Header) -> u64 {
    header.extra_data.first_chunk().map_or(0, |slot| u64::from_be_bytes(*slot))
}

/// Executes one block.
pub struct BlockExecutor<R: PrecompileReader> {
    evm: OpEvmOf<R>,
    context: BlockContext,
    slot: u64,
    transactions: Vec<RecoveredTx>,
    receipts: Vec<Receipt>,
    gas_used: u64,
    l1_fee_params: L1FeeParams,
}

impl<R: PrecompileReader> core::fmt::Debug for BlockExecutor<R> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("BlockExecutor")
            .field("context", &self.context)
            .field("transactions", &self.transactions.len())
            .field("gas_used", &self.gas_used)
            .finish_non_exhaustive()
    }
}

impl<R: PrecompileReader> BlockExecutor<R> {
    /// Starts the block after `parent`, at `timestamp` or the parent's time if that is later.
    ///
    /// Only `number`, `timestamp`, `gas_limit`, `gas_used`, `base_fee_per_gas` and `extra_data` of
    /// `parent` are read, so that its roots may still be missing. `parent_hash` is called when a
    /// transaction asks for it, and at the end.
    // PROTOCOL.md BLOCK-1, DERIVE-3, DERIVE-8
    #[must_use]
    pub fn new(
        config: &ChainConfig,
        parent: &Header,
        timestamp: u64,
        reader: R,
        parent_hash: Box<dyn Fn() -> B256 + Send + Sync>,
    ) -> Self {
        let timestamp = timestamp.max(parent.timestamp);
        let context = BlockContext {
            number: parent.number.saturating_add(1),
            timestamp,
            gas_limit: config.block_gas_limit,
            base_fee: next_base_fee(
                config,
                parent.gas_used,
                parent.gas_limit,
                parent.base_fee_per_gas.unwrap_or(config.min_base_fee_wei),
            ),
        };
        let state = BlockState::new(reader, context.number, parent_hash);
        Self {
            evm: build_evm(config, &context, state),
            context,
            slot: config.next_slot(slot_of(parent), timestamp),
            transactions: Vec::new(),
            receipts: Vec::new(),
            gas_used: 0,
            l1_fee_params: L1FeeParams::default(),
        }
    }

    /// Says that the sequencer did not write the block, so that it takes no slot after `parent`.
    // PROTOCOL.md DERIVE-8
    #[must_use]
    pub fn without_slot(mut self, parent: &Header) -> Self {
        self.slot = slot_of(parent);
        self
    }

    /// The environment of the block.
    #[must_use]
    pub const fn context(&self) -> &BlockContext {
        &self.context
    }

    /// Gas that further transactions may use.
    #[must_use]
    pub const fn gas_left(&self) -> u64 {
        self.context.gas_limit.saturating_sub(self.gas_used)
    }

    /// Transactions executed so far.
    #[must_use]
    pub fn transactions(&self) -> &[RecoveredTx] {
        &self.transactions
    }

    /// Executes a deposit. The block includes it even if it fails.
    ///
    /// # Errors
    /// When the parent state cannot be read.
    pub fn execute_deposit(
        &mut self,
        deposit: &Deposit,
    ) -> Result<TxOutcome, ExecuteError<R::Error>> {
        self.execute_deposit_tx(RecoveredTx::from_deposit(deposit.to_transaction()))
    }

    /// Executes a deposit that is a transaction already, as blocks hold it.
    ///
    /// # Errors
    /// When the parent state cannot be read.
    // PROTOCOL.md BLOCK-4, TX-4
    pub fn execute_deposit_tx(
        &mut self,
        tx: RecoveredTx,
    ) -> Result<TxOutcome, ExecuteError<R::Error>> {
        if !tx.is_deposit() || self.transactions.last().is_some_and(|last| !last.is_deposit()) {
            return Err(ExecuteError::Invalid(InvalidTx::DepositOutOfPlace));
        }
        self.run(tx)
    }

    /// Executes a signed transaction; `Invalid` leaves the block as it was.
    ///
    /// # Errors
    /// [`ExecuteError::Invalid`], and when the parent state cannot be read.
    // PROTOCOL.md BLOCK-4, TX-3
    pub fn execute(&mut self, tx: RecoveredTx) -> Result<TxOutcome, ExecuteError<R::Error>> {
        if tx.is_deposit() {
            return Err(ExecuteError::Invalid(InvalidTx::DepositOutOfPlace));
        }
        let (gas_limit, gas_left) = (tx.envelope.gas_limit(), self.gas_left());
        if gas_limit > gas_left {
            return Err(ExecuteError::Invalid(InvalidTx::BlockGasExceeded { gas_limit, gas_left }));
        }
        self.run(tx)
    }

    fn run(&mut self, tx: RecoveredTx) -> Result<TxOutcome, ExecuteError<R::Error>> {
        let nonce = match tx.is_deposit() {
            true => self
                .evm
                .0
                .ctx
                .db_mut()
                .account(tx.sender)
                .map_err(ExecuteError::Read)?
                .map_or(0, |account| account.nonce),
            false => tx.envelope.nonce(),
        };
        let prices = &mut self.evm.0.ctx.chain;
        // After the first signed transaction the handler holds the block's prices.
        if !tx.is_deposit() && prices.l2_block == Some(U256::from(self.context.number)) {
            let fee = L1FeeParams::from(&*prices).l1_fee_of_size(tx.l1_size);
            prices.tx_l1_cost = Some(fee);
        }
        let mut env = tx_env(&tx);
        if R::PROVES_PRECOMPILES {
            let reader = self.evm.0.ctx.db_mut().reader();
            for authorization in &mut env.base.authorization_list {
                if let Either::Left(signed) = authorization {
                    let proven = prove_authority(signed.clone(), reader);
                    *authorization = Either::Right(proven.map_err(ExecuteError::Read)?);
                }
            }
        }
        let result = self.evm.transact_commit(env).map_err(|error| match error {
            EVMError::Transaction(error) => ExecuteError::Invalid(error.into()),
            EVMError::Database(ReadError(error)) => ExecuteError::Read(error),
            other => ExecuteError::Evm { reason: other.to_string() },
        });
        if result.is_err() {
            // What the transaction loaded or deducted before it was found invalid is dropped.
            let _discarded = revm::ExecuteEvm::finalize(&mut self.evm);
        }
        let result = result?;
        let outcome = TxOutcome { success: result.is_success(), gas_used: result.tx_gas_used() };
        self.gas_used = self.gas_used.saturating_add(outcome.gas_used);
        let receipt = self.receipt(&tx, nonce, result);
        self.receipts.push(receipt);
        self.transactions.push(tx);
        Ok(outcome)
    }

    // PROTOCOL.md BLOCK-6
    fn receipt(
        &mut self,
        tx: &RecoveredTx,
        nonce: u64,
        result: ExecutionResult<OpHaltReason>,
    ) -> Receipt {
        let (success, gas_used) = (result.is_success(), result.tx_gas_used());
        let is_deposit = tx.is_deposit();
        if !is_deposit {
            self.l1_fee_params = L1FeeParams::from(&self.evm.0.ctx.chain);
        }
        let mut envelope = OpReceiptEnvelope::from_parts(
            success,
            self.gas_used,
            [],
            tx.envelope.tx_type(),
            is_deposit.then_some(nonce),
            // Version 1: the deposit nonce is part of the receipt's hash (OP Canyon).
            is_deposit.then_some(1),
        );
        if success {
            take_logs(&mut envelope, result.into_logs());
        }
        Receipt {
            envelope,
            gas_used,
            l1_fee: if is_deposit {
                U256::ZERO
            } else {
                self.l1_fee_params.l1_fee_of_size(tx.l1_size)
            },
            effective_gas_price: tx.effective_gas_price(self.context.base_fee),
            contract_address: (success && tx.envelope.is_create())
                .then(|| created_address(tx.sender, nonce)),
        }
    }

    /// Ends the block: collects what it changed. Waits for the parent's hash.
    ///
    /// # Errors
    /// When the parent state cannot be read.
    // PROTOCOL.md BLOCK-3
    pub fn finish(mut self) -> Result<ExecutedBlock, R::Error> {
        set_blooms(&mut self.receipts);
        let mut state = self.evm.0.ctx.journaled_state.database;
        let l1_fee_params = match L1FeeParams::read(&mut state) {
            Ok(params) => params,
            Err(ReadError(error)) => return Err(error),
        };
        Ok(ExecutedBlock {
            context: self.context,
            slot: self.slot,
            transactions: self.transactions,
            receipts: self.receipts,
            gas_used: self.gas_used,
            diff: state.into_diff()?,
            l1_fee_params,
        })
    }
}
