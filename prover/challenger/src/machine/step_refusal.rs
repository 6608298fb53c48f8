//! Why `StepVerifier` refuses a witness: the custom errors of `StepVerifier`, its libraries and
//! `PreimageOracle`, decoded from revert data.

use std::fmt;

use alloy_primitives::Bytes;
use alloy_sol_types::{SolInterface, sol};
use gainsay_l1::bindings::{
    IPreimageOracle::IPreimageOracleErrors, IStepVerifier::IStepVerifierErrors,
};

sol! {
    /// Errors of the libraries in `contracts/src/vm`, which no interface declares.
    #[sol(all_derives)]
    interface WitnessReading {
        error WitnessLength(uint256 found, uint256 expected);
        error InvalidStatus(uint8 status);
        error InvalidCodeBounds(uint64 codeStart, uint64 codeEnd);
        error ZeroSiblingGiven(uint256 height);
        error InvalidBitmap(uint32 bitmap);
    }
}

/// A decoded refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StepRefusal {
    /// The witness belongs to another state.
    Verifier(IStepVerifierErrors),
    /// The witness is malformed.
    Witness(WitnessReading::WitnessReadingErrors),
    /// The proof of a preimage proves nothing.
    Oracle(IPreimageOracleErrors),
    /// Data that no declared error explains.
    Unknown(Bytes),
}

impl StepRefusal {
    /// Decodes revert data.
    #[must_use]
    pub fn decode(data: &Bytes) -> Self {
        if let Ok(error) = IStepVerifierErrors::abi_decode(data) {
            return Self::Verifier(error);
        }
        if let Ok(error) = WitnessReading::WitnessReadingErrors::abi_decode(data) {
            return Self::Witness(error);
        }
        IPreimageOracleErrors::abi_decode(data)
            .map_or_else(|_| Self::Unknown(data.clone()), Self::Oracle)
    }
}

impl fmt::Display for StepRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Verifier(error) => write!(f, "{error:?}"),
            Self::Witness(error) => write!(f, "{error:?}"),
            Self::Oracle(error) => write!(f, "{error:?}"),
            Self::Unknown(data) if data.is_empty() => f.write_str("no reason given"),
            Self::Unknown(data) => write!(f, "unknown error {data}"),
        }
    }
}
