//! The hashes of states far apart, made on another thread while the machine runs on.
//!
//! The runner copies the pages that have changed since the state before and goes on; the hasher
//! owns the tree meanwhile. While the hasher keeps up, a run only pays for the copies.

use std::sync::mpsc::sync_channel;

use alloy_primitives::B256;

use crate::{
    Hart, batch::hash_many, memory_tree::MemoryTree, merkle::PAGE_BYTES, state::pack_state,
};

/// States handed over together: fewer would wake the hasher too often.
const TOGETHER: usize = 16;

/// Pages after which states are handed over even if there are fewer.
const PAGES_TOGETHER: usize = 1_024;

/// Groups of states that wait to be hashed; then the runner waits.
const QUEUE: usize = 2;

/// A state that is to be hashed, by what has changed since the one before.
pub(crate) struct Waiting {
    pub(crate) hart: Hart,
    pub(crate) pages: Vec<(u32, Box<[u8; PAGE_BYTES]>)>,
}

/// Calls `run` with a function that takes states, and returns what it returns and the hashes of
/// these states in order. The tree ends as that of the last state.
pub(crate) fn hash_meanwhile<T>(
    code_root: B256,
    tree: &mut MemoryTree,
    run: impl FnOnce(&mut dyn FnMut(Waiting)) -> T,
) -> (T, Vec<B256>) {
    std::thread::scope(|scope| {
        let (sender, receiver) = sync_channel::<Vec<Waiting>>(QUEUE);
        let hasher = scope.spawn(move || {
            let mut hashes = Vec::new();
            for group in receiver {
                hashes.extend(hash_group(code_root, tree, &group));
            }
            hashes
        });
        let (mut group, mut pages) = (Vec::new(), 0_usize);
        let hand_over = |group| sender.send(group).expect("the hasher takes all states");
        let result = run(&mut |waiting| {
            pages = pages.saturating_add(waiting.pages.len());
            group.push(waiting);
            if group.len() >= TOGETHER || pages >= PAGES_TOGETHER {
                hand_over(std::mem::take(&mut group));
                pages = 0;
            }
        });
        hand_over(group);
        drop(sender);
        (result, hasher.join().expect("hashing has no way to fail"))
    })
}

fn hash_group(code_root: B256, tree: &mut MemoryTree, group: &[Waiting]) -> Vec<B256> {
    let pages: Vec<Vec<_>> = group
        .iter()
        .map(|it| it.pages.iter().map(|(page, bytes)| (*page, &**bytes)).collect())
        .collect();
    let roots = tree.update(&pages);
    let packed: Vec<_> =
        group.iter().zip(&roots).map(|(it, root)| pack_state(&code_root, root, &it.hart)).collect();
    let mut hashes = vec![B256::ZERO; packed.len()];
    hash_many(&packed, &mut hashes);
    hashes
}
