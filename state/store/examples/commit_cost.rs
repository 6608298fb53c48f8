//! Prints what commits and reads cost:
//! `cargo run -p gainsay-store --example commit_cost -- ACCOUNTS`.
//!
//! Fills a store with ACCOUNTS accounts (200,000 by default), then commits blocks that change
//! 10,000 and 1,000 random ones, and times the state root, the commit, and reads at several
//! heights. Commits and reads run on one thread; its CPU time is printed, which other load on the
//! machine changes little (the roots of large blocks also use other threads).
#![expect(clippy::unwrap_used, reason = "a measurement that fails has nothing to print")]

use std::{io::Write, time::Instant};

use alloy_consensus::Header;
use alloy_primitives::{Address, B256, U256, keccak256};
use gainsay_derivation::output_root;
use gainsay_store::{Store, StoreOptions};
use gainsay_transition::{
    L1FeeParams, SealedBlock, StateDiff, StateReader,
    trie::{Account, AccountChange, EMPTY_ROOT_HASH, update_state},
};
use rand::{Rng, SeedableRng, rngs::StdRng};

const FILL_PER_BLOCK: u64 = 20_000;

fn main() {
    let accounts: u64 = std::env::args().nth(1).and_then(|it| it.parse().ok()).unwrap_or(200_000);
    let folder = tempfile::tempdir().unwrap();
    let options = StoreOptions { cache_bytes: 512 << 20, ..Default::default() };
    let store = Store::open(folder.path(), &options).unwrap();
    let mut rng = StdRng::seed_from_u64(1);

    let start = Instant::now();
    store.init_genesis(&block(&store, &mut rng, 0..FILL_PER_BLOCK).0).unwrap();
    for fill in 1..accounts / FILL_PER_BLOCK {
        let first = fill * FILL_PER_BLOCK;
        let block = block(&store, &mut rng, first..first + FILL_PER_BLOCK).0;
        store.commit_block(&block, false).unwrap();
    }
    println!("filled with {accounts} accounts in {:.1} s", start.elapsed().as_secs_f64());

    for changed in [10_000_u64, 1_000] {
        for sync in [false, true] {
            measure_commits(&store, &mut rng, accounts, changed, sync);
        }
    }
    measure_reads(&store, &mut rng, accounts);
    let start = Instant::now();
    drop(store);
    let store = Store::open(folder.path(), &options).unwrap();
    println!("reopened in {} ms", start.elapsed().as_millis());
    print!("cold cache: ");
    measure_commits(&store, &mut rng, accounts, 10_000, false);
    let start = Instant::now();
    store.checkpoint().unwrap();
    println!("checkpoint in {} ms", start.elapsed().as_millis());
    let start = Instant::now();
    store.rewind(store.head().number - 5).unwrap();
    println!("rewind of 5 blocks in {} ms", start.elapsed().as_millis());
    let start = Instant::now();
    store.verify_consistency().unwrap();
    println!("verified in {} ms", start.elapsed().as_millis());
}

fn address(index: u64) -> Address {
    Address::from_slice(&keccak256(index.to_be_bytes())[12..])
}

/// A block that changes the balances of these accounts, and the time that its root took.
fn block(
    store: &Store,
    rng: &mut StdRng,
    accounts: impl IntoIterator<Item = u64>,
) -> (SealedBlock, f64) {
    let mut changes: Vec<_> = accounts
        .into_iter()
        .map(|index| AccountChange {
            address: address(index),
            account: Some(Account {
                nonce: 1,
                balance: U256::from(rng.random::<u128>()),
                ..Default::default()
            }),
            storage: Vec::new(),
        })
        .collect();
    changes.sort_by_key(|change| change.address);
    changes.dedup_by_key(|change| change.address);
    let parent = store.head_header().ok();
    let number = parent.as_ref().map_or(0, |it| it.header.number + 1);
    let parent_root = parent.as_ref().map_or(EMPTY_ROOT_HASH, |it| it.header.state_root);
    let start = Instant::now();
    let update = update_state(&store.state(), parent_root, &changes).unwrap();
    let elapsed = start.elapsed().as_secs_f64() * 1e3;
    let header = Header {
        number,
        parent_hash: parent.map_or(B256::ZERO, |it| it.hash),
        state_root: update.state_root,
        transactions_root: EMPTY_ROOT_HASH,
        receipts_root: EMPTY_ROOT_HASH,
        withdrawals_root: Some(B256::ZERO),
        base_fee_per_gas: Some(1),
        ..Default::default()
    };
    let hash = header.hash_slow();
    let block = SealedBlock {
        output_root: output_root(header.state_root, B256::ZERO, hash),
        header,
        hash,
        transactions: Vec::new(),
        receipts: Vec::new(),
        diff: StateDiff { accounts: changes, codes: Vec::new() },
        nodes: update.nodes,
        l1_fee_params: L1FeeParams::default(),
    };
    (block, elapsed)
}

fn measure_commits(store: &Store, rng: &mut StdRng, accounts: u64, changed: u64, sync: bool) {
    let mut roots = Vec::new();
    let (mut commits, mut walls) = (Vec::new(), Vec::new());
    let mut keys = 0;
    for _ in 0..8 {
        let indices: Vec<_> = (0..changed).map(|_| rng.random_range(0..accounts)).collect();
        let (block, root) = block(store, rng, indices);
        roots.push(root);
        keys = block.diff.accounts.len() + block.nodes.len();
        let (start, cpu) = (Instant::now(), cpu_ms());
        store.commit_block(&block, sync).unwrap();
        commits.push(cpu_ms() - cpu);
        walls.push(start.elapsed().as_secs_f64() * 1e3);
    }
    let median = median(commits);
    println!(
        "{changed} accounts, {keys} keys{}: root {:.1} ms wall, commit {:.1} ms wall, {median:.1} ms \
         CPU, {:.2} us a key, {:.2} us an account",
        if sync { ", synced" } else { "" },
        self::median(roots),
        self::median(walls),
        median * 1e3 / keys as f64,
        median * 1e3 / changed as f64,
    );
    std::io::stdout().flush().unwrap();
}

fn measure_reads(store: &Store, rng: &mut StdRng, accounts: u64) {
    let head = store.head().number;
    for back in [0, 1, 4, 16, 30] {
        let view = store.state_at(head - back).unwrap();
        let reads = 20_000;
        let cpu = cpu_ms();
        for _ in 0..reads {
            view.account(address(rng.random_range(0..accounts))).unwrap();
        }
        let each = (cpu_ms() - cpu) * 1e3 / f64::from(reads);
        println!("read of an account {back} blocks behind the head: {each:.2} us");
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// CPU time of this thread so far, milliseconds.
fn cpu_ms() -> f64 {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    stat.split_whitespace().next().unwrap().parse::<f64>().unwrap() / 1e6
}
