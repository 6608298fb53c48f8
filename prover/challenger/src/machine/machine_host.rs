//! The host of one block's run: a witness, and the proofs of its preimages for L1.
//!
//! | key | proof |
//! |---|---|
//! | keccak | the preimage |
//! | blob | versioned hash 32 ‖ index 8 ‖ commitment 48 ‖ KZG proof 48 ‖ field element 32 |
//! | precompile | address 20 ‖ input |

use std::{collections::BTreeMap, fmt};

use alloy_primitives::{B256, Bytes, U256};
use c_kzg::{BYTES_PER_BLOB, Blob, Bytes32, ethereum_kzg_settings};
use gainsay_oracle::{Request, Witness};
use gainsay_vm::Host;

use crate::ChallengerError;

/// Field elements of a blob.
const FIELD_ELEMENTS: u64 = 4_096;
/// [`BLS_MODULUS`](https://eips.ethereum.org/EIPS/eip-4844), of which 7 is a primitive root.
const BLS_MODULUS: U256 = U256::from_limbs([
    0xffff_ffff_0000_0001,
    0x53bd_a402_fffe_5bfe,
    0x3339_d808_09a1_d805,
    0x73ed_a753_299d_7d48,
]);
const PRIMITIVE_ROOT: u64 = 7;

/// A witness as the machine's host.
#[derive(Clone)]
pub struct MachineHost {
    preimages: BTreeMap<B256, (Request, Bytes)>,
    /// What the program wrote: what it says when it panics.
    written: Vec<u8>,
}

impl fmt::Debug for MachineHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MachineHost").field("preimages", &self.preimages.len()).finish()
    }
}

/// Most bytes kept of what a program writes.
const WRITTEN_MAX: usize = 1 << 20;

impl MachineHost {
    /// The host that has the preimages of a witness.
    #[must_use]
    pub fn new(witness: &Witness) -> Self {
        Self { preimages: witness.by_key(), written: Vec::new() }
    }

    /// What the program wrote, as text.
    #[must_use]
    pub fn written(&self) -> String {
        String::from_utf8_lossy(&self.written).into_owned()
    }

    /// The request behind a key, and its preimage.
    #[must_use]
    pub fn request(&self, key: &B256) -> Option<&(Request, Bytes)> {
        self.preimages.get(key)
    }

    /// What proves the preimage of `key` to `PreimageOracle`; none if this host lacks it.
    ///
    /// # Errors
    /// [`ChallengerError::BlobProof`] when the witness lacks a part of the blob.
    pub fn prove(&self, key: &B256) -> Result<Option<Bytes>, ChallengerError> {
        let Some((request, preimage)) = self.request(key) else { return Ok(None) };
        Ok(Some(match request {
            Request::Keccak(_) => preimage.clone(),
            Request::Precompile { .. } => request.name().into(),
            Request::Blob { versioned_hash, index } => {
                let (name, proof) = (request.name(), self.prove_blob(*versioned_hash, *index)?);
                [name, proof, preimage.to_vec()].concat().into()
            }
        }))
    }

    /// Commitment and KZG proof of a field element.
    fn prove_blob(&self, versioned_hash: B256, index: u64) -> Result<Vec<u8>, ChallengerError> {
        let no_proof = |reason: String| ChallengerError::BlobProof { versioned_hash, reason };
        let mut blob = Vec::with_capacity(BYTES_PER_BLOB);
        for index in 0..FIELD_ELEMENTS {
            let key = Request::Blob { versioned_hash, index }.key();
            let (_, element) = self
                .request(&key)
                .ok_or_else(|| no_proof(format!("the witness has no field element {index}")))?;
            blob.extend_from_slice(element);
        }
        let kzg = |error: c_kzg::Error| no_proof(format!("{error:?}"));
        let blob = Blob::from_bytes(&blob).map_err(kzg)?;
        let settings = ethereum_kzg_settings(0);
        let commitment = settings.blob_to_kzg_commitment(&blob).map_err(kzg)?.to_bytes();
        let point = Bytes32::new(evaluation_point(index).to_be_bytes());
        let (proof, _) = settings.compute_kzg_proof(&blob, &point).map_err(kzg)?;
        Ok([commitment.as_slice(), proof.to_bytes().as_slice()].concat())
    }
}

/// Where element `index` of a blob is its polynomial's value: the powers of the 4096th root of
/// unity, in bit-reversed order.
fn evaluation_point(index: u64) -> U256 {
    let order = BLS_MODULUS.wrapping_sub(U256::ONE) / U256::from(FIELD_ELEMENTS);
    let root = U256::from(PRIMITIVE_ROOT).pow_mod(order, BLS_MODULUS);
    let reversed = index.reverse_bits() >> (u64::BITS - FIELD_ELEMENTS.trailing_zeros());
    root.pow_mod(U256::from(reversed), BLS_MODULUS)
}

impl Host for MachineHost {
    fn preimage(&mut self, key: &B256) -> Option<Bytes> {
        Some(self.request(key)?.1.clone())
    }

    fn proof(&mut self, key: &B256) -> Option<Bytes> {
        self.prove(key).inspect_err(|error| tracing::error!(%error, "a step has no proof")).ok()?
    }

    fn hint(&mut self, _hint: &[u8]) {}

    fn write(&mut self, text: &[u8]) {
        let room = WRITTEN_MAX.saturating_sub(self.written.len());
        self.written.extend_from_slice(&text[..text.len().min(room)]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_points_are_the_roots_of_unity() {
        let all = U256::from(FIELD_ELEMENTS);
        for index in [0, 1, 2, 4_095] {
            assert_eq!(evaluation_point(index).pow_mod(all, BLS_MODULUS), U256::ONE, "{index}");
        }
        assert_eq!(evaluation_point(0), U256::ONE);
        assert_eq!(evaluation_point(1), BLS_MODULUS - U256::ONE);
    }

    /// c-kzg itself accepts the proof, for the element that the blob has there.
    #[test]
    fn each_element_of_a_blob_can_be_proven() {
        let versioned_hash = B256::repeat_byte(1);
        let mut witness = Witness::default();
        let element = |index: u64| U256::from(index * 7 + 1).to_be_bytes_vec();
        for index in 0..FIELD_ELEMENTS {
            let request = Request::Blob { versioned_hash, index };
            witness.insert(request, element(index).into()).unwrap();
        }
        let host = MachineHost::new(&witness);
        for index in [0, 1, 77, 4_095] {
            let key = Request::Blob { versioned_hash, index }.key();
            let proof = host.prove(&key).unwrap().unwrap();
            assert_eq!(proof.len(), 32 + 8 + 48 + 48 + 32);
            let [commitment, kzg_proof] = [40, 88]
                .map(|start| c_kzg::Bytes48::from_bytes(&proof[start..start + 48]).unwrap());
            let point = Bytes32::new(evaluation_point(index).to_be_bytes());
            let value = Bytes32::from_bytes(&element(index)).unwrap();
            let settings = ethereum_kzg_settings(0);
            let valid = settings.verify_kzg_proof(&commitment, &point, &value, &kzg_proof);
            assert!(valid.unwrap(), "element {index}");
        }
        witness = Witness::default();
        let request = Request::Blob { versioned_hash, index: 5 };
        witness.insert(request.clone(), element(5).into()).unwrap();
        let error = MachineHost::new(&witness).prove(&request.key()).unwrap_err();
        assert!(matches!(error, ChallengerError::BlobProof { .. }), "{error}");
    }
}
