//! Every precompile at the edges of its input and of its gas.
//!
//! Inputs are valid ones, with a bit flipped, a byte cut off or added, or of the lengths at which
//! bounds lie. Points of the BLS curves are those that the maps give.

use alloy_primitives::{Address, Bytes, U256, hex};
use gainsay_transition::run_precompile;
use rand::{Rng, rngs::StdRng, seq::IndexedRandom};

use super::{
    Fuzzer,
    world::{WALLETS, World, bytes, word},
};

const BN254_G2: [u8; 128] = hex!(
    "198e9393920d483a7260bfb731fb5d25f1aa493335a9e71297e485b7aef312c21800deef121f1e76426a00665e5c4479674322d4f75edadd46debd5cd992f6ed090689d0585ff075ec9e99ad690c3395bc4b313370b38ef355acdadcd122975b12c85ea5db8c6deb4aab71808dcb408fe3d1e7690c43d37b4ce6cc0166fa7daa"
);
/// A signature that P256VERIFY accepts, from the test vectors of RIP-7212.
const P256: [u8; 160] = hex!(
    "4cee90eb86eaa050036147a12d49004b6b9c72bd725d39d4785011fe190f0b4da73bd4903f0ce3b639bbbf6e8e80d16931ff4bcf5993d58468e8fb19086e8cac36dbcd03009df8c59286b162af3bd7fcc0450c9aa81be5d10d312af6c66b1d604aebd3099c618202fcfe16ae7770b0c49ab5eadf74b754204a3bb6060e44eff37618b065f9832de4ca6ca971a7a1adc826d0f7c00181a5fb2ddf79ae00b4e10e"
);
/// Lengths around the bounds of inputs.
const LENGTHS: [usize; 12] =
    [0, 1, 31, 32, 81_983, 81_984, 81_985, 119_999, 120_000, 120_001, 124_000, 126_000];
const NUMBERS: [u64; 21] =
    [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 0x12, 0xff, 0x100, 0x101];

pub(super) fn round(random: &mut StdRng, fuzzer: &mut Fuzzer) {
    let mut world = World::new([]);
    for _ in 0..3 {
        let mut calls = Vec::new();
        for sender in 0..WALLETS {
            let number = *NUMBERS.choose(random).unwrap();
            let input = hostile_input(random, number);
            // One long input is what a transaction of a batch in blobs can have.
            let is_long = input.len() > 40_000;
            let gas = gas(random, number, &input);
            calls.push(world.probe(sender, address(number), gas, &input));
            if is_long {
                break;
            }
        }
        let steps = world.block(calls);
        fuzzer.check("precompiles at their edges", &world.chain, &steps);
    }
}

fn address(number: u64) -> Address {
    Address::from_word(U256::from(number).into())
}

fn call(number: u64, input: &[u8]) -> Bytes {
    run_precompile(address(number), input).unwrap_or_default()
}

fn hostile_input(random: &mut StdRng, number: u64) -> Vec<u8> {
    let mut input = valid_input(random, number);
    for _ in 0..random.random_range(0..3) {
        match random.random_range(0..5) {
            0 if !input.is_empty() => {
                let at = random.random_range(0..input.len());
                input[at] ^= 1 << random.random_range(0..8);
            }
            1 => drop(input.pop()),
            2 => input.push(random.random()),
            3 if random.random_bool(0.3) => {
                input.resize(*LENGTHS.choose(random).unwrap(), random.random::<u8>() & 1);
            }
            _ => {}
        }
    }
    input
}

/// Points as the BLS precompiles write them: of a map, zero, or off the curve.
fn bls_point(random: &mut StdRng, map: u64) -> Vec<u8> {
    let elements = if map == 0x10 { 1 } else { 2 };
    let mut field = Vec::new();
    for _ in 0..elements {
        // Below the modulus, whose first byte is 0x1a.
        let low = [vec![random.random_range(0..0x1a)], bytes(random, 47)].concat();
        field.extend([vec![0; 16], low].concat());
    }
    let point = call(map, &field);
    match random.random_range(0..8) {
        0 => vec![0; point.len()],
        1 => bytes(random, point.len()),
        _ => point.to_vec(),
    }
}

fn bn254_point(random: &mut StdRng) -> Vec<u8> {
    let generator = [U256::ONE, U256::from(2)].map(|it| it.to_be_bytes::<32>()).concat();
    let point = call(7, &[generator, word(random).to_be_bytes::<32>().to_vec()].concat());
    match random.random_range(0..8) {
        0 => vec![0; 64],
        1 => bytes(random, 64),
        _ => point.to_vec(),
    }
}

