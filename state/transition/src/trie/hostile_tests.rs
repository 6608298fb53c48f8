//! Nodes that no trie holds: every operation ends with a value or an error, and none panics.

use std::collections::HashMap;

use alloy_primitives::{B256, Bytes, keccak256};
use alloy_rlp::Encodable;
use rand::{Rng, rngs::StdRng, seq::IndexedRandom};

use super::{
    EMPTY_ROOT_HASH, Nibbles, NodeDefect, NodeReader, NodeSet, TrieError, Verified, VerifyError,
    for_each_leaf, get,
    node::Node,
    prove,
    test_store::{Leaves, Store, seeded},
    update,
};

/// Answers every question by a node that a stranger chose.
#[derive(Debug)]
struct Liar {
    by_hash: HashMap<B256, Bytes>,
    otherwise: Bytes,
}

impl NodeReader for Liar {
    type Error = core::convert::Infallible;

    fn node(&self, _: Option<B256>, _: &Nibbles, hash: &B256) -> Result<Bytes, Self::Error> {
        Ok(self.by_hash.get(hash).unwrap_or(&self.otherwise).clone())
    }
}

const ROOT: B256 = B256::repeat_byte(0xab);

fn liar(node: Vec<u8>) -> Liar {
    Liar { by_hash: HashMap::new(), otherwise: node.into() }
}

fn list(items: &[Vec<u8>]) -> Vec<u8> {
    let payload = items.concat();
    let mut rlp = Vec::new();
    alloy_rlp::Header { list: true, payload_length: payload.len() }.encode(&mut rlp);
    rlp.extend(payload);
    rlp
}

fn string(bytes: &[u8]) -> Vec<u8> {
    let mut rlp = Vec::new();
    bytes.encode(&mut rlp);
    rlp
}

/// Does all that a trie can do, with keys that end anywhere, in a small stack.
fn try_everything<R: NodeReader>(reader: &R, root: B256, keys: &[Nibbles]) {
    let mut changes: Vec<_> = keys.iter().map(|key| (*key, None)).collect();
    changes.sort_unstable();
    changes.dedup();
    drop(update(reader, None, root, &changes));
    for (index, change) in changes.iter_mut().enumerate() {
        drop(get(reader, None, root, &change.0));
        drop(prove(reader, None, root, &change.0));
        drop(update(reader, None, root, core::slice::from_ref(change)));
        if index % 2 == 0 {
            change.1 = Some(Bytes::from_static(b"value"));
        }
        drop(update(reader, None, root, core::slice::from_ref(change)));
    }
    drop(update(reader, None, root, &changes));
    drop(for_each_leaf(reader, None, root, &mut |_, _| {}));
}

fn in_small_stack(run: impl FnOnce() + Send + 'static) {
    let thread = std::thread::Builder::new().stack_size(1 << 20);
    thread.spawn(run).unwrap().join().unwrap();
}

#[test]
fn each_defect_is_named() {
    let hash = string(&[7; 32]);
    let empty = string(&[]);
    let branch = |children: usize| {
        list(&[vec![hash.clone(); children], vec![empty.clone(); 17 - children]].concat())
    };
    let rlp = |node: &[u8]| Node::decode(node, 0).err();
    assert!(matches!(rlp(&[]), Some(NodeDefect::Rlp(_))));
    assert!(matches!(rlp(&[0x80]), Some(NodeDefect::Rlp(_))));
    assert!(matches!(rlp(&[0xf8]), Some(NodeDefect::Rlp(_))));
    assert!(matches!(rlp(&[0xff; 9]), Some(NodeDefect::Rlp(_))));
    assert_eq!(rlp(&branch(16)), None);
    let trailing = [branch(16), vec![0]].concat();
    assert!(matches!(rlp(&trailing), Some(NodeDefect::Rlp(_))));
    for found in [0, 1, 3, 15, 16, 18] {
        let items = vec![hash.clone(); found];
        assert_eq!(rlp(&list(&items)), Some(NodeDefect::ItemCount { found }));
    }
    // Children: a string of another length, a long list, a list where a value belongs.
    for child in [string(&[7; 31]), string(&[7; 33]), vec![7], list(core::slice::from_ref(&hash))] {
        let mut items = vec![empty.clone(); 17];
        items[3] = child;
        assert_eq!(rlp(&list(&items)), Some(NodeDefect::Link));
    }
    let mut items = vec![empty.clone(); 17];
    items[16] = list(&[]);
    assert!(matches!(rlp(&list(&items)), Some(NodeDefect::Rlp(_))));
    // Paths: no flag, unknown flags, padding, too long.
    for path in [vec![], vec![0x40], vec![0xf0], vec![0x01], vec![0x2f], vec![0; 34]] {
        let node = list(&[string(&path), hash.clone()]);
        assert_eq!(rlp(&node), Some(NodeDefect::HexPrefix), "{path:?}");
    }
    let long = [vec![0x31], vec![0; 32]].concat();
    assert_eq!(rlp(&list(&[string(&long), hash.clone()])), Some(NodeDefect::HexPrefix));
    let whole = list(&[string(&[vec![0x20], vec![0; 32]].concat()), hash.clone()]);
    assert_eq!(rlp(&whole), None);
    assert_eq!(Node::decode(&whole, 1).err(), Some(NodeDefect::TooDeep));
    // An extension that goes nowhere, a leaf that holds nothing.
    let nowhere = list(&[string(&[0x00]), hash.clone()]);
    assert_eq!(rlp(&nowhere), Some(NodeDefect::EmptyExtension));
    let to_nothing = list(&[string(&[0x11]), empty.clone()]);
    assert_eq!(rlp(&to_nothing), Some(NodeDefect::EmptyExtension));
    assert_eq!(rlp(&list(&[string(&[0x31]), empty])), Some(NodeDefect::EmptyLeaf));
}

