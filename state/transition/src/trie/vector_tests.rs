//! The official TrieTests of ethereum/tests: all six files.

use std::{collections::BTreeMap, path::PathBuf};

use alloy_primitives::{B256, Bytes, hex, keccak256};
use serde_json::Value;

use super::{
    EMPTY_ROOT_HASH, Nibbles, for_each_leaf,
    test_store::{Leaves, Store},
};

/// A file of `tests/vectors/TrieTests`.
fn vectors(name: &str) -> Value {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/TrieTests");
    serde_json::from_slice(&std::fs::read(folder.join(name)).unwrap()).unwrap()
}

fn bytes(text: &str) -> Bytes {
    match text.strip_prefix("0x") {
        Some(digits) => hex::decode(digits).unwrap().into(),
        None => Bytes::copy_from_slice(text.as_bytes()),
    }
}

/// The steps of a test: an object in any order, or a list of pairs in order; null deletes.
fn steps(input: &Value) -> Vec<(Bytes, Option<Bytes>)> {
    match input {
        Value::Object(map) => {
            map.iter().map(|(key, value)| (bytes(key), value.as_str().map(bytes))).collect()
        }
        Value::Array(list) => list
            .iter()
            .map(|pair| (bytes(pair[0].as_str().unwrap()), pair[1].as_str().map(bytes)))
            .collect(),
        _ => panic!("neither an object nor a list"),
    }
}

fn run(name: &str, is_secure: bool) {
    let file = vectors(name);
    let tests = file.as_object().unwrap();
    assert!(!tests.is_empty());
    for (test, body) in tests {
        let expected: B256 = body["root"].as_str().unwrap().parse().unwrap();
        let steps: Vec<_> = steps(&body["in"])
            .into_iter()
            .map(|(key, value)| {
                let key = if is_secure { keccak256(key).to_vec().into() } else { key };
                (Nibbles::unpack(key), value)
            })
            .collect();
        // One change at a time, in the order given.
        let (mut store, mut root, mut leaves) = (Store::default(), EMPTY_ROOT_HASH, Leaves::new());
        for (key, value) in &steps {
            root = store.update(root, &[(*key, value.clone())], usize::MAX);
            match value {
                Some(value) => leaves.insert(*key, value.clone()),
                None => leaves.remove(key),
            };
            store.assert_exact(None, root, &leaves);
        }
        assert_eq!(root, expected, "{name}: {test}");
        // And all at once: the last change of a key counts.
        let last: BTreeMap<_, _> = steps.into_iter().collect();
        let batch: Vec<_> = last.into_iter().collect();
        let mut at_once = Store::default();
        assert_eq!(at_once.update(EMPTY_ROOT_HASH, &batch, 1), expected, "{name}: {test}");
        assert_eq!(at_once, store);
    }
}

#[test]
fn trietest() {
    run("trietest.json", false);
}

#[test]
fn trietest_secure() {
    run("trietest_secureTrie.json", true);
}

#[test]
fn trieanyorder() {
    run("trieanyorder.json", false);
}

#[test]
fn trieanyorder_secure() {
    run("trieanyorder_secureTrie.json", true);
}

#[test]
fn hex_encoded_secure() {
    run("hex_encoded_securetrie_test.json", true);
}

/// Each test is a key, the key before it and the key after it; empty is none.
#[test]
fn trietestnextprev() {
    let file = vectors("trietestnextprev.json");
    for body in file.as_object().unwrap().values() {
        let keys = body["in"].as_array().unwrap().iter().map(|key| key.as_str().unwrap());
        let mut store = Store::default();
        let mut root = EMPTY_ROOT_HASH;
        for key in keys {
            let change = (Nibbles::unpack(key), Some(Bytes::copy_from_slice(key.as_bytes())));
            root = store.update(root, &[change], usize::MAX);
        }
        let mut ordered = Vec::new();
        for_each_leaf(&store, None, root, &mut |_, value| {
            ordered.push(String::from_utf8(value.to_vec()).unwrap());
        })
        .unwrap();
        let tests = body["tests"].as_array().unwrap();
        assert!(!tests.is_empty());
        for test in tests {
            let [at, previous, next] = [0, 1, 2].map(|index| test[index].as_str().unwrap());
            let before = ordered.iter().rev().find(|key| key.as_str() < at);
            let after = ordered.iter().find(|key| key.as_str() > at);
            assert_eq!(before.map_or("", String::as_str), previous, "before {at}");
            assert_eq!(after.map_or("", String::as_str), next, "after {at}");
        }
    }
}
