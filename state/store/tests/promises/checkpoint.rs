//! A checkpoint is the store at one block: it opens, equals it, and stays as it is.

use crate::chain::{assert_holds, genesis, random_block, rng};
use gainsay_derivation::BlockNumber;
use gainsay_store::{Store, StoreError, StoreOptions};

#[test]
fn a_checkpoint_equals_the_store_at_its_block() {
    let folder = tempfile::tempdir().unwrap();
    let options = StoreOptions { cache_bytes: 8 << 20, ..Default::default() };
    let store = Store::open(folder.path(), &options).unwrap();
    let mut chain = vec![genesis(5)];
    store.init_genesis(&chain[0].0).unwrap();
    let mut rng = rng(5);
    assert_eq!(store.checkpoints().unwrap(), vec![]);
    for number in 1..=40_u64 {
        let (parent, model) = chain.last().unwrap();
        let block = random_block(&mut rng, &parent.header, parent.hash, model);
        store.commit_block(&block, false).unwrap();
        let mut model = model.clone();
        model.apply(&block);
        chain.push((block, model));
        if number % 10 == 0 {
            let path = store.checkpoint().unwrap();
            assert_eq!(path, folder.path().join("checkpoints").join(number.to_string()));
            // Again, in place of the first.
            assert_eq!(store.checkpoint().unwrap(), path);
        }
    }
    let numbers = |store: &Store| -> Vec<u64> {
        store.checkpoints().unwrap().into_iter().map(|(number, _)| number).collect()
    };
    assert_eq!(numbers(&store), [10, 20, 30, 40]);
    for (number, path) in store.checkpoints().unwrap() {
        let checkpoint = Store::open_checkpoint(&path, &options).unwrap();
        let (block, model) = &chain[usize::try_from(number).unwrap()];
        assert_eq!(checkpoint.head().hash, block.hash);
        assert_holds(&checkpoint, block);
        model.assert_equals(&checkpoint.state(), "checkpoint");
        let (_, older) = &chain[usize::try_from(number).unwrap() - 5];
        older.assert_equals(&checkpoint.state_at(number - 5).unwrap(), "checkpoint, older state");
        checkpoint.verify_consistency().unwrap();
        for result in [
            checkpoint.rewind(number - 1).map(|_| ()),
            checkpoint.commit_block(block, false),
            checkpoint.set_finalized(BlockNumber(0)),
            checkpoint.put_note("a", b"b"),
            checkpoint.checkpoint().map(|_| ()),
            checkpoint.flush(),
        ] {
            assert!(matches!(result, Err(StoreError::ReadOnly { .. })), "{result:?}");
        }
    }
    // Rewinding the store leaves them alone; a kill left a half-made one.
    store.rewind(15).unwrap();
    std::fs::create_dir(folder.path().join("checkpoints/77.unfinished")).unwrap();
    store.prune_checkpoints(2).unwrap();
    assert_eq!(numbers(&store), [30, 40]);
    assert_eq!(std::fs::read_dir(folder.path().join("checkpoints")).unwrap().count(), 2);
    let path = &store.checkpoints().unwrap()[1].1;
    let checkpoint = Store::open_checkpoint(path, &options).unwrap();
    assert_eq!(checkpoint.head().number, 40);
}
