//! Accounts and slots as deep in their tries as an attacker can dig them, and blocks that read,
//! write and clear as many of them as their gas buys.
//!
//! With 2^40 hashes an attacker finds keys that share 10 nibbles with a target of its choice, so it
//! can have a branch of 16 children at each of 10 depths above as many targets as it pays for.
//! Tries here are made directly: a sibling that nothing reads is a hash of nothing.

use std::collections::BTreeMap;

use alloy_consensus::TxEip1559;
use alloy_eips::eip2930::{AccessList, AccessListItem};
use alloy_primitives::{Address, B256, Bytes, TxKind, U256, address, keccak256};
use alloy_rlp::Encodable;
use gainsay_derivation::GenesisAccount;
use gainsay_transition::{
    BASE_FEE_VAULT, L1_FEE_VAULT, SEQUENCER_FEE_VAULT,
    trie::{Account, EMPTY_ROOT_HASH, TrieAccount},
};
use rand::{Rng, rngs::StdRng, seq::IndexedRandom};

use super::{
    Fuzzer,
    world::{GAS_MAX, World, genesis, push},
};
use crate::chain::{Chain, Preimages, contract, funded, tx};

/// log16(2^40).
pub(crate) const DEPTH: usize = 10;
const TARGET: Address = Address::repeat_byte(0xd7);
/// Receives transactions that are worth their access lists alone.
const LISTING: Address = Address::repeat_byte(0x77);
/// What op-revm touches with each fee.
const OPERATOR_FEE_VAULT: Address = address!("420000000000000000000000000000000000001b");
/// Dug accounts stand from here on.
const FIRST: u64 = 0x5000_0000;

/// What a loop does to one number after another.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Access {
    Sload,
    /// To another value: every node above the slot changes.
    SstoreChanged,
    /// To zero: where branches have two children, they collapse.
    SstoreCleared,
    Balance,
    ExtCodeSize,
    /// A wei to each account.
    CallWithValue,
    /// Named in the access list alone.
    Listed,
}

pub(crate) const ACCESSES: [Access; 7] = [
    Access::Sload,
    Access::SstoreChanged,
    Access::SstoreCleared,
    Access::Balance,
    Access::ExtCodeSize,
    Access::CallWithValue,
    Access::Listed,
];

impl Access {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Sload => "SLOAD of slots dug deep",
            Self::SstoreChanged => "SSTORE of slots dug deep",
            Self::SstoreCleared => "SSTORE that clears slots dug deep",
            Self::Balance => "BALANCE of accounts dug deep",
            Self::ExtCodeSize => "EXTCODESIZE of accounts dug deep",
            Self::CallWithValue => "CALL with value to accounts dug deep",
            Self::Listed => "access lists of slots dug deep",
        }
    }

    /// Code with the number on top of the stack, which it leaves there.
    const fn body(self) -> &'static [u8] {
        match self {
            Self::Sload => &[0x80, 0x54, 0x50],
            Self::SstoreChanged => &[0x60, 2, 0x81, 0x55],
            Self::SstoreCleared => &[0x5f, 0x81, 0x55],
            Self::Balance => &[0x80, 0x31, 0x50],
            Self::ExtCodeSize => &[0x80, 0x3b, 0x50],
            Self::CallWithValue => &[0x5f, 0x5f, 0x5f, 0x5f, 0x60, 1, 0x85, 0x5f, 0xf1, 0x50],
            Self::Listed => &[],
        }
    }

    /// The least gas of one.
    const fn gas(self) -> u64 {
        match self {
            Self::Sload => 2_100,
            Self::SstoreChanged | Self::SstoreCleared => 5_000,
            Self::Balance | Self::ExtCodeSize => 2_600,
            Self::CallWithValue => 9_300,
            Self::Listed => 1_900,
        }
    }
}

/// Which children a branch above a target has.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Siblings {
    /// All 16, whose nodes nothing reads.
    Full,
    /// One more, a leaf: the branch goes when the target does.
    One,
}

