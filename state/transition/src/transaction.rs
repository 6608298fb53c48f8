//! A decoded transaction with its sender.
//!
//! In: EIP-2718 bytes from a batch, a wallet or a deposit. Out: [`RecoveredTx`], or the reason why
//! the bytes are not a transaction that an L2 block may hold. It never looks at state.

use alloy_consensus::{Transaction as _, crypto::SECP256K1N_HALF, transaction::SignerRecoverable};
use alloy_eips::{
    eip2718::{Decodable2718, Encodable2718},
    eip7702::{RecoveredAuthority, RecoveredAuthorization, SignedAuthorization},
};
use alloy_primitives::{Address, B256, Bytes, Sealable, Signature};
use op_alloy_consensus::{OpTxEnvelope, TxDeposit};

use crate::precompiles::{PrecompileReader, recover_signer};

/// Why bytes are not a transaction that a batch or a wallet may bring.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeTxError {
    /// Not a well-formed EIP-2718 transaction, or bytes follow it.
    #[error("malformed transaction: {reason}")]
    Malformed {
        /// What the decoder found.
        reason: &'static str,
    },
    /// Only types 0 (legacy), 1 (2930), 2 (1559) and 4 (7702) may be sent.
    #[error("transaction type {found:#04x} is not accepted, expected 0x00, 0x01, 0x02 or 0x04")]
    TypeNotAccepted {
        /// The type byte.
        found: u8,
    },
    /// The signature recovers to no address, or its `s` is in the upper half (EIP-2).
    #[error("invalid signature: no sender can be recovered")]
    BadSignature,
}

/// A transaction, its sender, its hash and its canonical bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecoveredTx {
    /// The decoded transaction.
    pub envelope: OpTxEnvelope,
    /// Recovered from the signature, or the `from` of a deposit.
    pub sender: Address,
    /// keccak of `raw`.
    pub hash: B256,
    /// Canonical EIP-2718 encoding.
    pub raw: Bytes,
    /// Estimated compressed size of `raw`, in millionths of a byte, by which the L1 data fee is
    /// charged ([OP Fjord](https://specs.optimism.io/protocol/fjord/exec-engine.html)); 0 for
    /// deposits. Here, because the estimate costs more than a transfer's execution.
    pub l1_size: u64,
}

impl RecoveredTx {
    /// Decodes a signed transaction and recovers its sender (the costly part: about 30 us).
    ///
    /// # Errors
    /// [`DecodeTxError`]: bytes that are no transaction, or a signature of nobody.
    pub fn decode_signed(raw: Bytes) -> Result<Self, DecodeTxError> {
        let envelope = Self::decode_envelope(&raw)?;
        let sender = envelope.recover_signer().map_err(|_| DecodeTxError::BadSignature)?;
        Ok(Self::join(envelope, sender, raw))
    }

    /// Decodes a signed transaction and recovers its sender through the reader's ecrecover.
    pub(crate) fn decode_proven<R: PrecompileReader>(
        raw: Bytes,
        reader: &R,
    ) -> Result<Result<Self, DecodeTxError>, R::Error> {
        let signed = Self::decode_envelope(&raw).and_then(|envelope| {
            let (hash, signature) = signed_hash(&envelope).ok_or(DecodeTxError::BadSignature)?;
            let is_low = signature.s() <= SECP256K1N_HALF;
            is_low.then_some((hash, signature, envelope)).ok_or(DecodeTxError::BadSignature)
        });
        let (hash, signature, envelope) = match signed {
            Ok(signed) => signed,
            Err(error) => return Ok(Err(error)),
        };
        let sender = recover_signer(reader, hash, &signature)?;
        Ok(sender
            .map(|sender| Self::join(envelope, sender, raw))
            .ok_or(DecodeTxError::BadSignature))
    }

    /// Joins a transaction with a sender that was recovered before (as the store keeps it).
    ///
    /// # Errors
    /// [`DecodeTxError`]: bytes that are no transaction.
    pub fn with_sender(raw: Bytes, sender: Address) -> Result<Self, DecodeTxError> {
        let envelope = Self::decode_any(&raw)?;
        Ok(Self::join(envelope, sender, raw))
    }

    /// The 0x7E transaction of a deposit.
    #[must_use]
    pub fn from_deposit(deposit: TxDeposit) -> Self {
        let sender = deposit.from;
        let envelope = OpTxEnvelope::Deposit(deposit.seal_slow());
        let raw = envelope.encoded_2718().into();
        Self::join(envelope, sender, raw)
    }

    fn join(envelope: OpTxEnvelope, sender: Address, raw: Bytes) -> Self {
        let is_deposit = matches!(envelope, OpTxEnvelope::Deposit(_));
        let l1_size = if is_deposit { 0 } else { op_revm::estimate_tx_compressed_size(&raw) };
        Self { sender, hash: envelope.tx_hash(), raw, envelope, l1_size }
    }

