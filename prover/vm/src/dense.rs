//! The hashes of all states of a stretch of a run, one for each step: the leaves of a commitment in
//! the last level of a dispute.
//!
//! Steps follow one another, but their hashes need not wait for each other. A stretch is run first,
//! keeping the states without their memory roots and the leaves that were written. Then the tree is
//! climbed: at each level, the node above a write is the hash of the value below it and of what its
//! sibling was at that time, so all nodes of a level are known together and are hashed in batches.

use alloy_primitives::B256;

use crate::{
    Code, Hart, Memory, VmError,
    batch::{hash_many, hash_pairs},
    host::HostPort,
    memory_tree::MemoryTree,
    merkle::MEMORY_HEIGHT,
    reference,
    state::{STATE_BYTES, pack_state},
    witness::Access,
};

/// Steps run before their states are hashed; they take 12 MB.
const STRETCH: usize = 1 << 15;

/// A leaf changed by a step.
struct Write {
    /// Index in the stretch of the first state that has the new value.
    state: usize,
    leaf: u32,
    value: B256,
}

/// Hashes the present state and those after it, `count` in all; the hart ends at the last of them.
pub(crate) fn dense_hashes(
    hart: &mut Hart,
    code: &Code,
    memory: &mut Memory,
    host: &mut HostPort<'_>,
    count: usize,
) -> Result<Vec<B256>, VmError> {
    let mut hashes = Vec::with_capacity(count);
    while hashes.len() < count {
        let wanted = count.wrapping_sub(hashes.len());
        if hart.is_halted() {
            let hash = crate::State {
                code_root: code.root(),
                memory_root: memory.root(),
                hart: hart.clone(),
            };
            hashes.resize(count, hash.hash());
            break;
        }
        let stretch = Stretch::run(hart, code, memory, host, wanted.min(STRETCH))?;
        hashes.extend(stretch.hashes(memory));
        if hashes.len() < count {
            reference::step(hart, code, memory, host)?;
        }
    }
    Ok(hashes)
}

/// A stretch that has been run.
struct Stretch {
    /// Packed, with the memory root of the first of them.
    states: Vec<[u8; STATE_BYTES]>,
    writes: Vec<Write>,
}

impl Stretch {
    /// Runs from the present state until there are `count` states or the machine halts.
    fn run(
        hart: &mut Hart,
        code: &Code,
        memory: &mut Memory,
        host: &mut HostPort<'_>,
        count: usize,
    ) -> Result<Self, VmError> {
        // Brings the tree up to date: it stays as it is now while the stretch runs.
        let memory_root = memory.root();
        let code_root = code.root();
        let mut stretch = Self { states: Vec::with_capacity(count), writes: Vec::new() };
        stretch.states.push(pack_state(&code_root, &memory_root, hart));
        while stretch.states.len() < count && !hart.is_halted() {
            let written = Access::of_next_step(hart, code).written_leaf();
            reference::step(hart, code, memory, host)?;
            if let Some(leaf) = written {
                let (state, value) = (stretch.states.len(), memory.leaf(leaf));
                stretch.writes.push(Write { state, leaf, value });
            }
            stretch.states.push(pack_state(&code_root, &memory_root, hart));
        }
        Ok(stretch)
    }

    /// The hashes of the states. `memory` still has the tree from before the stretch.
    fn hashes(mut self, memory: &Memory) -> Vec<B256> {
        let roots = roots_after(memory.tree(), &self.writes);
        let ends = self.writes.iter().skip(1).map(|write| write.state);
        let ends = ends.chain([self.states.len()]);
        for ((write, root), end) in self.writes.iter().zip(&roots).zip(ends) {
            for state in &mut self.states[write.state..end] {
                state[32..64].copy_from_slice(root.as_slice());
            }
        }
        let mut hashes = vec![B256::ZERO; self.states.len()];
        hash_many(&self.states, &mut hashes);
        hashes
    }
}

/// The memory roots after each write, from the tree before all of them.
fn roots_after(tree: &MemoryTree, writes: &[Write]) -> Vec<B256> {
    let mut values: Vec<B256> = writes.iter().map(|write| write.value).collect();
    let (mut nodes, mut places) = distinct(writes.iter().map(|write| write.leaf));
    for height in 0..MEMORY_HEIGHT {
        let siblings = Siblings::new(&nodes, |node| tree.node_at(height, node));
        let pairs = siblings.pairs(&nodes, &places, &values);
        hash_pairs(&pairs, &mut values);
        climb(&mut nodes, &mut places);
    }
    values
}

/// The distinct numbers in order, and the place in them of each number given.
fn distinct(numbers: impl Iterator<Item = u32> + Clone) -> (Vec<u32>, Vec<u32>) {
    let mut sorted: Vec<u32> = numbers.clone().collect();
    sorted.sort_unstable();
    sorted.dedup();
    let place = |number| {
        let place = sorted.binary_search(&number).expect("it is one of them");
        u32::try_from(place).expect("as many as steps at most")
    };
    let places = numbers.map(place).collect();
    (sorted, places)
}

/// Replaces nodes, which are distinct and in order, by their parents.
fn climb(nodes: &mut Vec<u32>, places: &mut [u32]) {
    let mut parent_places = Vec::with_capacity(nodes.len());
    let mut parents: Vec<u32> = Vec::with_capacity(nodes.len());
    for node in nodes.iter() {
        if parents.last() != Some(&(node >> 1)) {
            parents.push(node >> 1);
        }
        parent_places.push(u32::try_from(parents.len()).expect("few").wrapping_sub(1));
    }
    *nodes = parents;
    places.iter_mut().for_each(|place| *place = parent_places[*place as usize]);
}

/// Pairs of children at one level as time goes by.
struct Siblings {
    /// For each node: the value of the pair that it belongs to, before the writes.
    old_pairs: Vec<[B256; 2]>,
    /// For each node: its pair.
    pair_of: Vec<usize>,
}

impl Siblings {
    fn new(nodes: &[u32], old_node: impl Fn(u32) -> B256) -> Self {
        let mut siblings = Self { old_pairs: Vec::new(), pair_of: Vec::with_capacity(nodes.len()) };
        let mut last_parent = None;
        for node in nodes {
            if last_parent != Some(node >> 1) {
                last_parent = Some(node >> 1);
                siblings.old_pairs.push([old_node(node & !1), old_node(node | 1)]);
            }
            siblings.pair_of.push(siblings.old_pairs.len().wrapping_sub(1));
        }
        siblings
    }

    /// The pair after each write, where write i gave `values[i]` to the node at `places[i]`.
    fn pairs(mut self, nodes: &[u32], places: &[u32], values: &[B256]) -> Vec<[B256; 2]> {
        let after = |(place, value): (&u32, &B256)| {
            let pair = &mut self.old_pairs[self.pair_of[*place as usize]];
            pair[(nodes[*place as usize] & 1) as usize] = *value;
            *pair
        };
        places.iter().zip(values).map(after).collect()
    }
}
