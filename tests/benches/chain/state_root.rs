//! What the state root of a block costs, compared with alloy-trie's `HashBuilder`.
//!
//! In memory stand a state of 1,000,000 accounts and a token with as many slots, as nodes by path.
//! Then 1,000 and 10,000 of the accounts change, or 2,000 and 20,000 slots of the token.
//!
//! The peer is given the changed leaves, hashed, sorted and encoded, and the hashes of all
//! unchanged siblings; it returns the root and the updated branches, as reth keeps them. Ours
//! hashes and sorts the keys, reads the nodes by path, and returns the root and every node written.
//! It reads once from a map of the nodes on the changed paths, which the CPU's caches hold as they
//! hold what the peer is given, and once from a map of the whole state, which they do not hold. All
//! roots must be equal. The figures are the best of many rounds.

use std::{
    hint::black_box,
    sync::Mutex,
    time::{Duration, Instant},
};

use alloy::primitives::{
    Address, B256, Bytes, U256, keccak256,
    map::{B256Map, HashMap},
};
use alloy_rlp::Decodable;
use alloy_trie::HashBuilder;
use gainsay_transition::trie::{
    Account, AccountChange, EMPTY_ROOT_HASH, MissingNode, Nibbles, NodeReader, NodeSet,
    TrieAccount, TrieState, update_state,
};
use rand::{Rng, SeedableRng, rngs::StdRng, seq::index};
use rayon::ThreadPoolBuilder;

use crate::report::{Report, Row};

const ACCOUNTS: usize = 1_000_000;
const ROUNDS: usize = 40;

pub(crate) fn measure(report: &mut Report) {
    println!("building a state of {ACCOUNTS} accounts and a token of as many slots");
    let mut rng = StdRng::seed_from_u64(1);
    let state = State::new(ACCOUNTS, &mut rng);
    let names =
        ["root of 1,000 accounts of 1 M, one thread", "root of 1,000 accounts of 1 M, 2 threads"];
    let changes = state.changed_accounts(&mut rng, 1_000);
    compare(report, names, &state, &changes, None);
    let names =
        ["root of 10,000 accounts of 1 M, one thread", "root of 10,000 accounts of 1 M, 2 threads"];
    let changes = state.changed_accounts(&mut rng, 10_000);
    compare(report, names, &state, &changes, None);
    let names = ["root of 2,000 slots of 1 M, one thread", "root of 2,000 slots of 1 M, 2 threads"];
    let changes = state.changed_slots(&mut rng, 2_000);
    compare(report, names, &state, &changes, Some(keccak256(TOKEN)));
    let names =
        ["root of 20,000 slots of 1 M, one thread", "root of 20,000 slots of 1 M, 2 threads"];
    let changes = state.changed_slots(&mut rng, 20_000);
    compare(report, names, &state, &changes, Some(keccak256(TOKEN)));
}

