//! The memory: 2^30 bytes in one allocation that the operating system fills with zeros when they
//! are touched, a record of changed pages, and the tree over it.
//!
//! Only touched pages cost anything. A store marks its page; each reader of changes (the tree, the
//! snapshots, the reset to the image) takes the marks it has not seen yet.

use alloy_primitives::B256;

use crate::{
    memory_tree::MemoryTree,
    merkle::{
        LEAF_BYTES, MEMORY_BYTES, MEMORY_LEN, MemoryPath, PAGE_BYTES, PAGE_COUNT, PAGE_SHIFT,
    },
};

/// What a store leaves in the record of its page: a bit for each reader.
pub(crate) const CHANGED: u8 = 0xff;

/// A reader of changes.
#[derive(Clone, Copy, Debug)]
#[repr(u8)]
pub(crate) enum Reader {
    /// Brings the tree up to date.
    Tree = 1,
    /// Copies pages into snapshots.
    Snapshots = 2,
    /// Puts the image back.
    Image = 4,
}

/// Why an access did not happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AccessFault {
    /// The address is not a multiple of the size.
    Misaligned,
    /// The access would end beyond the memory.
    OutOfRange,
}

/// The memory of a machine.
pub struct Memory {
    bytes: Box<[u8; MEMORY_LEN]>,
    /// A byte for each page.
    changes: Box<[u8; PAGE_COUNT]>,
    tree: MemoryTree,
}

impl std::fmt::Debug for Memory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let changed = self.changes.iter().filter(|changes| **changes != 0).count();
        f.debug_struct("Memory").field("touched_pages", &changed).finish_non_exhaustive()
    }
}

impl Default for Memory {
    fn default() -> Self {
        Self::new()
    }
}

impl Memory {
    /// A memory of zeros.
    ///
    /// # Panics
    /// Never: the sizes are constants.
    #[must_use]
    pub fn new() -> Self {
        Self { bytes: zeroed(), changes: zeroed(), tree: MemoryTree::new() }
    }

    /// Reads `size` (1, 2, 4 or 8) bytes, little endian, zero extended.
    pub(crate) fn load(&self, address: u64, size: u64) -> Result<u64, AccessFault> {
        let at = checked_index(address, size)?;
        Ok(self.bytes[at..]
            .iter()
            .take(index(size))
            .rev()
            .fold(0, |value, byte| (value << 8) | u64::from(*byte)))
    }

    /// Writes the low `size` (1, 2, 4 or 8) bytes of `value`, little endian.
    pub(crate) fn store(&mut self, address: u64, size: u64, value: u64) -> Result<(), AccessFault> {
        let at = checked_index(address, size)?;
        let size = index(size);
        self.bytes[at..at.wrapping_add(size)].copy_from_slice(&value.to_le_bytes()[..size]);
        self.changes[at >> PAGE_SHIFT] = CHANGED;
        Ok(())
    }

    /// The bytes from `address` on, if all of them are inside.
    #[must_use]
    pub fn slice(&self, address: u64, bytes: u64) -> Option<&[u8]> {
        let end = address.checked_add(bytes).filter(|end| *end <= MEMORY_BYTES)?;
        Some(&self.bytes[index(address)..index(end)])
    }

    /// Puts bytes at `address`. False, and nothing done, if they do not fit.
    #[must_use]
    pub fn write(&mut self, address: u64, bytes: &[u8]) -> bool {
        let Some(end) = address.checked_add(bytes.len() as u64).filter(|end| *end <= MEMORY_BYTES)
        else {
            return false;
        };
        if bytes.is_empty() {
            return true;
        }
        self.bytes[index(address)..index(end)].copy_from_slice(bytes);
        let (first, last) = (index(address), index(end).wrapping_sub(1));
        self.changes[first >> PAGE_SHIFT..=last >> PAGE_SHIFT].fill(CHANGED);
        true
    }

    /// The 32 bytes of a leaf.
    ///
    /// # Panics
    /// When there is no such leaf.
    #[must_use]
    pub fn leaf(&self, leaf: u32) -> B256 {
        let (leaves, _) = self.bytes.as_chunks::<LEAF_BYTES>();
        B256::new(leaves[leaf as usize])
    }

    /// The root of the tree, after bringing changed pages up to date.
    pub fn root(&mut self) -> B256 {
        let changed = self.take_changes(Reader::Tree);
        let (pages, _) = self.bytes.as_chunks::<PAGE_BYTES>();
        let changed: Vec<_> = changed.iter().map(|page| (*page, &pages[*page as usize])).collect();
        self.tree.update(&[changed]);
        self.tree.root()
    }

    /// Takes the tree away, to be brought up to date elsewhere and put back by [`Self::put_tree`];
    /// meanwhile the memory has no tree.
    pub(crate) fn take_tree(&mut self) -> MemoryTree {
        std::mem::replace(&mut self.tree, MemoryTree::new())
    }

    /// Puts back the tree.
    pub(crate) fn put_tree(&mut self, tree: MemoryTree) {
        self.tree = tree;
    }

    /// Copies of the pages changed since this reader asked last.
    pub(crate) fn copy_changes(&mut self, reader: Reader) -> Vec<(u32, Box<[u8; PAGE_BYTES]>)> {
        let changed = self.take_changes(reader);
        changed.into_iter().map(|page| (page, Box::new(*self.page(page)))).collect()
    }

