//! The preimages of one run: recorded while the program runs on a host, replayed by the machine.
//!
//! As a file, the offline bundle: version:u8, then for each preimage kind:u8 ‖ nameLength:u32 ‖
//! name ‖ length:u32 ‖ bytes, big endian, in the order of requests.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use alloy_primitives::{B256, Bytes, keccak256};

use crate::{Oracle, Request};

/// The version that this crate writes and reads.
const VERSION: u8 = 1;

/// Why a preimage cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OracleError {
    /// The source lacks a preimage. Fetch it and run again.
    #[error("no preimage of {request:?}")]
    Missing {
        /// What was asked for.
        request: Request,
    },
    /// The source, or a bundle, gave bytes with another hash.
    #[error("preimage of {expected} has hash {found}")]
    WrongHash {
        /// The hash asked for.
        expected: B256,
        /// The hash of the bytes.
        found: B256,
    },
    /// Not a bundle, or cut off.
    #[error("no bundle of version {VERSION}: malformed at byte {offset} of {len}")]
    Malformed {
        /// Where reading stopped.
        offset: usize,
        /// Length of the file.
        len: usize,
    },
}

/// Requests and their preimages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Witness {
    preimages: BTreeMap<Request, Bytes>,
}

impl Witness {
    /// Adds a preimage. A keccak preimage must have the hash of its request.
    ///
    /// # Errors
    /// [`OracleError`] when a keccak preimage has another hash.
    pub fn insert(&mut self, request: Request, preimage: Bytes) -> Result<(), OracleError> {
        if let Request::Keccak(expected) = request {
            let found = keccak256(&preimage);
            if found != expected {
                return Err(OracleError::WrongHash { expected, found });
            }
        }
        self.preimages.insert(request, preimage);
        Ok(())
    }

    /// The preimage of a request.
    #[must_use]
    pub fn get(&self, request: &Request) -> Option<&Bytes> {
        self.preimages.get(request)
    }

    /// All requests with their preimages, in the order of requests.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&Request, &Bytes)> {
        self.preimages.iter()
    }

    /// All preimages, by the machine's keys.
    #[must_use]
    pub fn by_key(&self) -> BTreeMap<B256, (Request, Bytes)> {
        let entry = |(request, bytes): (&Request, &Bytes)| {
            (request.key(), (request.clone(), bytes.clone()))
        };
        self.iter().map(entry).collect()
    }

    /// The bundle.
    #[must_use]
    pub fn to_bundle(&self) -> Vec<u8> {
        let mut bundle = vec![VERSION];
        for (request, bytes) in &self.preimages {
            bundle.push(request.kind());
            for part in [&request.name()[..], bytes] {
                let len = u32::try_from(part.len()).expect("preimages are shorter than 4 GiB");
                bundle.extend_from_slice(&len.to_be_bytes());
                bundle.extend_from_slice(part);
            }
        }
        bundle
    }

    /// Reads a bundle back and checks its hashes.
    ///
    /// # Errors
    /// [`OracleError`] when the bytes are no bundle, or a keccak preimage has another hash.
    pub fn from_bundle(bundle: &[u8]) -> Result<Self, OracleError> {
        let mut witness = Self::default();
        let mut rest = bundle;
        let malformed = |rest: &[u8]| {
            let offset = bundle.len().saturating_sub(rest.len());
            OracleError::Malformed { offset, len: bundle.len() }
        };
        let Some((&VERSION, entries)) = rest.split_first() else { return Err(malformed(rest)) };
        rest = entries;
        while let Some((kind, entry)) = rest.split_first() {
            let parts = part(entry).and_then(|(name, entry)| {
                let (bytes, entry) = part(entry)?;
                Some((Request::from_name(*kind, name)?, bytes, entry))
            });
            let (request, bytes, entry) = parts.ok_or_else(|| malformed(rest))?;
            witness.insert(request, Bytes::copy_from_slice(bytes))?;
            rest = entry;
        }
        Ok(witness)
    }
}

fn part(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (len, rest) = bytes.split_first_chunk()?;
    rest.split_at_checked(usize::try_from(u32::from_be_bytes(*len)).ok()?)
}

impl Oracle for Witness {
    type Error = OracleError;

    fn read(&self, request: &Request) -> Result<Bytes, OracleError> {
        let missing = || OracleError::Missing { request: request.clone() };
        self.get(request).cloned().ok_or_else(missing)
    }
}

/// Where a recording takes preimages from.
pub trait Source: Fn(&Request) -> Option<Bytes> + Sync {}

impl<F: Fn(&Request) -> Option<Bytes> + Sync> Source for F {}

/// Records every preimage that a program asks for.
#[derive(Debug)]
pub struct WitnessOracle<S> {
    source: S,
    witness: Mutex<Witness>,
}

impl<S: Source> WitnessOracle<S> {
    /// Nothing recorded yet.
    #[must_use]
    pub fn new(source: S) -> Self {
        Self { source, witness: Mutex::default() }
    }

    /// What was asked for.
    #[must_use]
    pub fn into_witness(self) -> Witness {
        self.witness.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S: Source> Oracle for WitnessOracle<S> {
    type Error = OracleError;

    fn read(&self, request: &Request) -> Result<Bytes, OracleError> {
        let mut witness = self.witness.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bytes) = witness.get(request) {
            return Ok(bytes.clone());
        }
        let missing = || OracleError::Missing { request: request.clone() };
        let bytes = (self.source)(request).ok_or_else(missing)?;
        witness.insert(request.clone(), bytes.clone())?;
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::Address;

    #[test]
    fn a_bundle_comes_back_whole_or_not_at_all() {
        let preimage = Bytes::from_static(b"a preimage");
        let keccak = Request::Keccak(keccak256(&preimage));
        let call = Request::Precompile { address: Address::ZERO, input: Bytes::new() };
        let source = |request: &Request| match request {
            Request::Keccak(_) => Some(preimage.clone()),
            Request::Precompile { .. } => Some([0].into()),
            Request::Blob { .. } => None,
        };
        let oracle = WitnessOracle::new(source);
        assert_eq!(oracle.read(&keccak), Ok(preimage.clone()));
        assert_eq!(oracle.read(&call), Ok([0].into()));
        let other = Request::Keccak(B256::ZERO);
        assert!(matches!(oracle.read(&other), Err(OracleError::WrongHash { .. })));
        let blob = Request::Blob { versioned_hash: B256::ZERO, index: 0 };
        assert_eq!(oracle.read(&blob), Err(OracleError::Missing { request: blob.clone() }));

        let witness = oracle.into_witness();
        let bundle = witness.to_bundle();
        assert_eq!(Witness::from_bundle(&bundle), Ok(witness.clone()));
        assert_eq!(witness.by_key()[&keccak.key()], (keccak.clone(), preimage.clone()));
        for len in 0..bundle.len() {
            if let Ok(shorter) = Witness::from_bundle(&bundle[..len]) {
                assert!(shorter.iter().len() < 2, "{len}");
            }
        }
        let at = bundle.windows(10).position(|window| window == &preimage[..]).unwrap();
        let mut corrupt = bundle;
        corrupt[at] ^= 1;
        assert!(matches!(Witness::from_bundle(&corrupt), Err(OracleError::WrongHash { .. })));
    }
}
