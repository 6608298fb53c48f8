//! The state of every block in the window can be read, and is the one that the block made: before
//! and after rewinds, after a restart, and while other blocks are committed.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::chain::{Model, assert_gone, assert_holds, genesis, random_block, rng, seed};
use gainsay_store::{Store, StoreError, StoreOptions};
use gainsay_transition::{SealedBlock, StateReader, trie::update_state};
use rand::Rng;

const HISTORY: u64 = 12;

fn options() -> StoreOptions {
    // Caches so small that they always overflow.
    StoreOptions { history_blocks: HISTORY, cache_bytes: 1 << 20, genesis_hash: None }
}

fn check_window(store: &Store, chain: &[(SealedBlock, Model)]) {
    let head = chain.len() as u64 - 1;
    let oldest = store.oldest_state();
    for (number, (block, model)) in (0..).zip(chain) {
        assert_holds(store, block);
        if number < oldest {
            let error = store.state_at(number).unwrap_err();
            let StoreError::HistoryPruned { number: at, oldest: from, head: to } = error else {
                panic!("{error}")
            };
            assert_eq!((at, from, to), (number, oldest, head));
        } else {
            let view = store.state_at(number).unwrap();
            assert_eq!(view.state_root().unwrap(), block.header.state_root);
            model.assert_equals(&view, &format!("block {number} at head {head}"));
        }
    }
    assert!(matches!(store.state_at(head + 1), Err(StoreError::BlockUnknown { .. })));
}

#[test]
fn a_random_walk_equals_the_model() {
    let seed = seed();
    let mut rng = rng(seed);
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::open(folder.path(), &options()).unwrap();
    let mut chain = vec![genesis(seed)];
    store.init_genesis(&chain[0].0).unwrap();
    for _ in 0..60 {
        match rng.random_range(0..10) {
            0 => {
                let oldest = store.oldest_state();
                let to = rng.random_range(oldest..chain.len() as u64);
                let view = store.state();
                let removed = chain.split_off(usize::try_from(to).unwrap() + 1);
                let rewound = store.rewind(to).unwrap();
                assert_eq!(rewound.len(), removed.len());
                for (rewound, (block, _)) in rewound.iter().zip(&removed) {
                    assert_eq!(rewound.number, block.header.number);
                    assert_eq!(rewound.hash, block.hash);
                    assert_eq!(rewound.transactions, block.transactions);
                    assert_gone(&store, block);
                }
                let read = view.account(crate::chain::address(0));
                match removed.is_empty() {
                    true => assert!(read.is_ok()),
                    false => assert!(matches!(read, Err(StoreError::ViewRewound { .. }))),
                }
            }
            1 => {
                drop(store);
                store = Store::open(folder.path(), &options()).unwrap();
            }
            _ => {
                let (parent, model) = chain.last().unwrap();
                let block = random_block(&mut rng, &parent.header, parent.hash, model);
                // The nodes that the store serves make the same update.
                let view = store.state();
                let root = parent.header.state_root;
                let update = update_state(&view, root, &block.diff.accounts).unwrap();
                assert_eq!(update.nodes, block.nodes);
                store.commit_block(&block, rng.random_ratio(1, 10)).unwrap();
                let mut model = model.clone();
                model.apply(&block);
                chain.push((block, model));
            }
        }
        let (head, _) = chain.last().unwrap();
        assert_eq!(store.head().hash, head.hash);
        let head = store.head().number;
        assert!(store.oldest_state() >= head.saturating_sub(HISTORY));
        if rng.random_ratio(1, 4) {
            check_window(&store, &chain);
        }
    }
    check_window(&store, &chain);
    let report = store.verify_consistency().unwrap();
    assert_eq!(report.accounts, chain.last().unwrap().1.accounts.len() as u64);
    assert_eq!(report.slots, chain.last().unwrap().1.storage.len() as u64);
}

