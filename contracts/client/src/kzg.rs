//! The trusted setup of EIP-4844, and the blobs whose commitments this process computed itself.
//!
//! In: blobs that are posted, or that come back from L1. Out: settings for c-kzg, and whether some
//! bytes are known to be the blob of a hash. It remembers only hashes that this process computed.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
};

use alloy_primitives::{B256, keccak256};

/// Blobs that are remembered: those of about ten batches.
const KNOWN_BLOBS_MAX: usize = 64;

/// The setup for commitments, without the table that c-kzg needs for cell proofs alone.
pub(crate) fn verifying_setup() -> &'static c_kzg::KzgSettings {
    c_kzg::ethereum_kzg_settings(0)
}

/// The setup for the cell proofs of EIP-7594, with a table of 96 MiB: a blob takes 0.17 s, without
/// the table 0.27 s.
pub(crate) fn proving_setup() -> &'static c_kzg::KzgSettings {
    c_kzg::ethereum_kzg_settings(8)
}

/// The blobs that this process posted. If L1 gives the same bytes back, their commitment need not
/// be computed again, which takes 38 ms.
#[derive(Debug, Default)]
pub(crate) struct KnownBlobs {
    /// Versioned hash, and keccak256 of the blob.
    known: Mutex<VecDeque<(B256, B256)>>,
}

impl KnownBlobs {
    /// Remembers that `blob` has this versioned hash, which was computed from it.
    pub(crate) fn insert(&self, blob: &[u8], versioned_hash: B256) {
        let entry = (versioned_hash, keccak256(blob));
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.contains(&entry) {
            return;
        }
        if known.len() == KNOWN_BLOBS_MAX {
            known.pop_front();
        }
        known.push_back(entry);
    }

    /// Whether these bytes are known to be the blob of the hash. `false` means: not known here.
    pub(crate) fn is(&self, bytes: &[u8], versioned_hash: B256) -> bool {
        let find = |hash| {
            let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            known.iter().find(|(known, _)| *known == hash).map(|(_, content)| *content)
        };
        find(versioned_hash).is_some_and(|content| content == keccak256(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_bytes_are_known() {
        let known = KnownBlobs::default();
        let hash = |number: usize| B256::with_last_byte(u8::try_from(number).unwrap());
        known.insert(b"blob", hash(1));
        assert!(known.is(b"blob", hash(1)));
        assert!(!known.is(b"blok", hash(1)));
        assert!(!known.is(b"blob", hash(2)));
        for number in 2..=KNOWN_BLOBS_MAX + 1 {
            known.insert(b"blob", hash(number));
        }
        assert!(!known.is(b"blob", hash(1)), "the oldest makes room");
        assert!(known.is(b"blob", hash(KNOWN_BLOBS_MAX + 1)));
    }
}