pub(super) fn round(random: &mut StdRng, fuzzer: &mut Fuzzer) {
    let access = *ACCESSES.choose(random).unwrap();
    let siblings = *[Siblings::Full, Siblings::One].choose(random).unwrap();
    let depth = random.random_range(1..=DEPTH);
    let gas = *[200_000, 1_100_000, 2_000_000].choose(random).unwrap();
    let mut world = world(access, siblings, depth, gas);
    let calls = calls(&mut world, access, gas, 1);
    let steps = world.block(calls);
    assert_eq!(steps[0].transactions, 1);
    fuzzer.check(access.name(), &world.chain, &steps);
}

/// A chain with as many targets as `gas` can reach.
pub(crate) fn world(access: Access, siblings: Siblings, depth: usize, gas: u64) -> World {
    let count = gas / access.gas() + 1;
    let slots = matches!(
        access,
        Access::Sload | Access::SstoreChanged | Access::SstoreCleared | Access::Listed
    );
    let mut alloc = genesis();
    let rich = GenesisAccount { balance: U256::MAX >> 8, ..contract(&looped(access)) };
    alloc.insert(TARGET, rich);
    // What every block touches exists: where it does not, its place may lie behind a made-up
    // sibling.
    for address in [SEQUENCER_FEE_VAULT, BASE_FEE_VAULT, L1_FEE_VAULT, OPERATOR_FEE_VAULT, LISTING]
    {
        alloc.insert(address, funded());
    }
    let mut chain = Chain::with_genesis(&alloc);
    let mut digger = Digger { preimages: &mut chain.preimages, siblings, depth };
    let mut storage = Vec::new();
    if slots {
        let leaf = alloy_rlp::encode(U256::ONE);
        storage
            .extend((0..count).map(|slot| (keccak256(B256::from(U256::from(slot))), leaf.clone())));
    }
    let storage_root = digger.root(storage.into_iter().map(|it| (it, true)).collect());
    let mut leaves = Vec::new();
    for (address, genesis) in &alloc {
        let code_hash = keccak256(&genesis.code);
        let account = Account { nonce: genesis.nonce, balance: genesis.balance, code_hash };
        let root = if *address == TARGET { storage_root } else { EMPTY_ROOT_HASH };
        let leaf = TrieAccount::new(account, root).to_leaf().to_vec();
        leaves.push(((keccak256(address), leaf), false));
    }
    if !slots {
        let account = Account { balance: U256::ONE, ..Account::default() };
        let leaf = TrieAccount::new(account, EMPTY_ROOT_HASH).to_leaf().to_vec();
        let addresses = (0..count).map(|it| Address::from_word(U256::from(FIRST + it).into()));
        leaves.extend(addresses.map(|it| ((keccak256(it), leaf.clone()), true)));
    }
    let root = digger.root(leaves);
    chain.replace_state(root);
    World::on(chain)
}

/// Transactions that use `gas`, in `count` parts.
pub(crate) fn calls(world: &mut World, access: Access, gas: u64, count: u64) -> Vec<Bytes> {
    let each = (gas / count).min(GAS_MAX);
    let targets = each / access.gas();
    (0..count)
        .map(|sender| {
            let from = sender * targets;
            if matches!(access, Access::Listed) {
                return access_list(world, sender, from, each);
            }
            let first = match access {
                Access::Sload | Access::SstoreChanged | Access::SstoreCleared => from,
                _ => FIRST + from,
            };
            world.send(sender, TARGET, each, U256::from(first).to_be_bytes::<32>().to_vec())
        })
        .collect()
}

fn access_list(world: &mut World, sender: u64, from: u64, gas: u64) -> Bytes {
    let count = (gas - 60_000) / 1_900;
    let storage_keys = (from..from + count).map(|slot| B256::from(U256::from(slot))).collect();
    let access_list = AccessList(vec![AccessListItem { address: TARGET, storage_keys }]);
    let nonce = world.take_nonce(sender);
    let to = TxKind::Call(LISTING);
    let tx = TxEip1559 { nonce, gas_limit: gas, to, access_list, ..tx() };
    world.chain.sign(sender, tx)
}

