//! The StepVerifier contract: one call that executes one instruction.
//!
//! In: the hash of a state and the witness of its next step. Out: the hash of the state after it,
//! and the gas of a transaction that asks. Both are dry runs: nothing is sent.

use alloy::{
    network::TransactionBuilder,
    providers::{DynProvider, Provider},
};
use alloy_primitives::{Address, B256, Bytes};

use crate::{
    L1Client, L1Error,
    bindings::{
        IHasOracle,
        IStepVerifier::{self, IStepVerifierInstance},
    },
};

/// Most gas of an L1 transaction, [EIP-7825](https://eips.ethereum.org/EIPS/eip-7825): what a step
/// may cost.
pub const STEP_GAS_MAX: u64 = 1 << 24;

/// The StepVerifier at its address.
#[derive(Clone, Debug)]
pub struct StepVerifier {
    contract: IStepVerifierInstance<DynProvider>,
}

impl StepVerifier {
    /// The StepVerifier at `address`.
    #[must_use]
    pub fn new(client: &L1Client, address: Address) -> Self {
        Self { contract: IStepVerifier::new(address, client.provider().clone()) }
    }

    /// Address of the contract.
    #[must_use]
    pub const fn address(&self) -> Address {
        *self.contract.address()
    }

    /// Address of its PreimageOracle.
    ///
    /// # Errors
    /// When L1 does not answer.
    pub async fn oracle(&self) -> Result<Address, L1Error> {
        let contract = IHasOracle::new(self.address(), self.contract.provider().clone());
        let found = contract.ORACLE().call().await;
        found.map_err(L1Error::view("ORACLE", self.address()))
    }

    /// The hash of the state after the one with hash `pre`.
    ///
    /// # Errors
    /// [`L1Error::Reverted`] when it refuses the witness, or needs more gas than one transaction
    /// may have.
    pub async fn step(&self, pre: B256, witness: Bytes) -> Result<B256, L1Error> {
        let call = self.contract.step(pre, witness).gas(STEP_GAS_MAX);
        call.call().await.map_err(L1Error::view("StepVerifier.step", self.address()))
    }

    /// Gas of a transaction that takes this step, calldata and its floor included.
    ///
    /// # Errors
    /// As [`Self::step`].
    pub async fn step_gas(&self, pre: B256, witness: Bytes) -> Result<u64, L1Error> {
        let call = self.contract.step(pre, witness).into_transaction_request();
        let call = call.with_gas_limit(STEP_GAS_MAX);
        let gas = self.contract.provider().estimate_gas(call).await;
        gas.map_err(|source| L1Error::revert_or("eth_estimateGas", "StepVerifier.step", source))
    }
}