#[test]
fn cycles_end() {
    let hash = string(ROOT.as_slice());
    let empty = string(&[]);
    let full = list(&[vec![hash.clone(); 16], vec![empty.clone()]].concat());
    let with_value = list(&[vec![hash.clone(); 16], vec![string(&[1])]].concat());
    let lonely = list(&[vec![hash.clone()], vec![empty; 16]].concat());
    let extension = list(&[string(&[0x11]), hash.clone()]);
    let long = list(&[string(&[vec![0x00], vec![0; 31]].concat()), hash]);
    for node in [full, with_value, lonely, extension, long] {
        in_small_stack(move || {
            let reader = liar(node);
            let keys = [[0_u8; 32], [0x11; 32], [0x1f; 32], [0xff; 32]].map(Nibbles::unpack);
            let short = [Nibbles::new(), Nibbles::unpack([0; 3]), Nibbles::unpack([0x11; 31])];
            try_everything(&reader, ROOT, &[&keys[..], &short[..]].concat());
            let visited = for_each_leaf(&reader, None, ROOT, &mut |_, _| {});
            assert!(matches!(visited, Err(TrieError::BadNode { defect: NodeDefect::TooDeep, .. })));
        });
    }
}

fn mutate(rng: &mut StdRng, node: &Bytes, others: &[Bytes]) -> Bytes {
    let mut node = node.to_vec();
    match rng.random_range(0..5) {
        0 => node.truncate(rng.random_range(0..node.len())),
        1 => node.push(rng.random()),
        2 => return others.choose(rng).unwrap().clone(),
        _ => {
            for _ in 0..rng.random_range(1..4) {
                let at = rng.random_range(0..node.len());
                node[at] = if rng.random_bool(0.5) {
                    rng.random()
                } else {
                    node[at] ^ (1 << rng.random_range(0..8))
                };
            }
        }
    }
    node.into()
}

#[test]
fn mutated_nodes_never_panic() {
    let mut rng = seeded();
    for round in 0..300 {
        // Short keys and values give nodes within nodes; long ones give hashes.
        let key_bytes = if round % 2 == 0 { 2 } else { 32 };
        let mut leaves = Leaves::new();
        for _ in 0..rng.random_range(1..60) {
            let key: Vec<u8> = (0..key_bytes).map(|_| rng.random_range(0..3) * 0x11).collect();
            leaves.insert(Nibbles::unpack(key), vec![rng.random(); rng.random_range(1..40)].into());
        }
        let changes: Vec<_> =
            leaves.iter().map(|(key, value)| (*key, Some(value.clone()))).collect();
        let mut store = Store::default();
        let root = store.update(EMPTY_ROOT_HASH, &changes, usize::MAX);
        let nodes: Vec<_> = store.0.values().cloned().collect();
        let keys: Vec<_> = leaves.keys().copied().collect();
        let mut by_hash: HashMap<_, _> =
            nodes.iter().map(|node| (keccak256(node), node.clone())).collect();
        for _ in 0..3 {
            let node = nodes.choose(&mut rng).unwrap();
            by_hash.insert(keccak256(node), mutate(&mut rng, node, &nodes));
        }
        let otherwise = nodes.choose(&mut rng).unwrap().clone();
        in_small_stack(move || try_everything(&Liar { by_hash, otherwise }, root, &keys));
    }
}

#[test]
fn a_verified_reader_tells_a_lie_from_a_node() {
    let mut honest = NodeSet::default();
    let key = Nibbles::unpack([0x12; 32]);
    let value = Bytes::from_static(b"a value that is long enough");
    let updated = update(&honest, None, EMPTY_ROOT_HASH, &[(key, Some(value.clone()))]).unwrap();
    honest.insert(None, updated.nodes);
    let root = updated.root;
    assert_eq!(get(&Verified(&honest), None, root, &key), Ok(Some(value)));

    let lie = list(&[string(&[vec![0x20], vec![0x12; 32]].concat()), string(b"another")]);
    let computed = keccak256(&lie);
    let liar = liar(lie);
    assert_eq!(get(&liar, None, root, &key), Ok(Some(Bytes::from_static(b"another"))));
    let told = TrieError::Read(VerifyError::HashMismatch { expected: root, computed });
    assert_eq!(get(&Verified(&liar), None, root, &key), Err(told.clone()));
    assert_eq!(update(&Verified(&liar), None, root, &[(key, None)]), Err(told));
}