/// PUSH0, CALLDATALOAD, JUMPDEST, body, PUSH1 1, ADD, and back while there is gas for one more.
fn looped(access: Access) -> Vec<u8> {
    let enough = push(U256::from(25_000));
    let tail = [&[0x60, 1, 0x01][..], &enough, &[0x5a, 0x11, 0x60, 2, 0x57, 0]].concat();
    [&[0x5f, 0x35, 0x5b][..], access.body(), &tail].concat()
}

/// A key with the value of its leaf, and whether it is dug.
type Leaf = ((B256, Vec<u8>), bool);

/// Makes tries.
struct Digger<'a> {
    preimages: &'a mut Preimages,
    siblings: Siblings,
    depth: usize,
}

impl Digger<'_> {
    fn root(&mut self, leaves: Vec<Leaf>) -> B256 {
        let sorted: BTreeMap<B256, (Vec<u8>, bool)> =
            leaves.into_iter().map(|((key, value), is_dug)| (key, (value, is_dug))).collect();
        if sorted.is_empty() {
            return EMPTY_ROOT_HASH;
        }
        let leaves: Vec<_> = sorted.into_iter().collect();
        let node = self.node(&leaves, 0);
        self.preimages.add(node)
    }

    /// The node that holds these leaves, whose keys agree on the first `depth` nibbles.
    fn node(&mut self, leaves: &[(B256, (Vec<u8>, bool))], depth: usize) -> Vec<u8> {
        let (key, (value, is_dug)) = &leaves[0];
        if leaves.len() == 1 && (!is_dug || depth >= self.depth) {
            return leaf(key, depth, value);
        }
        let any_is_dug = leaves.iter().any(|(_, (_, is_dug))| *is_dug);
        let mut items = Vec::new();
        let groups: Vec<_> =
            leaves.chunk_by(|a, b| nibble(&a.0, depth) == nibble(&b.0, depth)).collect();
        let lonely = (groups.len() == 1).then(|| (nibble(key, depth) + 1) % 16);
        for child in 0..16 {
            match groups.iter().find(|group| nibble(&group[0].0, depth) == child) {
                Some(group) => {
                    let node = self.node(group, depth + 1);
                    self.refer(&mut items, node);
                }
                None => match self.siblings {
                    Siblings::Full if any_is_dug && depth < self.depth => {
                        keccak256([child, depth as u8]).encode(&mut items);
                    }
                    _ if lonely == Some(child) => {
                        let mut other = *key;
                        set_nibble(&mut other, depth, child);
                        let node = leaf(&other, depth + 1, value);
                        self.refer(&mut items, node);
                    }
                    _ => items.push(0x80),
                },
            }
        }
        items.push(0x80);
        list(&items)
    }

    /// A child in a branch: the node itself if it is short, else its hash.
    fn refer(&mut self, items: &mut Vec<u8>, node: Vec<u8>) {
        if node.len() < 32 {
            items.extend(node);
        } else {
            self.preimages.add(node).encode(items);
        }
    }
}

const fn nibble(key: &B256, at: usize) -> u8 {
    let byte = key.0[at / 2];
    if at.is_multiple_of(2) { byte >> 4 } else { byte & 0xf }
}

const fn set_nibble(key: &mut B256, at: usize, nibble: u8) {
    let byte = &mut key.0[at / 2];
    *byte = if at.is_multiple_of(2) { *byte & 0x0f | nibble << 4 } else { *byte & 0xf0 | nibble };
}

/// A leaf of the nibbles of `key` from `depth` on, in hex-prefix encoding.
fn leaf(key: &B256, depth: usize, value: &[u8]) -> Vec<u8> {
    let mut path = Vec::new();
    let mut at = depth;
    if depth % 2 == 1 {
        path.push(0x30 | nibble(key, depth));
        at += 1;
    } else {
        path.push(0x20);
    }
    path.extend(&key[at / 2..]);
    let mut items = Vec::new();
    path.as_slice().encode(&mut items);
    value.encode(&mut items);
    list(&items)
}

fn list(items: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    alloy_rlp::Header { list: true, payload_length: items.len() }.encode(&mut out);
    out.extend(items);
    out
}
