//! The tree over the memory. It keeps the nodes of touched pages, leaves included, and the 18
//! levels above the pages, so that only what has changed since the last time is hashed: eight
//! hashes at a time, and on more threads when there are many.

use std::{collections::HashMap, sync::LazyLock};

use alloy_primitives::B256;
use gainsay_keccak::keccak256_pairs;
use rayon::prelude::*;

use crate::{
    batch::hash_pairs,
    memory::{PAGE_BYTES, PAGE_COUNT},
    merkle::{LEAF_BYTES, MEMORY_HEIGHT, zero_hash},
};

/// Levels inside a page: 128 leaves.
pub(crate) const PAGE_HEIGHT: u32 = 7;

const PAGE_LEAVES: usize = PAGE_BYTES / LEAF_BYTES;

/// Pages that a thread hashes together, so that even their top levels fill the lanes.
const PAGES_TOGETHER: usize = 16;

/// Pages that one thread hashes alone: 200 us of work.
const PAGES_ALONE: usize = 48;

/// The nodes of a page as a heap: its root at 1, children of i at 2i and 2i + 1, leaves from
/// [`PAGE_LEAVES`] on.
type PageNodes = [B256; PAGE_LEAVES << 1];

/// The nodes of a page of zeros.
static ZERO_PAGE: LazyLock<PageNodes> = LazyLock::new(|| {
    std::array::from_fn(|index| {
        zero_hash(PAGE_HEIGHT.wrapping_sub(index.checked_ilog2().unwrap_or_default()))
    })
});

/// All nodes that are not those of zeros.
pub(crate) struct MemoryTree {
    /// As a heap: the root at 1, roots of pages from [`PAGE_COUNT`] on. All zero bytes stand for a
    /// subtree of zeros, so that an untouched tree takes no memory.
    nodes: Vec<[u8; 32]>,
    /// By number; pages that were never touched are left out.
    pages: HashMap<u32, Box<PageNodes>>,
}

/// A page in hashing.
struct Page<'a> {
    number: u32,
    bytes: &'a [u8; PAGE_BYTES],
    nodes: Box<PageNodes>,
}

impl MemoryTree {
    pub(crate) fn new() -> Self {
        Self { nodes: vec![[0; 32]; PAGE_COUNT << 1], pages: HashMap::new() }
    }

    pub(crate) fn root(&self) -> B256 {
        self.node(1)
    }

    /// Takes the bytes of pages, which are in order of their numbers, and hashes what differs from
    /// before and everything above it.
    pub(crate) fn update(&mut self, pages: &[(u32, &[u8; PAGE_BYTES])]) {
        let mut hashing: Vec<Page<'_>> = Vec::with_capacity(pages.len());
        for (number, bytes) in pages {
            let nodes = self.pages.remove(number).unwrap_or_else(|| Box::new(*ZERO_PAGE));
            hashing.push(Page { number: *number, bytes, nodes });
        }
        if pages.len() <= PAGES_ALONE {
            hashing.chunks_mut(PAGES_TOGETHER).for_each(hash_pages);
        } else {
            hashing.par_chunks_mut(PAGES_TOGETHER).for_each(hash_pages);
        }
        let mut changed = Vec::with_capacity(hashing.len());
        for Page { number, nodes, .. } in hashing {
            let index = PAGE_COUNT | number as usize;
            if self.node(index) != nodes[1] {
                self.nodes[index] = nodes[1].0;
                changed.push(index);
            }
            self.pages.insert(number, nodes);
        }
        while changed.first().is_some_and(|index| *index > 1) {
            changed.iter_mut().for_each(|index| *index >>= 1);
            changed.dedup();
            let pairs: Vec<[B256; 2]> = changed.iter().map(|index| self.children(*index)).collect();
            let mut hashes = vec![B256::ZERO; pairs.len()];
            hash_pairs(&pairs, &mut hashes);
            for (index, hash) in changed.iter().zip(&hashes) {
                self.nodes[*index] = hash.0;
            }
        }
    }

    /// The siblings from height `lowest` up of the subtree of that height that begins with `leaf`.
    pub(crate) fn siblings(&self, leaf: u32, lowest: u32) -> impl Iterator<Item = B256> {
        (lowest..MEMORY_HEIGHT).map(move |height| self.node_at(height, (leaf >> height) ^ 1))
    }

    /// A node by its height and its index in that level.
    pub(crate) fn node_at(&self, height: u32, index: u32) -> B256 {
        let Some(below_root) = PAGE_HEIGHT.checked_sub(height) else {
            let first = 1_usize << MEMORY_HEIGHT.wrapping_sub(height);
            return self.node(first | index as usize);
        };
        let inside = index & !(u32::MAX << below_root);
        let place = (1 << below_root) | inside as usize;
        self.pages.get(&(index >> below_root)).map_or(zero_hash(height), |nodes| nodes[place])
    }

