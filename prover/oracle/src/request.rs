//! One request for a preimage, and its key.
//!
//! | type | what is hashed into the key | preimage |
//! |---|---|---|
//! | 1 keccak | the preimage | the bytes |
//! | 2 blob | versionedHash:32 ‖ index:u64 | field element, 32 bytes big endian |
//! | 3 precompile | address:20 ‖ input | 1 ‖ return data, or 0 if the call fails |

use alloc::vec::Vec;
use alloy_primitives::{Address, B256, Bytes, keccak256};

/// A source of preimages. In the guest the machine vouches for them.
pub trait Oracle: Sync {
    /// Why there is no preimage. In the guest there always is one.
    type Error: core::error::Error + Send + Sync + 'static;

    /// The preimage of a request.
    fn read(&self, request: &Request) -> Result<Bytes, Self::Error>;
}

/// What a program may ask for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
// PROTOCOL.md PROGRAM-4
pub enum Request {
    /// The bytes with this keccak hash.
    Keccak(B256),
    /// A field element of a blob.
    Blob {
        /// Versioned hash of the blob.
        versioned_hash: B256,
        /// Below 4,096, in the order of the blob's bytes.
        index: u64,
    },
    /// The result of a call.
    Precompile {
        /// Address of the precompile.
        address: Address,
        /// Input of the call.
        input: Bytes,
    },
}

impl Request {
    /// The type byte.
    #[must_use]
    pub const fn kind(&self) -> u8 {
        match self {
            Self::Keccak(_) => 1,
            Self::Blob { .. } => 2,
            Self::Precompile { .. } => 3,
        }
    }

    /// What names the preimage besides the type: for a blob and a precompile also what is hashed
    /// into the key, and the head of the proof on L1.
    #[must_use]
    pub fn name(&self) -> Vec<u8> {
        match self {
            Self::Keccak(hash) => hash.to_vec(),
            Self::Blob { versioned_hash, index } => {
                [versioned_hash.as_slice(), &index.to_be_bytes()].concat()
            }
            Self::Precompile { address, input } => [address.as_slice(), input].concat(),
        }
    }

    /// Inverse of [`Self::kind`] and [`Self::name`].
    #[must_use]
    pub fn from_name(kind: u8, name: &[u8]) -> Option<Self> {
        Some(match kind {
            1 => Self::Keccak(B256::try_from(name).ok()?),
            2 => {
                let (hash, index) = name.split_first_chunk::<32>()?;
                let index = u64::from_be_bytes(index.try_into().ok()?);
                Self::Blob { versioned_hash: B256::from(hash), index }
            }
            3 => {
                let (address, input) = name.split_first_chunk::<20>()?;
                let input = Bytes::copy_from_slice(input);
                Self::Precompile { address: Address::from(address), input }
            }
            _ => return None,
        })
    }

    /// The machine's key.
    #[must_use]
    pub fn key(&self) -> B256 {
        let mut key = match self {
            Self::Keccak(hash) => *hash,
            _ => keccak256(self.name()),
        };
        key.0[0] = self.kind();
        key
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_back_and_keys_bear_their_type() {
        let requests = [
            Request::Keccak(B256::repeat_byte(9)),
            Request::Blob { versioned_hash: B256::repeat_byte(1), index: 4_095 },
            Request::Precompile { address: Address::repeat_byte(2), input: [3, 4].into() },
        ];
        for (request, kind) in requests.iter().zip(1..) {
            let name = request.name();
            assert_eq!(Request::from_name(kind, &name).as_ref(), Some(request));
            assert_eq!(request.key()[0], kind);
            assert_eq!(Request::from_name(0, &name), None);
        }
        assert_eq!(requests[0].key()[1..], [9; 31]);
        assert_eq!(requests[1].key()[1..], keccak256(requests[1].name())[1..]);
        assert_eq!(Request::from_name(1, &[0; 31]), None);
        assert_eq!(Request::from_name(2, &[0; 41]), None);
        assert_eq!(Request::from_name(3, &[0; 19]), None);
    }
}
