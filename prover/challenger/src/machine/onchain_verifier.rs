//! The deployed contracts as a judge: the bytecode that forge built, in an EVM of its own under the
//! rules of L1 (Osaka: code size, gas of a transaction, calldata floor).
//!
//! In: the hash of a state and the witness of its next step. Out: what `StepVerifier` says, and the
//! gas of the whole transaction that would ask it on L1.
//! Contracts are deployed once; each call is a transaction that changes nothing.

use std::{fmt, path::Path};

use alloy_primitives::{Address, B256, Bytes, TxKind};
use alloy_sol_types::{SolCall, SolValue};
use gainsay_l1::{bindings::IStepVerifier::stepCall, init_code};
use revm::{
    Context, ExecuteCommitEvm, ExecuteEvm, MainBuilder, MainContext, MainnetEvm,
    context::{TxEnv, result::ExecutionResult},
    database::InMemoryDB,
    handler::MainnetContext,
    primitives::hardfork::SpecId,
};

use crate::{ChallengerError, machine::StepRefusal};

/// Most gas of an L1 transaction: <https://eips.ethereum.org/EIPS/eip-7825>.
pub const TX_GAS_MAX: u64 = 1 << 24;

/// Who sends the calls. It needs no ether: gas is free here, but metered.
const CALLER: Address = Address::repeat_byte(0xca);

/// The init code of the two contracts, for any number of verifiers.
#[derive(Clone, Debug)]
pub struct VerifierCode {
    preimage_oracle: Bytes,
    /// Without its argument, the address of the oracle.
    step_verifier: Bytes,
}

impl VerifierCode {
    /// Reads forge's artifacts.
    ///
    /// # Errors
    /// [`gainsay_l1::L1Error::File`] when one is missing or does not fit.
    pub fn load(artifacts: &Path) -> Result<Self, ChallengerError> {
        Ok(Self {
            preimage_oracle: init_code(artifacts, "PreimageOracle", "()", &[])?,
            step_verifier: init_code(artifacts, "StepVerifier", "(address oracle)", &[])?,
        })
    }
}

/// What the contract says about one witness.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The hash of the next state, or why there is none.
    pub post_state_hash: Result<B256, StepRefusal>,
    /// Gas of the whole transaction, calldata and its floor included.
    pub gas: u64,
}

/// `StepVerifier` and `PreimageOracle` on an L1 of their own.
pub struct OnchainVerifier {
    evm: MainnetEvm<MainnetContext<InMemoryDB>>,
    step_verifier: Address,
}

impl fmt::Debug for OnchainVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let address = self.step_verifier;
        f.debug_struct("OnchainVerifier").field("step_verifier", &address).finish_non_exhaustive()
    }
}

impl OnchainVerifier {
    /// Deploys both contracts.
    ///
    /// # Errors
    /// [`ChallengerError::Undeployable`] when L1 would refuse one of them.
    pub fn deploy(code: &VerifierCode) -> Result<Self, ChallengerError> {
        let mut evm = Context::mainnet()
            .with_db(InMemoryDB::default())
            .modify_cfg_chained(|cfg| {
                cfg.set_spec_and_mainnet_gas_params(SpecId::OSAKA);
                // Calls are the caller's first transaction, again and again.
                cfg.disable_nonce_check = true;
            })
            .build_mainnet();
        let mut create = |contract, init_code: Bytes| {
            let undeployable = |reason| ChallengerError::Undeployable { contract, reason };
            let transaction = transaction(TxKind::Create, init_code);
            let result = evm.transact_commit(transaction);
            let result = result.map_err(|error| undeployable(format!("{error:?}")))?;
            let address = result.created_address().filter(|_| result.is_success());
            address.ok_or_else(|| undeployable(format!("{result:?}")))
        };
        let oracle = create("PreimageOracle", code.preimage_oracle.clone())?;
        let verifier = [code.step_verifier.as_ref(), &oracle.abi_encode()].concat();
        let step_verifier = create("StepVerifier", verifier.into())?;
        Ok(Self { evm, step_verifier })
    }

    /// Asks for the state after the one with hash `pre_state_hash`.
    ///
    /// # Errors
    /// [`ChallengerError::UnprovableStep`] when the transaction exceeds the limits of L1.
    pub fn verify(
        &mut self,
        pre_state_hash: B256,
        witness: &[u8],
    ) -> Result<Verdict, ChallengerError> {
        let call = stepCall { preStateHash: pre_state_hash, witness: witness.to_vec().into() };
        let transaction = transaction(TxKind::Call(self.step_verifier), call.abi_encode().into());
        let unprovable = |reason| {
            let witness_bytes = witness.len();
            ChallengerError::UnprovableStep { witness_bytes, reason }
        };
        // What it changes, a nonce, is never taken out: accounts stay in the journal, and the next
        // transaction finds them there, as cold as on L1.
        let result = self.evm.transact_one(transaction);
        let result = result.map_err(|error| unprovable(format!("{error:?}")))?;
        let gas = result.tx_gas_used();
        match result {
            ExecutionResult::Success { output, .. } => {
                let bytes = output.into_data();
                let hash = B256::try_from(bytes.as_ref());
                let hash = hash.map_err(|_| ChallengerError::WrongAnswer { bytes: bytes.len() })?;
                Ok(Verdict { post_state_hash: Ok(hash), gas })
            }
            ExecutionResult::Revert { output, .. } => {
                Ok(Verdict { post_state_hash: Err(StepRefusal::decode(&output)), gas })
            }
            ExecutionResult::Halt { reason, .. } => Err(unprovable(format!("{reason:?}"))),
        }
    }
}

fn transaction(kind: TxKind, data: Bytes) -> TxEnv {
    TxEnv { caller: CALLER, gas_limit: TX_GAS_MAX, kind, data, ..TxEnv::default() }
}