    /// A node at or above the roots of pages, by its place in the heap.
    fn node(&self, index: usize) -> B256 {
        match self.nodes[index] {
            [0, ..] if self.nodes[index] == [0; 32] => {
                zero_hash(MEMORY_HEIGHT.wrapping_sub(index.ilog2()))
            }
            hash => B256::new(hash),
        }
    }

    fn children(&self, index: usize) -> [B256; 2] {
        let left = index << 1;
        [self.node(left), self.node(left | 1)]
    }
}

/// Brings the nodes of some pages up to date with their bytes.
fn hash_pages(pages: &mut [Page<'_>]) {
    // Page in the group, and index in its heap.
    let mut changed: Vec<(usize, usize)> = Vec::new();
    for (number, page) in pages.iter_mut().enumerate() {
        let (leaves, _) = page.bytes.as_chunks::<LEAF_BYTES>();
        for (leaf, bytes) in leaves.iter().enumerate() {
            let node = &mut page.nodes[PAGE_LEAVES | leaf];
            if node.0 != *bytes {
                node.0 = *bytes;
                changed.push((number, PAGE_LEAVES | leaf));
            }
        }
    }
    let mut pairs: Vec<[B256; 2]> = Vec::with_capacity(changed.len());
    let mut hashes = Vec::with_capacity(changed.len());
    for _ in 0..PAGE_HEIGHT {
        changed.iter_mut().for_each(|(_, index)| *index >>= 1);
        changed.dedup();
        pairs.clear();
        pairs.extend(changed.iter().map(|(page, index)| {
            let left = index << 1;
            [pages[*page].nodes[left], pages[*page].nodes[left | 1]]
        }));
        hashes.resize(pairs.len(), B256::ZERO);
        keccak256_pairs(&pairs, &mut hashes);
        for ((page, index), hash) in changed.iter().zip(&hashes) {
            pages[*page].nodes[*index] = *hash;
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::{Rng, SeedableRng, rngs::StdRng};

    use super::*;
    use crate::{Memory, merkle};

    /// The root by the definition alone: recursion down to leaves, one hash at a time.
    fn root_by_definition(memory: &Memory, height: u32, first_leaf: u32) -> B256 {
        let bytes = memory.slice(u64::from(first_leaf) * 32, 32 << height).unwrap();
        if bytes.iter().all(|byte| *byte == 0) {
            return zero_hash(height);
        }
        if height == 0 {
            return B256::from_slice(bytes);
        }
        let left = root_by_definition(memory, height - 1, first_leaf);
        let middle = first_leaf + (1 << (height - 1));
        merkle::node(&left, &root_by_definition(memory, height - 1, middle))
    }

    #[test]
    fn empty_memory_has_the_zero_hash() {
        assert_eq!(Memory::new().root(), zero_hash(25));
    }

    #[test]
    fn incremental_roots_equal_those_from_scratch() {
        let seed = rand::random();
        println!("seed {seed}");
        let mut random = StdRng::seed_from_u64(seed);
        let mut memory = Memory::new();
        for _ in 0..6 {
            for _ in 0..random.random_range(1..200) {
                let spread = random.random_range(4..30);
                let address = random.random_range(0..1_u64 << spread) & !7;
                memory.store(address, 8, random.random()).unwrap();
            }
            // Bytes that become zero again must give the zero hash again.
            memory.store(random.random_range(0..16) * 8, 8, 0).unwrap();
            assert_eq!(memory.root(), root_by_definition(&memory, 25, 0), "seed {seed}");
        }
    }

    #[test]
    fn paths_lead_to_the_root() {
        let seed = rand::random();
        println!("seed {seed}");
        let mut random = StdRng::seed_from_u64(seed);
        let mut memory = Memory::new();
        for _ in 0..1000 {
            let bits = random.random_range(8..30);
            let address = random.random_range(0..1_u64 << bits);
            memory.store(address & !7, 8, random.random()).unwrap();
        }
        let root = memory.root();
        for height in 0..=11 {
            for _ in 0..20 {
                let bits = random.random_range(11..25);
                let leaf: u32 = random.random_range(0..1 << bits);
                let leaf = leaf >> height << height;
                let path: Vec<B256> = memory.tree().siblings(leaf, height).collect();
                let subtree = root_by_definition(&memory, height, leaf);
                let index = u64::from(leaf >> height);
                let computed = merkle::root_from_siblings(subtree, index, &path);
                assert_eq!(computed, root, "seed {seed}, leaf {leaf}, height {height}");
            }
        }
    }
}
