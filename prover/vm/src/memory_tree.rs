//! The tree over the memory: 18 levels above the pages are kept, the 7 levels inside a page are
//! hashed anew when it changes. Hashes are batched eight at a time and spread over threads.

use alloy_primitives::B256;
use gainsay_keccak::keccak256_pairs;
use rayon::prelude::*;

use crate::{
    batch::hash_pairs,
    memory::{MEMORY_LEN, PAGE_BYTES, PAGE_COUNT},
    merkle::{LEAF_BYTES, MEMORY_HEIGHT, zero_hash},
};

/// Levels inside a page: 128 leaves.
pub(crate) const PAGE_HEIGHT: u32 = 7;

/// Leaves of a page.
pub(crate) const PAGE_LEAVES: usize = PAGE_BYTES / LEAF_BYTES;

/// Pages that a thread hashes together, so that even their top levels fill the lanes.
const PAGES_TOGETHER: usize = 16;

/// Pages that one thread hashes alone: 200 us of work.
const PAGES_ALONE: usize = 48;

/// The nodes from the pages' roots up to the root.
pub(crate) struct MemoryTree {
    /// As a heap: the root at 1, children of i at 2i and 2i + 1, roots of pages from
    /// [`PAGE_COUNT`] on. All zero bytes stand for a subtree of zeros, so that an untouched tree
    /// takes no memory.
    nodes: Vec<[u8; 32]>,
}

impl MemoryTree {
    pub(crate) fn new() -> Self {
        Self { nodes: vec![[0; 32]; PAGE_COUNT << 1] }
    }

    pub(crate) fn root(&self) -> B256 {
        self.node(1)
    }

    /// Hashes the given pages, which are in order, and everything above them.
    pub(crate) fn update(&mut self, pages: &[(u32, &[u8; PAGE_BYTES])]) {
        let groups = pages.chunks(PAGES_TOGETHER);
        let roots: Vec<B256> = if pages.len() <= PAGES_ALONE {
            groups.flat_map(page_roots).collect()
        } else {
            pages.par_chunks(PAGES_TOGETHER).flat_map_iter(page_roots).collect()
        };
        let mut changed = Vec::with_capacity(pages.len());
        for ((page, _), root) in pages.iter().zip(&roots) {
            let index = PAGE_COUNT | *page as usize;
            self.nodes[index] = root.0;
            changed.push(index);
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
    pub(crate) fn siblings(&self, memory: &[u8; MEMORY_LEN], leaf: u32, lowest: u32) -> Vec<B256> {
        let mut siblings = Vec::new();
        if lowest < PAGE_HEIGHT {
            let page = leaf >> PAGE_HEIGHT;
            let levels = page_levels(&[&memory.as_chunks::<PAGE_BYTES>().0[page as usize]]);
            let inside = leaf as usize & PAGE_LEAVES.wrapping_sub(1);
            for height in lowest..PAGE_HEIGHT {
                siblings.push(levels[height as usize][(inside >> height) ^ 1]);
            }
        }
        for height in lowest.max(PAGE_HEIGHT)..MEMORY_HEIGHT {
            siblings.push(self.node_at(height, leaf >> height ^ 1));
        }
        siblings
    }

    /// A node at or above the roots of pages, by its height and its index in that level.
    pub(crate) fn node_at(&self, height: u32, index: u32) -> B256 {
        let first = 1_usize << MEMORY_HEIGHT.wrapping_sub(height);
        self.node(first | index as usize)
    }

    /// A node by its place in the heap.
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

/// The roots of some pages.
fn page_roots(pages: &[(u32, &[u8; PAGE_BYTES])]) -> Vec<B256> {
    let pages: Vec<_> = pages.iter().map(|(_, bytes)| *bytes).collect();
    page_levels(&pages).pop().expect("levels up to the root")
}

/// The nodes of some pages, level by level from the leaves to [`PAGE_HEIGHT`]; a level holds the
/// nodes of the first page, then those of the second, and so on.
pub(crate) fn page_levels(pages: &[&[u8; PAGE_BYTES]]) -> Vec<Vec<B256>> {
    let mut leaves = Vec::with_capacity(pages.len().saturating_mul(PAGE_LEAVES));
    for page in pages {
        leaves.extend(page.as_chunks::<LEAF_BYTES>().0.iter().copied().map(B256::new));
    }
    let mut levels = Vec::with_capacity(PAGE_HEIGHT.wrapping_add(1) as usize);
    levels.push(leaves);
    for height in 0..PAGE_HEIGHT {
        let (pairs, _) = levels[height as usize].as_chunks::<2>();
        let mut level = vec![B256::ZERO; pairs.len()];
        keccak256_pairs(pairs, &mut level);
        levels.push(level);
    }
    levels
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
                let bytes = memory.slice(0, 1 << 30).unwrap().try_into().unwrap();
                let path = memory.tree().siblings(bytes, leaf, height);
                let subtree = root_by_definition(&memory, height, leaf);
                let index = u64::from(leaf >> height);
                let computed = merkle::root_from_siblings(subtree, index, &path);
                assert_eq!(computed, root, "seed {seed}, leaf {leaf}, height {height}");
            }
        }
    }
}