    /// Whether this is a 0x7E deposit.
    #[must_use]
    pub const fn is_deposit(&self) -> bool {
        matches!(self.envelope, OpTxEnvelope::Deposit(_))
    }

    /// Price that the sender pays for a unit of gas at this base fee, in wei.
    #[must_use]
    pub fn effective_gas_price(&self, base_fee: u64) -> u128 {
        if self.is_deposit() { 0 } else { self.envelope.effective_gas_price(Some(base_fee)) }
    }

    // PROTOCOL.md TX-2
    fn decode_envelope(raw: &Bytes) -> Result<OpTxEnvelope, DecodeTxError> {
        match raw.first() {
            Some(0x01 | 0x02 | 0x04) => {}
            Some(&first) if first >= 0xc0 => {}
            Some(&found) => return Err(DecodeTxError::TypeNotAccepted { found }),
            None => return Err(DecodeTxError::Malformed { reason: "it is empty" }),
        }
        Self::decode_any(raw)
    }

    fn decode_any(raw: &Bytes) -> Result<OpTxEnvelope, DecodeTxError> {
        let mut rest: &[u8] = raw;
        let envelope = OpTxEnvelope::decode_2718(&mut rest)
            .map_err(|_| DecodeTxError::Malformed { reason: "it does not decode as EIP-2718" })?;
        if !rest.is_empty() {
            return Err(DecodeTxError::Malformed { reason: "bytes follow the transaction" });
        }
        Ok(envelope)
    }
}

/// What the sender of a transaction signed, and the signature.
fn signed_hash(envelope: &OpTxEnvelope) -> Option<(B256, Signature)> {
    match envelope {
        OpTxEnvelope::Legacy(tx) => Some((tx.signature_hash(), *tx.signature())),
        OpTxEnvelope::Eip2930(tx) => Some((tx.signature_hash(), *tx.signature())),
        OpTxEnvelope::Eip1559(tx) => Some((tx.signature_hash(), *tx.signature())),
        OpTxEnvelope::Eip7702(tx) => Some((tx.signature_hash(), *tx.signature())),
        OpTxEnvelope::Deposit(_) | OpTxEnvelope::PostExec(_) => None,
    }
}

/// The authority of an [EIP-7702](https://eips.ethereum.org/EIPS/eip-7702) authorization through
/// the reader's ecrecover, by the rules of [`SignedAuthorization::recover_authority`].
pub(crate) fn prove_authority<R: PrecompileReader>(
    authorization: SignedAuthorization,
    reader: &R,
) -> Result<RecoveredAuthorization, R::Error> {
    let signature = authorization.signature().ok().filter(|it| it.s() <= SECP256K1N_HALF);
    let authority = match signature {
        Some(signature) => recover_signer(reader, authorization.signature_hash(), &signature)?,
        None => None,
    };
    let authority = authority.map_or(RecoveredAuthority::Invalid, RecoveredAuthority::Valid);
    Ok(RecoveredAuthorization::new_unchecked(authorization.strip_signature(), authority))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::{U256, hex};

    #[test]
    fn rejects_what_no_batch_may_hold() {
        let reject = |raw: &[u8]| RecoveredTx::decode_signed(Bytes::copy_from_slice(raw));
        assert_eq!(reject(&[]), Err(DecodeTxError::Malformed { reason: "it is empty" }));
        for found in [0x00, 0x03, 0x05, 0x7d, 0x7e, 0x7f, 0xbf] {
            assert_eq!(reject(&[found, 0xc0]), Err(DecodeTxError::TypeNotAccepted { found }));
        }
        let deposit = RecoveredTx::from_deposit(TxDeposit::default());
        assert_eq!(
            RecoveredTx::decode_signed(deposit.raw),
            Err(DecodeTxError::TypeNotAccepted { found: 0x7e })
        );
        assert!(matches!(reject(&[0xc0]), Err(DecodeTxError::Malformed { .. })));
    }

    #[test]
    fn recovers_the_sender_of_eip155_example() {
        // The example of EIP-155.
        let raw = hex!(
            "f86c098504a817c800825208943535353535353535353535353535353535353535880de0b6b3a76400008025a028ef61340bd939bc2195fe537567866003e1a15d3c71ff63e1590620aa636276a067cbe9d8997f761aecb703304b3800ccf555c9f3dc64214b297fb1966a3b6d83"
        );
        let tx = RecoveredTx::decode_signed(Bytes::copy_from_slice(&raw)).unwrap();
        assert_eq!(tx.sender.0, hex!("9d8a62f656a8d1615c1294fd71e9cfb3e4855a4f"));
        assert_eq!(tx.envelope.value(), U256::from(10).pow(U256::from(18)));
        let mut longer = raw.to_vec();
        longer.push(0);
        assert!(RecoveredTx::decode_signed(longer.into()).is_err());
    }
}