    /// The siblings from height `lowest` up of the subtree of that height that begins with `leaf`.
    /// The tree must be up to date: call [`Self::root`] first.
    #[must_use]
    pub fn path(&self, leaf: u32, lowest: u32) -> MemoryPath {
        MemoryPath::compress(lowest, self.tree.siblings(leaf, lowest))
    }

    /// What the fast engine works on: the bytes, and the record of changes by page.
    pub(crate) const fn parts(&mut self) -> (&mut [u8; MEMORY_LEN], &mut [u8; PAGE_COUNT]) {
        (&mut self.bytes, &mut self.changes)
    }

    /// The tree as of the last [`Self::root`].
    pub(crate) const fn tree(&self) -> &MemoryTree {
        &self.tree
    }

    /// Pages changed since this reader asked last, in order.
    pub(crate) fn take_changes(&mut self, reader: Reader) -> Vec<u32> {
        let bit = reader as u8;
        let mut pages = Vec::new();
        // Few pages have changed: the rest is passed by in vectors, in two sizes of steps.
        for (group, changes) in (0_u32..).zip(self.changes.as_chunks_mut::<1024>().0) {
            if !any_is_set(changes, bit) {
                continue;
            }
            for (part, changes) in (group << 4..).zip(changes.as_chunks_mut::<64>().0) {
                if !any_is_set(changes, bit) {
                    continue;
                }
                for (page, changes) in (part << 6..).zip(changes) {
                    if *changes & bit != 0 {
                        *changes &= !bit;
                        pages.push(page);
                    }
                }
            }
        }
        pages
    }

    /// The bytes of a page.
    pub(crate) fn page(&self, page: u32) -> &[u8; PAGE_BYTES] {
        &self.bytes.as_chunks::<PAGE_BYTES>().0[page as usize]
    }

    /// Replaces a page.
    pub(crate) fn set_page(&mut self, page: u32, bytes: &[u8; PAGE_BYTES]) {
        self.bytes.as_chunks_mut::<PAGE_BYTES>().0[page as usize] = *bytes;
        self.changes[page as usize] = CHANGED;
    }
}

/// The checks of every access, misalignment first.
fn checked_index(address: u64, size: u64) -> Result<usize, AccessFault> {
    if address & size.wrapping_sub(1) != 0 {
        return Err(AccessFault::Misaligned);
    }
    // An aligned access that begins inside ends inside.
    if address >= MEMORY_BYTES {
        return Err(AccessFault::OutOfRange);
    }
    Ok(index(address))
}

/// An address below 2^30 as an index.
#[expect(clippy::cast_possible_truncation, reason = "addresses in memory have 30 bits")]
const fn index(address: u64) -> usize {
    address as usize
}

/// Without a way out before the end, so that it is done in vectors.
fn any_is_set(changes: &[u8], bit: u8) -> bool {
    changes.iter().fold(0, |all, changes| all | changes) & bit != 0
}

/// Zeros that cost nothing until they are touched.
fn zeroed<const LEN: usize>() -> Box<[u8; LEN]> {
    vec![0; LEN].into_boxed_slice().try_into().expect("the length is the same constant")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loads_what_was_stored_in_little_endian() {
        let mut memory = Memory::new();
        memory.store(8, 8, 0x0102_0304_0506_0708).unwrap();
        assert_eq!(memory.load(8, 1), Ok(8));
        assert_eq!(memory.load(10, 2), Ok(0x0506));
        assert_eq!(memory.load(12, 4), Ok(0x0102_0304));
        assert_eq!(memory.load(8, 8), Ok(0x0102_0304_0506_0708));
        memory.store(9, 1, 0xffee).unwrap();
        assert_eq!(memory.load(8, 8), Ok(0x0102_0304_0506_ee08));
    }

    #[test]
    fn ends_where_it_ends() {
        let mut memory = Memory::new();
        let end = MEMORY_BYTES;
        assert_eq!(memory.store(end - 8, 8, u64::MAX), Ok(()));
        assert_eq!(memory.load(end - 1, 1), Ok(0xff));
        assert_eq!(memory.load(end, 1), Err(AccessFault::OutOfRange));
        assert_eq!(memory.load(end - 4, 8), Err(AccessFault::Misaligned));
        assert_eq!(memory.store(u64::MAX - 7, 8, 0), Err(AccessFault::OutOfRange));
        assert_eq!(memory.store(u64::MAX, 8, 0), Err(AccessFault::Misaligned));
        assert!(memory.write(end - 2, &[1, 2]));
        assert!(!memory.write(end - 1, &[1, 2]));
        assert!(!memory.write(u64::MAX, &[1, 2]));
        assert!(memory.slice(end - 2, 2).is_some());
        assert!(memory.slice(end - 1, 2).is_none());
        assert!(memory.slice(u64::MAX, 2).is_none());
    }

    #[test]
    fn each_reader_sees_each_change_once() {
        let mut memory = Memory::new();
        memory.store(5 * 4096, 1, 0).unwrap();
        assert!(memory.write(9 * 4096 - 1, &[1, 1]));
        assert_eq!(memory.take_changes(Reader::Tree), [5, 8, 9]);
        assert_eq!(memory.take_changes(Reader::Tree), []);
        memory.store(0, 1, 0).unwrap();
        assert_eq!(memory.take_changes(Reader::Tree), [0]);
        assert_eq!(memory.take_changes(Reader::Snapshots), [0, 5, 8, 9]);
    }
}
