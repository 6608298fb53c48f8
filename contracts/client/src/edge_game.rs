//! The EdgeGame contract, one function per move of a dispute.
//!
//! In: arguments as `IEdgeGame` names them. Out: receipts of confirmed transactions, and its
//! immutables. What to move is decided by the callers. Every move may be made twice: a call that
//! finds its work done succeeds.

use alloy::{providers::DynProvider, rpc::types::TransactionReceipt, sol_types::SolCall};
use alloy_primitives::{Address, B256, Bytes, U256};

use crate::{
    L1Client, L1Error,
    bindings::IEdgeGame::{
        self, Bisection, IEdgeGameInstance, Line, Position, Settlement, TimerUpdate,
    },
    transaction::L1Call,
    tx_sender::TxSender,
};

/// The EdgeGame at its address.
#[derive(Clone, Debug)]
pub struct EdgeGame {
    contract: IEdgeGameInstance<DynProvider>,
}

impl EdgeGame {
    /// The EdgeGame at `address`, which is the AssertionChain's `GAME`.
    #[must_use]
    pub fn new(client: &L1Client, address: Address) -> Self {
        Self { contract: IEdgeGame::new(address, client.provider().clone()) }
    }

    /// Address of the contract.
    #[must_use]
    pub const fn address(&self) -> Address {
        *self.contract.address()
    }

    /// Wei to lock for a tree of spans, and for one of steps.
    ///
    /// # Errors
    /// When L1 does not answer.
    pub async fn stakes(&self) -> Result<(U256, U256), L1Error> {
        let spans = self.contract.SPANS_STAKE().call().await;
        let steps = self.contract.STEPS_STAKE().call().await;
        let spans = spans.map_err(L1Error::view("SPANS_STAKE", self.address()))?;
        Ok((spans, steps.map_err(L1Error::view("STEPS_STAKE", self.address()))?))
    }

    /// Wei that movers are paid for each gas.
    ///
    /// # Errors
    /// When L1 does not answer.
    pub async fn gas_price(&self) -> Result<U256, L1Error> {
        let found = self.contract.GAS_PRICE().call().await;
        found.map_err(L1Error::view("GAS_PRICE", self.address()))
    }

    /// Address of the contract that judges one instruction.
    ///
    /// # Errors
    /// When L1 does not answer.
    pub async fn step_verifier(&self) -> Result<Address, L1Error> {
        let found = self.contract.STEP_VERIFIER().call().await;
        found.map_err(L1Error::view("STEP_VERIFIER", self.address()))
    }

    /// Splits edges in two.
    ///
    /// # Errors
    /// As [`TxSender::send`].
    pub async fn bisect(
        &self,
        sender: &TxSender,
        bisections: Vec<Bisection>,
    ) -> Result<TransactionReceipt, L1Error> {
        self.send(sender, &IEdgeGame::bisectManyCall { bisections }, U256::ZERO).await
    }

    /// Stakes on the run of the program on one block.
    ///
    /// # Errors
    /// As [`TxSender::send`].
    pub async fn open_spans(
        &self,
        sender: &TxSender,
        opening: IEdgeGame::openSpansCall,
        stake: U256,
    ) -> Result<TransactionReceipt, L1Error> {
        self.send(sender, &opening, stake).await
    }

    /// Stakes on the instructions of one span.
    ///
    /// # Errors
    /// As [`TxSender::send`].
    pub async fn open_steps(
        &self,
        sender: &TxSender,
        opening: IEdgeGame::openStepsCall,
        stake: U256,
    ) -> Result<TransactionReceipt, L1Error> {
        self.send(sender, &opening, stake).await
    }

    /// Executes one instruction.
    ///
    /// # Errors
    /// As [`TxSender::send`].
    pub async fn prove_step(
        &self,
        sender: &TxSender,
        position: Position,
        agreed: B256,
        witness: Bytes,
    ) -> Result<TransactionReceipt, L1Error> {
        let call = IEdgeGame::proveStepCall { position, agreed, witness };
        self.send(sender, &call, U256::ZERO).await
    }

    /// Says that claim 0 follows claim 0.
    ///
    /// # Errors
    /// As [`TxSender::send`].
    pub async fn prove_zero(
        &self,
        sender: &TxSender,
        position: Position,
    ) -> Result<TransactionReceipt, L1Error> {
        self.send(sender, &IEdgeGame::proveZeroCall { position }, U256::ZERO).await
    }

    /// Caches timers, those below first; then returns stakes of winners and takes those of losers;
    /// then pays the moves on lines of trees that have won.
    ///
    /// # Errors
    /// As [`TxSender::send`].
    pub async fn conclude(
        &self,
        sender: &TxSender,
        updates: Vec<TimerUpdate>,
        settlements: Vec<Settlement>,
        lines: Vec<Line>,
    ) -> Result<TransactionReceipt, L1Error> {
        let call = IEdgeGame::concludeCall { updates, settlements, lines };
        self.send(sender, &call, U256::ZERO).await
    }

    /// The generated bindings, for calls that this type does not wrap.
    #[must_use]
    pub const fn contract(&self) -> &IEdgeGameInstance<DynProvider> {
        &self.contract
    }

    async fn send(
        &self,
        sender: &TxSender,
        call: &impl SolCall,
        value: U256,
    ) -> Result<TransactionReceipt, L1Error> {
        sender.send(L1Call::new(self.address(), call.abi_encode()).with_value(value)).await
    }
}
