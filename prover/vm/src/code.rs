//! The code: the program's text, read-only, with its own tree. Stores never change it.
//!
//! `code root = keccak256(root of the code tree ‖ start:u64 ‖ end:u64)`, integers big endian. The
//! tree is as shallow as the text allows, over leaves of 8 instructions.

use alloy_primitives::{B256, keccak256};

use crate::{VmError, batch::hash_pairs, merkle::LEAF_BYTES};

/// Most bytes of code: 18 levels of leaves.
pub const CODE_BYTES_MAX: u64 = 1 << 23;

/// Bytes of an instruction.
pub(crate) const WORD_BYTES: u64 = 4;

/// A program's text.
#[derive(Clone, Debug)]
pub struct Code {
    start: u64,
    end: u64,
    words: Vec<u32>,
    /// Nodes of the tree, level by level, from the leaves up to the root.
    levels: Vec<Vec<B256>>,
    root: B256,
}

impl Code {
    /// The code that has `text` at `address`, with zeros in front down to a whole leaf and behind
    /// up to a whole instruction.
    ///
    /// # Errors
    /// [`VmError::CodeSize`] when it is empty or exceeds [`CODE_BYTES_MAX`].
    pub fn new(address: u64, text: &[u8]) -> Result<Self, VmError> {
        let front = address & 0x1f;
        let start = address.wrapping_sub(front);
        let bytes = (text.len() as u64).saturating_add(front).next_multiple_of(WORD_BYTES);
        let end = start.checked_add(bytes).ok_or(VmError::CodeSize { bytes })?;
        if text.is_empty() || bytes > CODE_BYTES_MAX {
            return Err(VmError::CodeSize { bytes });
        }
        let mut padded = vec![0; usize::try_from(front).expect("below 32")];
        padded.extend_from_slice(text);
        padded.resize(padded.len().next_multiple_of(LEAF_BYTES), 0);

        let (words, _) = padded.as_chunks::<4>();
        let mut words: Vec<u32> = words.iter().map(|word| u32::from_le_bytes(*word)).collect();
        words.truncate(usize::try_from(bytes / WORD_BYTES).expect("at most 2^21"));
        let levels = levels(&padded);
        let tree_root = levels.last().and_then(|top| top.first()).copied().unwrap_or_default();
        let root = code_root(&tree_root, start, end);
        Ok(Self { start, end, words, levels, root })
    }

    /// First address.
    #[must_use]
    pub const fn start(&self) -> u64 {
        self.start
    }

    /// Address after the last instruction.
    #[must_use]
    pub const fn end(&self) -> u64 {
        self.end
    }

    /// The commitment that a state holds: tree and bounds.
    #[must_use]
    pub const fn root(&self) -> B256 {
        self.root
    }

    /// The root of the tree alone.
    #[must_use]
    pub fn tree_root(&self) -> B256 {
        self.levels.last().and_then(|top| top.first()).copied().unwrap_or_default()
    }

    /// The instruction words from [`Self::start`] to [`Self::end`].
    #[must_use]
    pub fn words(&self) -> &[u32] {
        &self.words
    }

    /// The word at `pc`; `None` if no instruction begins there.
    #[must_use]
    pub fn fetch(&self, pc: u64) -> Option<u32> {
        if !pc.is_multiple_of(WORD_BYTES) || pc < self.start || pc >= self.end {
            return None;
        }
        let index = pc.wrapping_sub(self.start) / WORD_BYTES;
        self.words.get(usize::try_from(index).ok()?).copied()
    }

    /// The leaf that holds `pc` and its siblings from the bottom up; `None` outside of the code.
    #[must_use]
    pub fn proof(&self, pc: u64) -> Option<(B256, Vec<B256>)> {
        self.fetch(pc)?;
        let mut index = usize::try_from(pc.wrapping_sub(self.start)).ok()? / LEAF_BYTES;
        let leaf = *self.levels.first()?.get(index)?;
        let below_root = self.levels.split_last().map(|(_, below)| below)?;
        let mut siblings = Vec::with_capacity(below_root.len());
        for level in below_root {
            siblings.push(*level.get(index ^ 1)?);
            index >>= 1;
        }
        Some((leaf, siblings))
    }
}

/// The commitment to a code tree and its bounds.
// PROTOCOL.md MACHINE-2
pub(crate) fn code_root(tree_root: &B256, start: u64, end: u64) -> B256 {
    let mut packed = [0; 48];
    packed[..32].copy_from_slice(tree_root.as_slice());
    packed[32..40].copy_from_slice(&start.to_be_bytes());
    packed[40..].copy_from_slice(&end.to_be_bytes());
    keccak256(packed)
}

/// Levels of the tree over whole leaves, padded by zero leaves to a power of two.
fn levels(bytes: &[u8]) -> Vec<Vec<B256>> {
    let (leaves, _) = bytes.as_chunks::<LEAF_BYTES>();
    let mut level: Vec<B256> = leaves.iter().copied().map(B256::new).collect();
    level.resize(level.len().next_power_of_two(), B256::ZERO);
    let mut levels = Vec::new();
    while level.len() > 1 {
        let (pairs, _) = level.as_chunks::<2>();
        let mut above = vec![B256::ZERO; pairs.len()];
        hash_pairs(pairs, &mut above);
        levels.push(std::mem::replace(&mut level, above));
    }
    levels.push(level);
    levels
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::merkle::{node, root_from_siblings};

    #[test]
    fn one_leaf_is_its_own_root() {
        let code = Code::new(0x1004, &[1, 2, 3, 4, 5]).unwrap();
        assert_eq!((code.start(), code.end()), (0x1000, 0x100c));
        let mut leaf = B256::ZERO;
        leaf[4..9].copy_from_slice(&[1, 2, 3, 4, 5]);
        assert_eq!(code.tree_root(), leaf);
        assert_eq!(code.words(), [0, 0x0403_0201, 5]);
        assert_eq!(code.proof(0x1008), Some((leaf, vec![])));
        for outside in [0xffc, 0x100c, 0x1001, u64::MAX - 3] {
            assert_eq!(code.fetch(outside), None);
            assert_eq!(code.proof(outside), None);
        }
    }

    #[test]
    fn depth_follows_the_length() {
        let leaf = B256::repeat_byte;
        let three: Vec<u8> = [[1; 32], [2; 32], [3; 32]].concat();
        let code = Code::new(0, &three).unwrap();
        let root = node(&node(&leaf(1), &leaf(2)), &node(&leaf(3), &B256::ZERO));
        assert_eq!(code.tree_root(), root);
        for (bytes, depth) in [(32, 0), (33, 1), (64, 1), (65, 2), (1 << 12, 7), (1 << 23, 18)] {
            let code = Code::new(64, &vec![7; bytes]).unwrap();
            let last = code.end() - 4;
            let (leaf, siblings) = code.proof(last).unwrap();
            assert_eq!(siblings.len(), depth, "{bytes} bytes");
            let index = (last - code.start()) / 32;
            assert_eq!(root_from_siblings(leaf, index, &siblings), code.tree_root());
        }
    }

    #[test]
    fn refuses_no_code_and_too_much() {
        assert_eq!(Code::new(0, &[]).unwrap_err(), VmError::CodeSize { bytes: 0 });
        let bytes = (1 << 23) + 4;
        assert_eq!(Code::new(4, &vec![1; 1 << 23]).unwrap_err(), VmError::CodeSize { bytes });
    }
}