/// Measures both on the same changes. `owner` is the trie that the peer builds.
fn compare(
    report: &mut Report,
    names: [&'static str; 2],
    state: &State,
    changes: &[AccountChange],
    owner: Option<B256>,
) {
    let parts = peer_parts(state, changes, owner);
    let touched = state.touched(changes);
    let pools =
        [1, 2].map(|threads| ThreadPoolBuilder::new().num_threads(threads).build().unwrap());
    let mut peer = Duration::MAX;
    let mut ours = [(Duration::MAX, Duration::MAX); 2];
    for _ in 0..ROUNDS {
        let expected = best(&mut peer, || peer_root(&parts).0);
        for ((warm, cold), pool) in ours.iter_mut().zip(&pools) {
            for (cost, nodes) in [(warm, &touched), (cold, &state.nodes)] {
                let root = || update_state(nodes, state.root, black_box(changes)).unwrap();
                let update = pool.install(|| best(cost, root));
                let root = match owner {
                    None => update.state_root,
                    Some(_) => update.storage_roots[&TOKEN],
                };
                assert_eq!(root, expected);
            }
        }
    }
    let millis = |time: Duration| time.as_secs_f64() * 1e3;
    for ((name, (warm, cold)), goal) in names.into_iter().zip(ours).zip([1.0, 2.0]) {
        report.add(Row {
            name,
            ours: millis(warm),
            peer: millis(peer),
            peer_name: "HashBuilder, cached branches",
            unit: "ms",
            less_is_better: true,
            goal,
        });
        report
            .note(format!("{name}: {:.2} ms when the whole state's nodes are read", millis(cold)));
    }
}

/// Runs once; keeps the shortest time.
fn best<T>(shortest: &mut Duration, run: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let done = run();
    *shortest = start.elapsed().min(*shortest);
    done
}

const TOKEN: Address = Address::repeat_byte(0x70);

/// A state in memory.
struct State {
    nodes: Nodes,
    root: B256,
    accounts: usize,
}

/// Nodes by trie and path, as a disk keeps them.
#[derive(Default)]
struct Nodes(HashMap<(Option<B256>, Nibbles), Bytes>);

impl Nodes {
    fn apply(&mut self, nodes: &NodeSet) {
        for (owner, path, node) in nodes.iter() {
            let place = (owner, *path);
            match node {
                Some(rlp) => drop(self.0.insert(place, Bytes::copy_from_slice(rlp))),
                None => drop(self.0.remove(&place)),
            }
        }
    }
}

impl NodeReader for Nodes {
    type Error = MissingNode;

    fn node(&self, owner: Option<B256>, path: &Nibbles, hash: &B256) -> Result<Bytes, MissingNode> {
        let found = self.0.get(&(owner, *path)).cloned();
        found.ok_or(MissingNode { owner, path: *path, hash: *hash })
    }
}

/// Notes what is read.
struct Recorder<'a> {
    nodes: &'a Nodes,
    read: Mutex<HashMap<(Option<B256>, Nibbles), Bytes>>,
}

impl NodeReader for Recorder<'_> {
    type Error = MissingNode;

    fn node(&self, owner: Option<B256>, path: &Nibbles, hash: &B256) -> Result<Bytes, MissingNode> {
        let node = self.nodes.node(owner, path, hash)?;
        let copy = Bytes::copy_from_slice(&node);
        self.read.lock().unwrap().insert((owner, *path), copy);
        Ok(node)
    }
}

fn address(index: usize) -> Address {
    Address::from_word(keccak256(index.to_be_bytes()))
}

fn slot(index: usize) -> U256 {
    keccak256(index.to_le_bytes()).into()
}

fn random_account(rng: &mut StdRng) -> Account {
    // Up to some hundred ether.
    let balance = U256::from(rng.random::<u128>() >> 60);
    Account { nonce: rng.random_range(1..1_000), balance, ..Account::default() }
}

impl State {
    fn new(accounts: usize, rng: &mut StdRng) -> Self {
        let mut state = Self { nodes: Nodes::default(), root: EMPTY_ROOT_HASH, accounts };
        let indices: Vec<usize> = (0..accounts).collect();
        for indices in indices.chunks(50_000) {
            let mut changes = state.account_changes(rng, indices.iter().copied());
            changes.push(state.slot_changes(rng, indices.iter().copied()));
            let update = update_state(&state.nodes, state.root, &changes).unwrap();
            state.nodes.apply(&update.nodes);
            state.root = update.state_root;
        }
        state
    }

    fn account_changes(
        &self,
        rng: &mut StdRng,
        indices: impl Iterator<Item = usize>,
    ) -> Vec<AccountChange> {
        let mut changes: Vec<_> = indices
            .map(|index| AccountChange {
                address: address(index),
                account: Some(random_account(rng)),
                storage: Vec::new(),
            })
            .collect();
        changes.sort_unstable_by_key(|change| change.address);
        changes
    }

    fn slot_changes(
        &self,
        rng: &mut StdRng,
        indices: impl Iterator<Item = usize>,
    ) -> AccountChange {
        let account = Account { nonce: 1, code_hash: keccak256("token"), ..Account::default() };
        let value = |_| U256::from(rng.random::<u128>() >> 60);
        let mut storage: Vec<_> = indices.map(slot).zip(std::iter::repeat(()).map(value)).collect();
        storage.sort_unstable();
        AccountChange { address: TOKEN, account: Some(account), storage }
    }

