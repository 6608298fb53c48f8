//! Random walks against a full rebuild by alloy-trie. A failure replays with the GAINSAY_SEED that
//! it printed.

use std::{collections::BTreeMap, sync::Mutex};

use alloy_primitives::{B256, Bytes, keccak256};
use alloy_trie::proof::verify_proof as alloy_verify_proof;
use rand::{Rng, rngs::StdRng, seq::IteratorRandom};

use super::{
    EMPTY_ROOT_HASH, Nibbles, TrieError, get, prove,
    test_store::{Change, Leaves, Recorder, Store, reference_root, seeded, update},
    update::Trie,
    verify_proof,
};

/// What keys and values of one walk look like.
#[derive(Clone, Copy, Debug)]
struct Shape {
    key_bytes: usize,
    /// Nibbles drawn from 0..choices: few make deep tries with extensions.
    choices: u8,
    /// Leading nibbles that vary; the others are zero.
    varying: usize,
    value_bytes_max: usize,
}

const SHAPES: [Shape; 6] = [
    // Hashed keys, as in the state.
    Shape { key_bytes: 32, choices: 16, varying: 64, value_bytes_max: 110 },
    // Dense at the top: few keys, full branches, many collapses.
    Shape { key_bytes: 32, choices: 4, varying: 4, value_bytes_max: 33 },
    // Long shared paths: extensions split and merge.
    Shape { key_bytes: 32, choices: 2, varying: 64, value_bytes_max: 40 },
    Shape { key_bytes: 32, choices: 3, varying: 8, value_bytes_max: 2 },
    // Short keys and values: nodes within their parents.
    Shape { key_bytes: 2, choices: 4, varying: 4, value_bytes_max: 2 },
    Shape { key_bytes: 3, choices: 16, varying: 6, value_bytes_max: 40 },
];

fn random_key(rng: &mut StdRng, shape: Shape) -> Nibbles {
    let mut key = Nibbles::new();
    for at in 0..shape.key_bytes * 2 {
        // Shared runs of zeroes, so that prefixes repeat.
        let is_fixed = at >= shape.varying || (shape.choices == 2 && at % 16 > 1);
        key.push(if is_fixed { 0 } else { rng.random_range(0..shape.choices) });
    }
    key
}

fn random_value(rng: &mut StdRng, shape: Shape) -> Bytes {
    let len = rng.random_range(1..=shape.value_bytes_max);
    // Few values, so that overwriting by the same one happens.
    vec![rng.random_range(1..=3) * 60; len].into()
}

/// Changes in order, each key once: inserts, overwrites, deletes, and some that change nothing.
fn random_changes(rng: &mut StdRng, shape: Shape, leaves: &Leaves, count: usize) -> Vec<Change> {
    let deletes = rng.random_range(0..=100);
    let mut changes = BTreeMap::new();
    for _ in 0..count {
        let known = leaves.keys().choose(rng).copied();
        let key = known.filter(|_| rng.random_bool(0.6)).unwrap_or_else(|| random_key(rng, shape));
        let value = if rng.random_range(0..100) < deletes {
            if rng.random_bool(0.1) { Some(Bytes::new()) } else { None }
        } else if rng.random_bool(0.1) {
            leaves.get(&key).cloned()
        } else {
            Some(random_value(rng, shape))
        };
        changes.insert(key, value);
    }
    changes.into_iter().collect()
}

fn apply(leaves: &mut Leaves, changes: &[Change]) {
    for (key, value) in changes {
        match value.as_ref().filter(|value| !value.is_empty()) {
            Some(value) => leaves.insert(*key, value.clone()),
            None => leaves.remove(key),
        };
    }
}

#[test]
fn random_batches_agree_with_full_rebuilds() {
    let mut rng = seeded();
    for shape in SHAPES {
        for _ in 0..12 {
            let (mut store, mut leaves, mut root) =
                (Store::default(), Leaves::new(), EMPTY_ROOT_HASH);
            for batch in 0..25 {
                let count = rng.random_range(1..=[3, 20, 120][batch % 3]);
                let changes = random_changes(&mut rng, shape, &leaves, count);
                let serial = update(&store, root, &changes, usize::MAX);
                let parallel = update(&store, root, &changes, 1);
                assert_eq!(serial, parallel);
                apply(&mut leaves, &changes);
                root = store.update(root, &changes, usize::MAX);
                assert_eq!(root, serial.root);
                assert_eq!(root, reference_root(&leaves), "{shape:?}");
                store.assert_exact(None, root, &leaves);
            }
            // Down to nothing, and nothing is left behind.
            let removals: Vec<_> = leaves.keys().map(|key| (*key, None)).collect();
            assert_eq!(store.update(root, &removals, 16), EMPTY_ROOT_HASH);
            assert_eq!(store, Store::default());
        }
    }
}

#[test]
fn keys_of_mixed_lengths_agree_with_fresh_tries() {
    let mut rng = seeded();
    for _ in 0..40 {
        let (mut store, mut leaves, mut root) = (Store::default(), Leaves::new(), EMPTY_ROOT_HASH);
        for _ in 0..25 {
            let mut changes = BTreeMap::new();
            for _ in 0..rng.random_range(1..=12) {
                let (key_bytes, value_bytes_max) =
                    (rng.random_range(0..=4), rng.random_range(1..50));
                let shape = Shape { key_bytes, choices: 2, varying: 64, value_bytes_max };
                let value = rng.random_bool(0.6).then(|| random_value(&mut rng, shape));
                changes.insert(random_key(&mut rng, shape), value);
            }
            let changes: Vec<_> = changes.into_iter().collect();
            assert_eq!(update(&store, root, &changes, 1), update(&store, root, &changes, 999));
            apply(&mut leaves, &changes);
            root = store.update(root, &changes, 999);
            store.assert_exact(None, root, &leaves);
            for (key, value) in &changes {
                let value = value.clone().filter(|value| !value.is_empty());
                assert_eq!(get(&store, None, root, key), Ok(value.clone()));
                let proof = prove(&store, None, root, key).unwrap();
                assert_eq!(verify_proof(root, key, &proof), Ok(value));
            }
        }
    }
}

