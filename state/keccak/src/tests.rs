//! Every width against the hash of one message, for every length and any number of messages. A
//! failure replays with the GAINSAY_SEED that it printed.

use alloy_primitives::{B256, keccak256};
use rand::{Rng, SeedableRng, rngs::StdRng};

use crate::{BLOCK_BYTES, keccak256_each, keccak256_many, keccak256_pairs, lanes::Lanes};

fn seeded() -> StdRng {
    let seed = std::env::var("GAINSAY_SEED").ok().map(|seed| seed.parse().expect("a number"));
    let seed: u64 = seed.unwrap_or_else(|| rand::rng().random());
    println!("GAINSAY_SEED={seed}");
    StdRng::seed_from_u64(seed)
}

fn random_bytes(rng: &mut StdRng, len: usize) -> Vec<u8> {
    (0..len).map(|_| rng.random()).collect()
}

fn assert_many(messages: &[Vec<u8>]) {
    let expected: Vec<B256> = messages.iter().map(keccak256).collect();
    for lanes in Lanes::all() {
        let mut hashes = vec![B256::ZERO; messages.len()];
        lanes.many(messages, &mut hashes);
        assert_eq!(hashes, expected, "{lanes:?}");
    }
}

#[test]
fn messages_of_every_length() {
    let mut rng = seeded();
    let messages: Vec<_> = (0..=600).map(|len| random_bytes(&mut rng, len)).collect();
    assert_many(&messages);
    for message in &messages {
        assert_many(std::slice::from_ref(message));
    }
}

#[test]
fn any_number_of_messages_of_random_lengths() {
    let mut rng = seeded();
    for count in (0..40).chain([1_000]) {
        for blocks_max in [1, 2, 5, 30] {
            let messages: Vec<_> = (0..count)
                .map(|_| {
                    // The edges of a block as often as all other lengths.
                    let mut len = rng.random_range(0..=blocks_max * BLOCK_BYTES);
                    if rng.random_bool(0.5) {
                        len = (len / BLOCK_BYTES * BLOCK_BYTES + rng.random_range(0..3))
                            .saturating_sub(1);
                    }
                    random_bytes(&mut rng, len)
                })
                .collect();
            assert_many(&messages);
        }
    }
}

fn assert_each<const BYTES: usize>(rng: &mut StdRng, count: usize) {
    let messages: Vec<[u8; BYTES]> = (0..count)
        .map(|_| {
            let mut message = [0; BYTES];
            rng.fill(&mut message[..]);
            message
        })
        .collect();
    let expected: Vec<B256> = messages.iter().map(keccak256).collect();
    for lanes in Lanes::all() {
        let mut hashes = vec![B256::ZERO; count];
        lanes.each(&messages, &mut hashes, |message| *message);
        assert_eq!(hashes, expected, "{lanes:?}, {count} of {BYTES} bytes");
    }
    let mut hashes = vec![B256::ZERO; count];
    keccak256_each(&messages, &mut hashes);
    assert_eq!(hashes, expected);
}

#[test]
fn messages_of_one_length() {
    let mut rng = seeded();
    for count in 0..20 {
        assert_each::<0>(&mut rng, count);
        assert_each::<20>(&mut rng, count);
        assert_each::<32>(&mut rng, count);
        assert_each::<127>(&mut rng, count);
        assert_each::<128>(&mut rng, count);
        assert_each::<135>(&mut rng, count);
    }
}

#[test]
fn pairs_are_joined() {
    let mut rng = seeded();
    for count in [0, 1, 3, 4, 8, 9, 64, 100] {
        let pairs: Vec<[B256; 2]> = (0..count)
            .map(|_| [rng.random::<[u8; 32]>().into(), rng.random::<[u8; 32]>().into()])
            .collect();
        let expected: Vec<B256> =
            pairs.iter().map(|pair| keccak256(pair.map(|half| half.0).as_flattened())).collect();
        let mut hashes = vec![B256::ZERO; count];
        keccak256_pairs(&pairs, &mut hashes);
        assert_eq!(hashes, expected);
    }
}

#[test]
#[should_panic(expected = "as many hashes as messages")]
fn a_hash_for_each_message() {
    keccak256_many(&["one", "two"], &mut [B256::ZERO]);
}