    /// The nodes that these changes read.
    fn touched(&self, changes: &[AccountChange]) -> Nodes {
        let recorder = Recorder { nodes: &self.nodes, read: Mutex::default() };
        update_state(&recorder, self.root, changes).unwrap();
        Nodes(recorder.read.into_inner().unwrap())
    }

    /// New balances and nonces of accounts that are there.
    fn changed_accounts(&self, rng: &mut StdRng, count: usize) -> Vec<AccountChange> {
        let indices = index::sample(rng, self.accounts, count);
        self.account_changes(rng, indices.into_iter())
    }

    /// New balances in the token.
    fn changed_slots(&self, rng: &mut StdRng, count: usize) -> Vec<AccountChange> {
        let indices = index::sample(rng, self.accounts, count);
        vec![self.slot_changes(rng, indices.into_iter())]
    }
}

/// What the peer is given, in order of the paths.
enum Part {
    /// A changed leaf: key, value.
    Leaf(Nibbles, Vec<u8>),
    /// A child that did not change: path, hash.
    Sibling(Nibbles, B256),
}

fn peer_root(parts: &[Part]) -> (B256, usize) {
    let mut builder = HashBuilder::default().with_updates(true);
    for part in parts {
        match part {
            Part::Leaf(key, value) => builder.add_leaf_unchecked(*key, value),
            Part::Sibling(path, hash) => builder.add_branch(*path, *hash, false),
        }
    }
    let root = builder.root();
    (root, black_box(builder.split().1).len())
}

/// The changed leaves, and the siblings of all nodes above them.
fn peer_parts(state: &State, changes: &[AccountChange], owner: Option<B256>) -> Vec<Part> {
    let old = TrieState { reader: &state.nodes, root: state.root };
    let mut leaves = B256Map::default();
    let root = match owner {
        None => {
            for change in changes {
                let leaf = TrieAccount::new(change.account.unwrap(), EMPTY_ROOT_HASH);
                leaves.insert(keccak256(change.address), leaf.to_leaf().to_vec());
            }
            state.root
        }
        Some(_) => {
            for (slot, value) in &changes[0].storage {
                let leaf = alloy_rlp::encode_fixed_size(value).to_vec();
                leaves.insert(keccak256(slot.to_be_bytes::<32>()), leaf);
            }
            old.account(TOKEN).unwrap().unwrap().storage_root
        }
    };
    let mut leaves: Vec<_> =
        leaves.into_iter().map(|(key, value)| (Nibbles::unpack(key), value)).collect();
    leaves.sort_unstable();
    let mut parts = Vec::new();
    let top = Nibbles::new();
    let rlp = state.nodes.node(owner, &top, &root).unwrap();
    siblings(state, owner, &top, &rlp, &leaves, &mut parts);
    parts
}

/// The parts below a node. In a state of random keys all nodes have hashes.
fn siblings(
    state: &State,
    owner: Option<B256>,
    path: &Nibbles,
    rlp: &[u8],
    leaves: &[(Nibbles, Vec<u8>)],
    parts: &mut Vec<Part>,
) {
    let items: Vec<Bytes> = Vec::decode(&mut &rlp[..]).unwrap();
    if let [prefix, child] = &items[..] {
        if prefix[0] >= 0x20 {
            let [(key, value)] = leaves else { panic!("two changes at one leaf") };
            parts.push(Part::Leaf(*key, value.clone()));
            return;
        }
        // An extension leads to a branch, past the flag and perhaps a zero.
        let way = Nibbles::unpack(prefix).slice(2 - usize::from(prefix[0] >> 4)..);
        let path = path.join(&way);
        let rlp = state.nodes.node(owner, &path, &B256::from_slice(child)).unwrap();
        return siblings(state, owner, &path, &rlp, leaves, parts);
    }
    for (nibble, hash) in (0..16).zip(&items) {
        let mut path = *path;
        path.push(nibble);
        let from = leaves.partition_point(|(key, _)| *key < path);
        let to = leaves.partition_point(|(key, _)| *key < path || key.starts_with(&path));
        if from < to {
            let rlp = state.nodes.node(owner, &path, &B256::from_slice(hash)).unwrap();
            siblings(state, owner, &path, &rlp, &leaves[from..to], parts);
        } else if !hash.is_empty() {
            parts.push(Part::Sibling(path, B256::from_slice(hash)));
        }
    }
}