#[test]
fn batches_do_not_depend_on_their_size() {
    let mut rng = seeded();
    let shape = SHAPES[1];
    let (mut whole, mut single) = (Store::default(), Store::default());
    let (mut leaves, mut root) = (Leaves::new(), EMPTY_ROOT_HASH);
    for _ in 0..40 {
        let changes = random_changes(&mut rng, shape, &leaves, 40);
        let mut single_root = root;
        for change in &changes {
            single_root = single.update(single_root, core::slice::from_ref(change), usize::MAX);
        }
        root = whole.update(root, &changes, usize::MAX);
        assert_eq!(root, single_root);
        assert_eq!(whole, single);
        apply(&mut leaves, &changes);
    }
}

#[test]
fn changes_that_change_nothing_write_nothing() {
    let mut rng = seeded();
    let shape = SHAPES[0];
    let mut leaves = Leaves::new();
    let mut store = Store::default();
    let changes = random_changes(&mut rng, shape, &leaves, 300);
    apply(&mut leaves, &changes);
    let root = store.update(EMPTY_ROOT_HASH, &changes, usize::MAX);
    let mut same: Vec<Change> =
        leaves.iter().map(|(key, value)| (*key, Some(value.clone()))).collect();
    same.extend((0..100).map(|_| (random_key(&mut rng, shape), None)));
    same.sort();
    let updated = update(&store, root, &same, 8);
    assert_eq!((updated.root, updated.nodes.len()), (root, 0));
}

#[test]
fn each_touched_node_is_read_once_and_no_other() {
    let mut rng = seeded();
    let shape = SHAPES[0];
    let leaves: Leaves =
        (0..2_000).map(|_| (random_key(&mut rng, shape), random_value(&mut rng, shape))).collect();
    let mut store = Store::default();
    let all: Vec<Change> = leaves.iter().map(|(key, value)| (*key, Some(value.clone()))).collect();
    let root = store.update(EMPTY_ROOT_HASH, &all, 64);
    let changes: Vec<Change> = leaves
        .keys()
        .choose_multiple(&mut rng, 50)
        .into_iter()
        .map(|key| (*key, Some(Bytes::from_static(b"another"))))
        .collect::<BTreeMap<_, _>>()
        .into_iter()
        .collect();
    let recorder = Recorder { store: &store, paths: Mutex::default() };
    let trie = Trie { reader: &recorder, owner: None, parallel_min: usize::MAX };
    let updated = trie.update(root, &changes).unwrap();
    let mut read = recorder.paths.into_inner().unwrap();
    read.sort_unstable();
    let written: Vec<_> = updated.nodes.iter().map(|(path, _)| *path).collect();
    // Overwriting keeps the shape: what is read is what is written.
    assert_eq!(read, written);
}

#[test]
fn proofs_hold_elsewhere_and_corrupted_ones_do_not() {
    let mut rng = seeded();
    for shape in [SHAPES[0], SHAPES[2], SHAPES[5]] {
        let leaves: Leaves = (0..200)
            .map(|_| (random_key(&mut rng, shape), random_value(&mut rng, shape)))
            .collect();
        let all: Vec<Change> =
            leaves.iter().map(|(key, value)| (*key, Some(value.clone()))).collect();
        let mut store = Store::default();
        let root = store.update(EMPTY_ROOT_HASH, &all, usize::MAX);
        for _ in 0..100 {
            let known = leaves.keys().choose(&mut rng).copied();
            let key = known
                .filter(|_| rng.random_bool(0.5))
                .unwrap_or_else(|| random_key(&mut rng, shape));
            let value = leaves.get(&key).cloned();
            let proof = prove(&store, None, root, &key).unwrap();
            let expected = value.as_ref().map(|value| value.to_vec());
            assert_eq!(alloy_verify_proof(root, key, expected, &proof), Ok(()));
            assert_eq!(verify_proof(root, &key, &proof), Ok(value));

            let mut flipped = proof.clone();
            let index = rng.random_range(0..proof.len());
            let mut node = flipped[index].to_vec();
            let at = rng.random_range(0..node.len());
            node[at] ^= 1 << rng.random_range(0..8);
            flipped[index] = node.into();
            assert!(verify_proof(root, &key, &flipped).is_err());
            let mut short = proof.clone();
            short.remove(index);
            assert!(verify_proof(root, &key, &short).is_err());
            let mut long = proof.clone();
            long.push(proof[index].clone());
            assert!(matches!(verify_proof(root, &key, &long), Err(TrieError::Read(_))));
            assert!(verify_proof(keccak256(root), &key, &proof).is_err());
        }
    }
    let key = Nibbles::unpack(B256::ZERO);
    assert_eq!(prove(&Store::default(), None, EMPTY_ROOT_HASH, &key), Ok(vec![]));
    assert_eq!(verify_proof(EMPTY_ROOT_HASH, &key, &[]), Ok(None));
}

#[test]
fn unsorted_changes_are_refused() {
    let key = Nibbles::unpack(B256::ZERO);
    let twice = [(key, None), (key, None)];
    let refused = super::update(&Store::default(), None, EMPTY_ROOT_HASH, &twice);
    assert_eq!(refused, Err(TrieError::Unsorted { index: 1 }));
}
