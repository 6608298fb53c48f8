//! A process killed at any instant leaves a consistent store, at the block that it had reported or
//! the one that it was writing, and the next process goes on from there.
//!
//! The test runs itself as a child, which commits, rewinds, marks blocks safe and makes
//! checkpoints until it is killed. `ROUNDS` and `SEED` in the environment set its length and walk.

use std::{
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use crate::chain::{genesis, next_batch, next_deposit, random_block, rng, seed};
use gainsay_derivation::{BlockNumber, Cursor};
use gainsay_store::{DerivedBlocks, L1BlockRecord, L1Update, Store, StoreOptions};
use rand::{Rng, rngs::StdRng};

const CHILD_FOLDER: &str = "GAINSAY_KILL_TEST_FOLDER";
const CHILD_SEED: &str = "GAINSAY_KILL_TEST_SEED";
/// The genesis of all rounds.
const GENESIS: u64 = 4;

fn options() -> StoreOptions {
    StoreOptions { history_blocks: 20, cache_bytes: 1 << 20, genesis_hash: None }
}

/// Reports, so that it survives the kill, where the head may be from now on: `low..=high`.
fn report(low: u64, high: u64) {
    if std::env::var_os(CHILD_FOLDER).is_none() {
        return;
    }
    let mut out = std::io::stdout().lock();
    out.write_all(format!("@{low} {high}\n").as_bytes()).unwrap();
    out.flush().unwrap();
}

/// What the child does until it is killed.
fn child(folder: &Path, seed: u64) {
    let store = Store::open(folder, &options()).unwrap();
    store.init_genesis(&genesis(GENESIS).0).unwrap();
    let mut rng = rng(seed);
    loop {
        step(&store, &mut rng);
    }
}

fn step(store: &Store, rng: &mut StdRng) {
    let head = store.head().number;
    match rng.random_range(0..40) {
        0 => {
            let low = store.oldest_state().max(store.heads().finalized.number);
            let to = rng.random_range(low..=head);
            report(to, head);
            store.rewind(to).unwrap();
            report(to, to);
        }
        1 => {
            store.checkpoint().unwrap();
            store.prune_checkpoints(2).unwrap();
        }
        2..8 if head > store.heads().safe.number => {
            store.apply(&derive(store, head), false).unwrap()
        }
        8 => {
            let safe = store.heads().safe.number;
            store
                .set_finalized(BlockNumber(
                    safe.saturating_sub(10).max(store.heads().finalized.number),
                ))
                .unwrap();
        }
        _ => {
            let parent = store.head_header().unwrap();
            let block = random_block(rng, &parent.header, parent.hash, &store.state());
            report(head, head + 1);
            store.commit_block(&block, rng.random_ratio(1, 20)).unwrap();
            report(head + 1, head + 1);
        }
    }
}

/// Makes all blocks up to `head` safe: one batch with two deposits.
fn derive(store: &Store, head: u64) -> L1Update {
    let safe = store.heads().safe.number;
    let deposit = next_deposit(store);
    let deposits_read = deposit.deposit.index.next();
    // A rewind leaves batches on record whose blocks are not derived; later ones follow them.
    let from = store.cursor(BlockNumber(safe)).unwrap().unwrap().cursor;
    let batch = next_batch(store, deposits_read, deposit.acc);
    let index = batch.header.index;
    let number = index.get();
    let cursors = (safe + 1..=head)
        .map(|block| match block == head {
            true => (block, Cursor { batch: index.next(), block: 0, deposits_read }),
            false => (
                block,
                Cursor { batch: index, block: block - safe, deposits_read: from.deposits_read },
            ),
        })
        .map(|(block, cursor)| (BlockNumber(block), cursor))
        .collect::<Vec<_>>();
    let cursor_after = cursors.last().unwrap().1;
    let derived = DerivedBlocks {
        first_block: BlockNumber(safe + 1),
        last_block: BlockNumber(head),
        cursor_after,
    };
    let l1_block = L1BlockRecord { number, ..Default::default() };
    L1Update {
        deposits: vec![deposit],
        batches: vec![batch],
        l1_blocks: vec![l1_block],
        derived: vec![(index, derived)],
        cursors,
        safe: Some(BlockNumber(head)),
        ..Default::default()
    }
}

#[test]
fn a_killed_store_is_consistent_and_goes_on() {
    if let Ok(folder) = std::env::var(CHILD_FOLDER) {
        let seed = std::env::var(CHILD_SEED).unwrap().parse().unwrap();
        child(Path::new(&folder), seed);
        return;
    }
    let seed = seed();
    // Children get the seeds after this one: equal seeds would make equal transactions.
    let rounds: u64 = std::env::var("ROUNDS").ok().and_then(|it| it.parse().ok()).unwrap_or(12);
    let mut rng = rng(seed);
    let folder = tempfile::tempdir().unwrap();
    let (mut low, mut high) = (0, 0);
    for round in 0..rounds {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "kill::a_killed_store_is_consistent_and_goes_on", "--nocapture"])
            .env(CHILD_FOLDER, folder.path())
            .env(CHILD_SEED, (seed + round + 1).to_string())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let out = child.stdout.take().unwrap();
        let (started, start) = std::sync::mpsc::channel();
        let reader = std::thread::spawn(move || {
            let mut last = None;
            for line in BufReader::new(out).lines() {
                let line = line.unwrap();
                // The test harness prints the name of the test in front of the first line.
                let Some((_, report)) = line.split_once('@') else { continue };
                let Some((low, high)) = report.split_once(' ') else { continue };
                last = Some((low.parse::<u64>().unwrap(), high.parse::<u64>().unwrap()));
                let _main_listens_once = started.send(());
            }
            last
        });
        // Some die while they open the store, most while they write.
        if rng.random_ratio(3, 4) {
            start.recv_timeout(Duration::from_secs(60)).unwrap();
        }
        std::thread::sleep(Duration::from_micros(rng.random_range(0..300_000)));
        child.kill().unwrap();
        let status = child.wait().unwrap();
        assert!(!status.success() && status.code().is_none(), "the child ended itself: {status}");
        if let Some(last) = reader.join().unwrap() {
            (low, high) = last;
        }
        let store = Store::open(folder.path(), &options()).unwrap();
        let head = store.head().number;
        let report = store.verify_consistency().unwrap();
        println!("round {round}: reported {low}..={high}, {report:?}");
        assert!((low..=high).contains(&head), "head {head}, reported {low}..={high}");
        (low, high) = (head, head);
        for (number, path) in store.checkpoints().unwrap() {
            let checkpoint = Store::open_checkpoint(&path, &options()).unwrap();
            assert_eq!(checkpoint.head().number, number);
        }
    }
    let store = Store::open(folder.path(), &options()).unwrap();
    println!("{} blocks after {rounds} kills", store.head().number);
    store.init_genesis(&genesis(GENESIS).0).unwrap();
    for _ in 0..100 {
        step(&store, &mut rng);
    }
    store.verify_consistency().unwrap();
}
