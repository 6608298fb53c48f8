//! The root of a trie over a list: transactions and receipts by their index.
//!
//! In: the encoded items. Out: the root that `alloy_trie` gives for `rlp(index) -> item`. The nodes
//! of the items, which are nearly all of the work, are hashed several at a time; the few branches
//! above them are left to `alloy_trie`.

use alloc::{vec, vec::Vec};
use alloy_primitives::B256;
use alloy_rlp::Encodable;
use alloy_trie::{
    HashBuilder, Nibbles,
    nodes::LeafNodeRef,
    root::{adjust_index_for_rlp, ordered_trie_root_encoded},
};
use gainsay_keccak::keccak256_many;

/// Items of fewer bytes could be embedded in the node above them; no transaction or receipt is.
const ITEM_BYTES_MIN: usize = 32;

/// Encodes the items into one buffer and computes the root of the trie over them.
pub(crate) fn ordered_root<T>(items: &[T], encode: impl Fn(&T, &mut Vec<u8>)) -> B256 {
    let mut buffer = Vec::new();
    let mut ends = Vec::with_capacity(items.len());
    for item in items {
        encode(item, &mut buffer);
        ends.push(buffer.len());
    }
    let items = slices(&buffer, &ends);
    match items.len() >= 2 && items.iter().all(|item| item.len() >= ITEM_BYTES_MIN) {
        true => root_of_long(&items),
        false => ordered_trie_root_encoded(&items),
    }
}

/// Cuts a buffer at `ends`: each slice begins where the one before it ends.
fn slices<'a>(buffer: &'a [u8], ends: &[usize]) -> Vec<&'a [u8]> {
    let mut start = 0;
    let slice = |end: &usize| {
        let slice = &buffer[start..*end];
        start = *end;
        slice
    };
    ends.iter().map(slice).collect()
}

/// The root over at least two items, none of which fits into the node above it.
fn root_of_long(items: &[&[u8]]) -> B256 {
    let count = items.len();
    let indexes: Vec<usize> = (0..count).map(|it| adjust_index_for_rlp(it, count)).collect();
    let keys: Vec<Nibbles> = indexes.iter().map(|it| key_of(*it)).collect();
    let places: Vec<Nibbles> = (0..count).map(|it| place(&keys, it)).collect();

    let mut buffer = Vec::new();
    let mut ends = Vec::with_capacity(count);
    for ((index, key), place) in indexes.iter().zip(&keys).zip(&places) {
        let rest = key.slice(place.len()..);
        LeafNodeRef::new(&rest, items[*index]).encode(&mut buffer);
        ends.push(buffer.len());
    }
    let mut hashes = vec![B256::ZERO; count];
    keccak256_many(&slices(&buffer, &ends), &mut hashes);

    let mut above = HashBuilder::default();
    for (place, hash) in places.into_iter().zip(hashes) {
        above.add_branch(place, hash, false);
    }
    above.root()
}

fn key_of(index: usize) -> Nibbles {
    Nibbles::unpack(alloy_rlp::encode_fixed_size(&index))
}

/// Where the leaf of a key hangs: one nibble more than the key shares with its neighbours, which
/// are the closest to it, because the keys ascend. No key begins with another.
fn place(keys: &[Nibbles], at: usize) -> Nibbles {
    let shared =
        |other: Option<&Nibbles>| other.map_or(0, |other| keys[at].common_prefix_length(other));
    let before = shared(at.checked_sub(1).and_then(|it| keys.get(it)));
    let after = shared(at.checked_add(1).and_then(|it| keys.get(it)));
    keys[at].slice(..before.max(after).saturating_add(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(items: &[Vec<u8>]) {
        let ours = ordered_root(items, |item, out| out.extend_from_slice(item));
        assert_eq!(ours, ordered_trie_root_encoded(items), "{} items", items.len());
    }

    #[test]
    fn it_is_the_root_of_alloy_trie() {
        let item = |index: usize| vec![(index % 251).to_le_bytes()[0]; 32 + index * 13 % 700];
        // Around each length at which the keys' encoding, and with it the trie's shape, changes.
        for count in (0..300).chain(65_530..65_540).chain([1_000, 4_097]) {
            check(&(0..count).map(item).collect::<Vec<_>>());
        }
    }

    #[test]
    fn short_items_are_embedded() {
        for length in [0, 1, 5, 31, 32, 33] {
            let mut items = vec![vec![7; 100]; 20];
            items[11] = vec![9; length];
            check(&items);
            check(&vec![vec![9; length]; 20]);
        }
    }
}