#[test]
fn the_window_is_as_wide_as_configured() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), &options()).unwrap();
    let (mut parent, mut model) = genesis(1);
    store.init_genesis(&parent).unwrap();
    let mut rng = rng(1);
    for number in 1..=2 * HISTORY {
        let block = random_block(&mut rng, &parent.header, parent.hash, &model);
        store.commit_block(&block, false).unwrap();
        model.apply(&block);
        parent = block;
        assert_eq!(store.oldest_state(), number.saturating_sub(HISTORY));
    }
    let oldest = HISTORY;
    assert!(matches!(
        store.rewind(oldest - 1),
        Err(StoreError::RewindTooDeep { to, oldest: found }) if to == oldest - 1 && found == oldest
    ));
    assert!(matches!(store.rewind(2 * HISTORY + 1), Err(StoreError::BlockUnknown { .. })));
    assert_eq!(store.rewind(2 * HISTORY).unwrap(), vec![]);
    // A smaller window takes effect at the next commit, a larger one grows.
    drop(store);
    let narrow = StoreOptions { history_blocks: 3, ..options() };
    let store = Store::open(folder.path(), &narrow).unwrap();
    assert_eq!(store.oldest_state(), oldest);
    let block = random_block(&mut rng, &parent.header, parent.hash, &model);
    store.commit_block(&block, false).unwrap();
    assert_eq!(store.oldest_state(), 2 * HISTORY + 1 - 3);
    store.verify_consistency().unwrap();
    assert_eq!(store.rewind(store.oldest_state()).unwrap().len(), 3);
    assert_eq!(store.oldest_state(), store.head().number);
    store.verify_consistency().unwrap();
    drop(store);
    // The window is empty now; a restart agrees.
    let store = Store::open(folder.path(), &options()).unwrap();
    assert_eq!(store.oldest_state(), store.head().number);
}

#[test]
fn views_never_mix_blocks_while_others_are_committed_and_rewound() {
    let seed = seed();
    let mut rng = rng(seed);
    let folder = tempfile::tempdir().unwrap();
    let options = StoreOptions { history_blocks: 200, cache_bytes: 1 << 20, genesis_hash: None };
    let store = Store::open(folder.path(), &options).unwrap();
    let mut chain = vec![genesis(seed)];
    store.init_genesis(&chain[0].0).unwrap();
    for _ in 0..150 {
        let (parent, model) = chain.last().unwrap();
        let block = random_block(&mut rng, &parent.header, parent.hash, model);
        let mut model = model.clone();
        model.apply(&block);
        chain.push((block, model));
    }
    let done = AtomicBool::new(false);
    let (reads, rewound) = std::thread::scope(|scope| {
        let readers: Vec<_> = (0..3)
            .map(|_| {
                scope.spawn(|| {
                    let (mut reads, mut rewound) = (0_u64, 0_u64);
                    while !done.load(Ordering::SeqCst) {
                        let view = store.state();
                        let (block, model) = &chain[usize::try_from(view.number()).unwrap()];
                        assert_eq!(view.hash(), block.hash);
                        for (address, account) in &model.accounts {
                            match view.account(*address) {
                                Ok(found) => assert_eq!(found, Some(*account), "{address}"),
                                Err(StoreError::ViewRewound { .. }) => {
                                    rewound += 1;
                                    break;
                                }
                                Err(error) => panic!("{error}"),
                            }
                            reads += 1;
                        }
                    }
                    (reads, rewound)
                })
            })
            .collect();
        for round in 0..4 {
            let start = usize::try_from(store.head().number).unwrap() + 1;
            for (block, _) in &chain[start..] {
                store.commit_block(block, false).unwrap();
                std::thread::yield_now();
            }
            store.rewind(round * 20).unwrap();
        }
        done.store(true, Ordering::SeqCst);
        readers
            .into_iter()
            .map(|it| it.join().unwrap())
            .fold((0, 0), |sum, it| (sum.0 + it.0, sum.1 + it.1))
    });
    println!("{reads} reads agreed, {rewound} views were rewound");
    assert!(reads > 1000);
    store.verify_consistency().unwrap();
}