fn scalar(random: &mut StdRng) -> Vec<u8> {
    word(random).to_be_bytes::<32>().to_vec()
}

fn valid_input(random: &mut StdRng, number: u64) -> Vec<u8> {
    let count = *[0, 1, 1, 2, 3, 8].choose(random).unwrap();
    let many = |random: &mut StdRng, item: &dyn Fn(&mut StdRng) -> Vec<u8>| -> Vec<u8> {
        (0..count).flat_map(|_| item(random)).collect()
    };
    match number {
        1 => bytes(random, 128),
        2..=4 => {
            let len = random.random_range(0..3_000);
            bytes(random, len)
        }
        5 => modexp(random),
        6 => [bn254_point(random), bn254_point(random)].concat(),
        7 => [bn254_point(random), scalar(random)].concat(),
        8 => many(random, &|random| [bn254_point(random), BN254_G2.to_vec()].concat()),
        9 => {
            let rounds = *[0, 1, 12, 1_000, 200_000].choose(random).unwrap();
            let is_final = random.random_range(0..3_u8);
            [u32::to_be_bytes(rounds).to_vec(), bytes(random, 208), vec![is_final]].concat()
        }
        10 => kzg(random),
        11 => [bls_point(random, 0x10), bls_point(random, 0x10)].concat(),
        12 => many(random, &|random| [bls_point(random, 0x10), scalar(random)].concat()),
        13 => [bls_point(random, 0x11), bls_point(random, 0x11)].concat(),
        14 => many(random, &|random| [bls_point(random, 0x11), scalar(random)].concat()),
        15 => many(random, &|random| [bls_point(random, 0x10), bls_point(random, 0x11)].concat()),
        16 => [vec![0; 16], bytes(random, 48)].concat(),
        17 => [vec![0; 16], bytes(random, 48), vec![0; 16], bytes(random, 48)].concat(),
        0x100 => P256.to_vec(),
        _ => bytes(random, 64),
    }
}

fn modexp(random: &mut StdRng) -> Vec<u8> {
    let lengths = [0, 1, 31, 32, 33, 64, 256, 1_023, 1_024, 1_025];
    let chosen = [(); 3].map(|()| *lengths.choose(random).unwrap());
    let mut head: Vec<u8> =
        chosen.iter().flat_map(|len| U256::from(*len).to_be_bytes::<32>()).collect();
    if random.random_bool(0.1) {
        let at = random.random_range(0..3) * 32;
        head[at..at + 32].copy_from_slice(&word(random).to_be_bytes::<32>());
    }
    let mut body = bytes(random, chosen.iter().sum());
    if random.random_bool(0.3) {
        body.fill(*[0, 1, 0xff].choose(random).unwrap());
    }
    let kept = random.random_range(0..=body.len());
    body.truncate(if random.random_bool(0.3) { kept } else { body.len() });
    [head, body].concat()
}

/// A proof for the polynomial zero: commitment and proof are the point at infinity.
fn kzg(random: &mut StdRng) -> Vec<u8> {
    let mut infinity = vec![0; 48];
    infinity[0] = 0xc0;
    let mut versioned_hash = call(2, &infinity).to_vec();
    versioned_hash[0] = 1;
    let z: U256 = word(random) >> 3;
    [versioned_hash, z.to_be_bytes::<32>().to_vec(), vec![0; 32], infinity.clone(), infinity]
        .concat()
}

/// Gas of the call: around its price, around the bound, or any.
fn gas(random: &mut StdRng, number: u64, input: &[u8]) -> u64 {
    let words = input.len().div_ceil(32) as u64;
    let price = match number {
        1 => 3_000,
        2 => 60 + 12 * words,
        3 => 600 + 120 * words,
        4 => 15 + 3 * words,
        5 => *[500, 4_080, 16_384, 131_072].choose(random).unwrap(),
        6 => 150,
        7 => 6_000,
        8 => 45_000 + 34_000 * (input.len() as u64 / 192),
        9 => input.first_chunk().map_or(0, |rounds| u64::from(u32::from_be_bytes(*rounds))),
        10 => 50_000,
        11 => 375,
        12 => 12_000,
        13 => 600,
        14 => 22_500,
        15 => 37_700 + 32_600 * (input.len() as u64 / 384),
        16 => 5_500,
        17 => 23_800,
        _ => 6_900,
    };
    match random.random_range(0..6) {
        0 => price.saturating_sub(1),
        1 => price,
        2 => price + 1,
        3 => *[0, 1, 11_999_999, 12_000_000, 12_000_001].choose(random).unwrap(),
        _ => 4_000_000,
    }
}
