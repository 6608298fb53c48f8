//! Reading a witness, and the Merkle proofs in it, for the step verifier.

use alloy_primitives::{B256, keccak256};

use crate::{VmError, merkle::zero_hash};

const MEMORY_HEIGHT: u32 = 25;

/// A witness in reading.
pub(crate) struct Reader<'a> {
    witness: &'a [u8],
    position: usize,
}

impl<'a> Reader<'a> {
    pub(crate) const fn new(witness: &'a [u8]) -> Self {
        Self { witness, position: 0 }
    }

    pub(crate) fn bytes(&mut self, count: usize) -> Result<&'a [u8], VmError> {
        let end = self.position.saturating_add(count);
        let found = self.witness.len();
        let bytes = self.witness.get(self.position..end);
        let bytes = bytes.ok_or(VmError::WitnessLength { found, expected: end })?;
        self.position = end;
        Ok(bytes)
    }

    pub(crate) fn array<const LENGTH: usize>(&mut self) -> Result<[u8; LENGTH], VmError> {
        let mut array = [0; LENGTH];
        array.copy_from_slice(self.bytes(LENGTH)?);
        Ok(array)
    }

    /// Everything not yet read.
    pub(crate) fn rest(&self) -> &'a [u8] {
        &self.witness[self.position..]
    }

    /// Fails unless everything has been read.
    pub(crate) const fn finish(self) -> Result<(), VmError> {
        let (found, expected) = (self.witness.len(), self.position);
        if found == expected { Ok(()) } else { Err(VmError::WitnessLength { found, expected }) }
    }
}

/// A subtree of memory and its siblings.
pub(crate) struct MemoryProof {
    /// The bytes of the subtree: 32 << height.
    pub(crate) data: Vec<u8>,
    index: u64,
    siblings: Vec<B256>,
}

impl MemoryProof {
    /// Reads the subtree of this height that begins at or holds `address`.
    pub(crate) fn read(
        reader: &mut Reader<'_>,
        address: u64,
        height: u32,
    ) -> Result<Self, VmError> {
        let bitmap = u32::from_be_bytes(reader.array()?);
        let allowed = (1_u32 << MEMORY_HEIGHT).wrapping_sub(1_u32 << height);
        if bitmap & !allowed != 0 {
            return Err(VmError::InvalidBitmap { bitmap, lowest: height });
        }
        let data = reader.bytes(32 << height)?.to_vec();
        let mut siblings = Vec::new();
        for height in height..MEMORY_HEIGHT {
            let zero = zero_hash(height);
            if bitmap >> height & 1 == 0 {
                siblings.push(zero);
                continue;
            }
            let sibling = B256::new(reader.array()?);
            // A step has only one witness: a hash that the verifier knows must be left out.
            if sibling == zero {
                return Err(VmError::RedundantSibling { height });
            }
            siblings.push(sibling);
        }
        Ok(Self { data, index: address >> height >> 5, siblings })
    }

    /// The memory root with the data as it is now.
    pub(crate) fn root(&self) -> B256 {
        let (leaves, _) = self.data.as_chunks::<32>();
        let mut level: Vec<B256> = leaves.iter().copied().map(B256::new).collect();
        while level.len() > 1 {
            level = level.chunks(2).map(|pair| keccak256(pair.concat())).collect();
        }
        fold(level.first().copied().unwrap_or_default(), self.index, self.siblings.iter().copied())
    }
}

/// The root above a node.
pub(crate) fn fold(node: B256, index: u64, siblings: impl IntoIterator<Item = B256>) -> B256 {
    let mut index = index;
    let mut node = node;
    for sibling in siblings {
        let pair = if index & 1 == 0 { [node, sibling] } else { [sibling, node] };
        node = keccak256(pair.concat());
        index >>= 1;
    }
    node
}
