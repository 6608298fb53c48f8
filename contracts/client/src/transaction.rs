//! One L1 transaction: what is called, and the signed bytes for given nonce and fees.
//!
//! In: an [`L1Call`], a key, a nonce, fees. Out: the signed envelope as sent to a node, blobs with
//! EIP-7594 cell proofs. It sends nothing and knows no chain state.

use std::sync::Arc;

use alloy::{
    consensus::{SignableTransaction, TxEip1559, TxEip4844, TxEip4844WithSidecar, TxEnvelope},
    eips::{
        eip2718::Encodable2718,
        eip4844::Blob,
        eip7594::{BlobTransactionSidecarEip7594, BlobTransactionSidecarVariant},
    },
    rpc::types::TransactionRequest,
    signers::{SignerSync, local::PrivateKeySigner},
};
use alloy_primitives::{Address, B256, Bytes, TxKind, U256};
use gainsay_derivation::MAX_BLOBS;

use crate::{
    L1Error,
    fees::TxFees,
    kzg::{KnownBlobs, proving_setup},
};

/// A call to make on L1, or a contract to create.
#[derive(Clone, Debug)]
pub struct L1Call {
    /// The contract called, or [`TxKind::Create`] with the init code in `data`.
    pub to: TxKind,
    /// Call data.
    pub data: Bytes,
    /// Wei sent along.
    pub value: U256,
    /// Blobs carried; none makes an EIP-1559 transaction.
    pub blobs: Vec<Blob>,
    /// Gas limit; `None` estimates it.
    pub gas_limit: Option<u64>,
}

impl L1Call {
    /// A plain call of a contract.
    #[must_use]
    pub fn new(to: Address, data: impl Into<Bytes>) -> Self {
        let to = TxKind::Call(to);
        Self { to, data: data.into(), value: U256::ZERO, blobs: Vec::new(), gas_limit: None }
    }

    /// The creation of a contract from init code.
    #[must_use]
    pub fn create(init_code: impl Into<Bytes>) -> Self {
        Self { to: TxKind::Create, ..Self::new(Address::ZERO, init_code) }
    }

    /// The same call with wei sent along.
    #[must_use]
    pub fn with_value(self, value: U256) -> Self {
        Self { value, ..self }
    }

    /// The same call with blobs carried along.
    #[must_use]
    pub fn with_blobs(self, blobs: Vec<Blob>) -> Self {
        Self { blobs, ..self }
    }
}

/// A call with everything computed that does not change from one broadcast to the next.
#[derive(Clone, Debug)]
pub(crate) struct PreparedCall {
    pub(crate) to: TxKind,
    pub(crate) data: Bytes,
    pub(crate) value: U256,
    pub(crate) gas_limit: Option<u64>,
    pub(crate) versioned_hashes: Vec<B256>,
    sidecar: Option<Arc<BlobTransactionSidecarEip7594>>,
}

impl PreparedCall {
    /// Computes commitments and cell proofs of the blobs. Takes 0.2 s a blob.
    pub(crate) fn new(call: L1Call, known: &KnownBlobs) -> Result<Self, L1Error> {
        let L1Call { to, data, value, blobs, gas_limit } = call;
        if blobs.len() > MAX_BLOBS {
            return Err(L1Error::Invalid {
                what: "blobs of one transaction",
                reason: format!("found {}, at most {MAX_BLOBS}", blobs.len()),
            });
        }
        if blobs.is_empty() {
            let versioned_hashes = Vec::new();
            return Ok(Self { to, data, value, gas_limit, versioned_hashes, sidecar: None });
        }
        if to.is_create() {
            return Err(L1Error::Invalid {
                what: "contract creation",
                reason: "cannot carry blobs".to_owned(),
            });
        }
        let sidecar =
            BlobTransactionSidecarEip7594::try_from_blobs_with_settings(blobs, proving_setup())
                .map_err(|error| L1Error::Invalid { what: "blob", reason: error.to_string() })?;
        let versioned_hashes: Vec<B256> = sidecar.versioned_hashes().collect();
        for (blob, hash) in sidecar.blobs.iter().zip(&versioned_hashes) {
            known.insert(blob.as_slice(), *hash);
        }
        let sidecar = Some(Arc::new(sidecar));
        Ok(Self { to, data, value, gas_limit, versioned_hashes, sidecar })
    }

    pub(crate) const fn carries_blobs(&self) -> bool {
        self.sidecar.is_some()
    }

    /// What is called, for messages.
    pub(crate) fn target(&self) -> String {
        self.to.to().map_or_else(|| "a contract's constructor".to_owned(), Address::to_string)
    }

    /// The call as `eth_estimateGas` and `eth_call` take it: without fees, so that neither the
    /// balance nor the base fee decides.
    pub(crate) fn simulation(&self, from: Address) -> TransactionRequest {
        let mut request = TransactionRequest {
            from: Some(from),
            to: Some(self.to),
            value: Some(self.value),
            input: self.data.clone().into(),
            ..TransactionRequest::default()
        };
        if self.carries_blobs() {
            request.blob_versioned_hashes = Some(self.versioned_hashes.clone());
            request.transaction_type = Some(3);
        }
        request
    }

    /// Signs the call and encodes it as a node takes it (with the sidecar). Returns hash and bytes.
    pub(crate) fn sign(
        &self,
        signer: &PrivateKeySigner,
        chain_id: u64,
        nonce: u64,
        gas_limit: u64,
        fees: &TxFees,
    ) -> Result<(B256, Vec<u8>), L1Error> {
        let envelope: TxEnvelope = match &self.sidecar {
            None => {
                let tx = TxEip1559 {
                    chain_id,
                    nonce,
                    gas_limit,
                    max_fee_per_gas: fees.fee_max,
                    max_priority_fee_per_gas: fees.priority_fee,
                    to: self.to,
                    value: self.value,
                    access_list: Default::default(),
                    input: self.data.clone(),
                };
                let signature = sign_hash(signer, tx.signature_hash())?;
                tx.into_signed(signature).into()
            }
            Some(sidecar) => {
                let tx = TxEip4844 {
                    chain_id,
                    nonce,
                    gas_limit,
                    max_fee_per_gas: fees.fee_max,
                    max_priority_fee_per_gas: fees.priority_fee,
                    to: self.to.to().copied().unwrap_or_default(),
                    value: self.value,
                    access_list: Default::default(),
                    blob_versioned_hashes: self.versioned_hashes.clone(),
                    max_fee_per_blob_gas: fees.blob_fee.unwrap_or_default(),
                    input: self.data.clone(),
                };
                let signature = sign_hash(signer, tx.signature_hash())?;
                let sidecar = BlobTransactionSidecarVariant::Eip7594((**sidecar).clone());
                TxEip4844WithSidecar { tx, sidecar }.into_signed(signature).into()
            }
        };
        Ok((*envelope.tx_hash(), envelope.encoded_2718()))
    }
}

fn sign_hash(
    signer: &PrivateKeySigner,
    hash: B256,
) -> Result<alloy_primitives::Signature, L1Error> {
    signer.sign_hash_sync(&hash).map_err(|error| L1Error::Key {
        place: format!("account {}", signer.address()),
        reason: error.to_string(),
    })
}
