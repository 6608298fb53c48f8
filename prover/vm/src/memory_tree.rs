//! The tree over the memory. It keeps the nodes of touched pages, leaves included, and the 18
//! levels above the pages, so that only changed nodes are hashed: eight hashes at a time, several
//! states together, and on several threads when there are many.

use std::{collections::HashMap, sync::LazyLock};

use alloy_primitives::B256;
use rayon::prelude::*;

use crate::{
    batch::hash_pairs,
    merkle::{LEAF_BYTES, MEMORY_HEIGHT, PAGE_BYTES, PAGE_COUNT, zero_hash},
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

/// All nodes that differ from those of a memory of zeros.
pub(crate) struct MemoryTree {
    /// As a heap: the root at 1, roots of pages from [`PAGE_COUNT`] on. All zero bytes stand for a
    /// subtree of zeros, so that an untouched tree takes no memory.
    nodes: Vec<[u8; 32]>,
    /// By number; pages that were never touched are left out.
    pages: HashMap<u32, Box<PageNodes>>,
}

/// Nodes of one level in several versions of a tree: version and place, older versions first.
struct Level {
    places: Vec<(usize, usize)>,
    hashes: Vec<B256>,
}

/// Some pages and their versions: one for each state in which a page has changed.
struct Group<'a> {
    /// Index of the page in `nodes`, index of the state, the page's bytes; older states first.
    versions: Vec<(usize, usize, &'a [u8; PAGE_BYTES])>,
    numbers: Vec<u32>,
    nodes: Vec<Box<PageNodes>>,
    /// Of versions that differ from the one before: roots of pages.
    roots: Level,
}

impl MemoryTree {
    pub(crate) fn new() -> Self {
        Self { nodes: vec![[0; 32]; PAGE_COUNT << 1], pages: HashMap::new() }
    }

    pub(crate) fn root(&self) -> B256 {
        self.node(1)
    }

    /// Takes the pages that have changed from state to state, and returns the root of each state.
    /// All states are hashed together, level by level, so that even one with few changes fills the
    /// lanes.
    pub(crate) fn update<'a, P>(&mut self, states: &'a [P]) -> Vec<B256>
    where
        P: AsRef<[(u32, &'a [u8; PAGE_BYTES])]>,
    {
        let mut groups = self.take_groups(states);
        let versions: usize = groups.iter().map(|group| group.versions.len()).sum();
        if versions <= PAGES_ALONE {
            groups.iter_mut().for_each(Group::hash);
        } else {
            groups.par_iter_mut().for_each(Group::hash);
        }
        // Above the pages a version is a state: the roots of pages become one level, state by
        // state.
        let mut changed: Vec<((usize, usize), B256)> = Vec::with_capacity(versions);
        for Group { versions, numbers, nodes, roots } in groups {
            for ((version, _), root) in roots.places.iter().zip(&roots.hashes) {
                let (page, state, _) = versions[*version];
                changed.push(((state, PAGE_COUNT | numbers[page] as usize), *root));
            }
            self.pages.extend(numbers.into_iter().zip(nodes));
        }
        changed.sort_unstable_by_key(|(place, _)| *place);
        let (places, hashes) = changed.into_iter().unzip();
        let mut level = Level { places, hashes };
        // The root before the first state, read before the climb overwrites it.
        let mut root = self.root();
        for _ in PAGE_HEIGHT..MEMORY_HEIGHT {
            level.rise(self);
        }
        // `rise` writes a level when it leaves it. Nothing rises from the roots: write them here.
        level.write(self);
        // A state without a changed page has no entry here: its root is that of the state before.
        let mut roots = level.places.iter().zip(&level.hashes).peekable();
        let root_after = |state| {
            if let Some((_, hash)) = roots.next_if(|((version, _), _)| *version == state) {
                root = *hash;
            }
            root
        };
        (0..states.len()).map(root_after).collect()
    }

    /// The pages that occur, in groups.
    fn take_groups<'a, P>(&mut self, states: &'a [P]) -> Vec<Group<'a>>
    where
        P: AsRef<[(u32, &'a [u8; PAGE_BYTES])]>,
    {
        let pages = states.iter().flat_map(|pages| pages.as_ref().iter().map(|(page, _)| *page));
        let mut numbers: Vec<u32> = pages.collect();
        numbers.sort_unstable();
        numbers.dedup();
        let mut groups: Vec<Group<'a>> = Vec::with_capacity(numbers.len() / PAGES_TOGETHER);
        for numbers in numbers.chunks(PAGES_TOGETHER) {
            // Taken out of the map, so that threads own the pages that they hash.
            let zero_page = || Box::new(*ZERO_PAGE);
            let take = |number| self.pages.remove(number).unwrap_or_else(zero_page);
            groups.push(Group {
                versions: Vec::with_capacity(numbers.len()),
                nodes: numbers.iter().map(take).collect(),
                numbers: numbers.to_vec(),
                roots: Level { places: Vec::new(), hashes: Vec::new() },
            });
        }
        for (state, pages) in states.iter().enumerate() {
            for (number, bytes) in pages.as_ref() {
                let Ok(index) = numbers.binary_search(number) else { continue };
                let group = &mut groups[index / PAGES_TOGETHER];
                group.versions.push((index % PAGES_TOGETHER, state, bytes));
            }
        }
        groups
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
        // The high bits of the index name the page, the low ones the node in its level there.
        let inside = index & !(u32::MAX << below_root);
        let place = (1 << below_root) | inside as usize;
        self.pages.get(&(index >> below_root)).map_or(zero_hash(height), |nodes| nodes[place])
    }

    /// A node at or above the roots of pages, by its place in the heap.
    fn node(&self, index: usize) -> B256 {
        match self.nodes[index] {
            // Nearly every hash differs from zero in the first byte, so that the rest is rarely
            // compared.
            [0, ..] if self.nodes[index] == [0; 32] => {
                zero_hash(MEMORY_HEIGHT.wrapping_sub(index.ilog2()))
            }
            hash => B256::new(hash),
        }
    }
}

/// A tree whose nodes are hashed in several versions.
trait Versioned {
    fn set(&mut self, version: usize, place: usize, hash: B256);
    fn node(&self, version: usize, place: usize) -> B256;
}

/// Versions are states.
impl Versioned for MemoryTree {
    fn set(&mut self, _state: usize, place: usize, hash: B256) {
        self.nodes[place] = hash.0;
    }

    fn node(&self, _state: usize, place: usize) -> B256 {
        Self::node(self, place)
    }
}

impl Versioned for Group<'_> {
    fn set(&mut self, version: usize, place: usize, hash: B256) {
        let (page, ..) = self.versions[version];
        self.nodes[page][place] = hash;
    }

    fn node(&self, version: usize, place: usize) -> B256 {
        let (page, ..) = self.versions[version];
        self.nodes[page][place]
    }
}

impl Level {
    /// Becomes the level above. A version is written and the children of its parents are read
    /// before the next one is written, so that each parent sees the children of its time.
    fn rise(&mut self, tree: &mut impl Versioned) {
        let (mut places, mut pairs) = (Vec::new(), Vec::new());
        let mut hashes = self.hashes.iter();
        for nodes in self.places.chunk_by(|one, other| one.0 == other.0) {
            for ((version, place), hash) in nodes.iter().zip(hashes.by_ref()) {
                tree.set(*version, *place, *hash);
            }
            for (version, place) in nodes {
                let above = (*version, place >> 1);
                // Places rise within a version, so that two children of one parent are neighbours.
                if places.last() != Some(&above) {
                    let [left, right] = [place & !1, place | 1];
                    pairs.push([tree.node(*version, left), tree.node(*version, right)]);
                    places.push(above);
                }
            }
        }
        self.hashes.resize(pairs.len(), B256::ZERO);
        hash_pairs(&pairs, &mut self.hashes);
        self.places = places;
    }

    fn write(&self, tree: &mut impl Versioned) {
        for ((version, place), hash) in self.places.iter().zip(&self.hashes) {
            tree.set(*version, *place, *hash);
        }
    }
}

impl Group<'_> {
    /// Brings the nodes up to date with the bytes.
    fn hash(&mut self) {
        let mut level = self.changed_leaves();
        for _ in 0..PAGE_HEIGHT {
            level.rise(self);
        }
        level.write(self);
        self.roots = level;
    }

    /// The leaves that differ from the version before.
    fn changed_leaves(&self) -> Level {
        let mut level = Level { places: Vec::new(), hashes: Vec::new() };
        let mut newest: Vec<Option<&[u8; PAGE_BYTES]>> = vec![None; self.nodes.len()];
        for (version, (page, _, bytes)) in self.versions.iter().enumerate() {
            // What differs from the version before, or, for the first one, from the tree.
            let before =
                newest[*page].replace(bytes).map(|bytes| bytes.as_chunks::<LEAF_BYTES>().0);
            for (leaf, bytes) in bytes.as_chunks::<LEAF_BYTES>().0.iter().enumerate() {
                let place = PAGE_LEAVES | leaf;
                let before = before.map_or(&self.nodes[*page][place].0, |leaves| &leaves[leaf]);
                if before != bytes {
                    level.places.push((version, place));
                    level.hashes.push(B256::new(*bytes));
                }
            }
        }
        level
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
