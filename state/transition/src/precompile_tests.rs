//! The rule for precompiles against revm's own, at Osaka with OP's bounds: as a host computes it,
//! and as the guest asks for it.

use std::convert::Infallible;

use super::*;
use crate::{block_state::LazyHash, trie::Account};
use rand::{Rng, SeedableRng, rngs::StdRng};

/// The longest of inputs that contracts have reason to send, and beyond what one proof carries.
const LONG: usize = 131_072;

/// A state without accounts. With `PROVES`, one that L1 must be able to prove.
struct Reader<const PROVES: bool>;

impl<const PROVES: bool> StateReader for Reader<PROVES> {
    type Error = Infallible;

    fn account(&self, _: Address) -> Result<Option<Account>, Infallible> {
        Ok(None)
    }

    fn storage(&self, _: Address, _: U256) -> Result<U256, Infallible> {
        Ok(U256::ZERO)
    }

    fn code(&self, _: B256) -> Result<Bytes, Infallible> {
        Ok(Bytes::new())
    }
}

impl<const PROVES: bool> PrecompileReader for Reader<PROVES> {
    const PROVES_PRECOMPILES: bool = PROVES;

    fn precompile(&self, address: Address, input: &[u8]) -> Result<Option<Bytes>, Infallible> {
        if !PROVES {
            return Ok(run_precompile(address, input));
        }
        let len = input.len();
        assert!(len <= PRECOMPILE_INPUT_BYTES_MAX, "{address}: L1 cannot be given {len} bytes");
        // As the contract does it.
        let precompile = op_revm::precompiles::karst().get(&address).unwrap();
        let output = precompile.execute(input, PRECOMPILE_GAS_MAX, 0).unwrap();
        Ok(output.is_success().then_some(output.bytes))
    }
}

/// Gas and bytes of a call that succeeds, the same in both ways.
fn answer(number: u64, input: &[u8]) -> Option<(u64, Bytes)> {
    let gas = gas_cost(number, input)?;
    let hash = || -> LazyHash { Box::new(|| B256::ZERO) };
    let proven = BlockState::new(Reader::<true>, 1, hash()).precompile(number, input).unwrap();
    let computed = BlockState::new(Reader::<false>, 1, hash()).precompile(number, input).unwrap();
    assert_eq!(proven, computed, "precompile {number:#x}");
    Some((gas, proven?))
}

/// The same by revm, with so much gas: by Ethereum's rules where OP bounds lengths and we do not.
fn revms(number: u64, input: &[u8], gas_limit: u64) -> Option<(u64, Bytes)> {
    let precompiles = match number {
        0x0c | 0x0e => EthPrecompiles::osaka(),
        _ => op_revm::precompiles::karst(),
    };
    let precompile = precompiles.get(&u64_to_address(number)).unwrap();
    let output = precompile.execute(input, gas_limit, 0).unwrap();
    output.is_success().then_some((output.gas_used, output.bytes))
}

fn word(value: u64) -> [u8; 32] {
    U256::from(value).to_be_bytes()
}

/// Inputs that succeed, fail, and lie about their lengths.
fn inputs(number: u64, random: &mut StdRng) -> Vec<u8> {
    let item = match number {
        0x08 => 192,
        0x0c => bls::G1_MSM_INPUT_LENGTH,
        0x0e => bls::G2_MSM_INPUT_LENGTH,
        0x0f => bls::PAIRING_INPUT_LENGTH,
        0x09 => 213,
        0x0b => 256,
        0x0d => 512,
        0x10 => 64,
        0x11 => 128,
        P256_VERIFY => 160,
        _ => 32,
    };
    let mut input = vec![0; item * random.random_range(0..4)];
    if number == 0x09 && input.len() >= 4 {
        input.truncate(213);
        input[3] = random.random();
    }
    if number == 0x05 {
        let operand = |random: &mut StdRng| random.random_range(0..70_u64);
        input = [word(operand(random)), word(operand(random)), word(operand(random))].concat();
        let len = random.random_range(0..220);
        input.extend((0..len).map(|_| random.random::<u8>()));
    }
    match random.random_range(0..4) {
        0 => input.push(0),
        1 if matches!(number, 0x01..=0x04) => input.extend([random.random::<u8>(); 77]),
        _ => {}
    }
    input
}

#[test]
fn gas_and_success_are_revms() {
    let seed = rand::rng().random();
    println!("seed {seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let mut successes = 0;
    for round in 0..200 {
        for number in (1..=LAST).chain([P256_VERIFY]) {
            let input = inputs(number, &mut random);
            let found = answer(number, &input);
            let expected = revms(number, &input, PRECOMPILE_GAS_MAX);
            assert_eq!(found, expected, "precompile {number:#x} round {round} seed {seed}");
            successes += usize::from(found.is_some());
        }
    }
    assert!(successes > 1_000, "{successes}");
}

#[test]
fn the_addresses_are_revms() {
    let mut expected: Vec<_> = op_revm::precompiles::karst().addresses().copied().collect();
    expected.sort_unstable();
    let found: Vec<_> = (1..=LAST).chain([P256_VERIFY]).map(u64_to_address).collect();
    assert_eq!(found, expected);
    assert!(found.iter().all(|address| Precompiles::number(address).is_some()));
    for other in [u64_to_address(0), u64_to_address(0x12), Address::repeat_byte(1)] {
        assert_eq!(Precompiles::number(&other), None);
    }
}

/// Whatever follows the operands, and however much of it: what L1 is asked is short.
#[test]
fn bytes_that_do_not_count_are_not_asked_for() {
    let seed = rand::rng().random();
    println!("seed {seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let is_list = |number: &u64| matches!(number, 0x02..=0x04 | 0x08 | 0x0c | 0x0e | 0x0f);
    let mut successes = 0;
    for _ in 0..20 {
        for number in (1..=LAST).chain([P256_VERIFY]).filter(|number| !is_list(number)) {
            let mut input = inputs(number, &mut random);
            let len = random.random_range(input.len()..2_000);
            input.extend((input.len()..len).map(|_| random.random::<u8>()));
            input.resize(LONG, random.random());
            let found = answer(number, &input);
            assert_eq!(found, revms(number, &input, PRECOMPILE_GAS_MAX), "{number:#x} {seed}");
            successes += usize::from(found.is_some());
        }
    }
    // ECRECOVER, MODEXP of short operands and P256VERIFY take anything.
    assert!(successes >= 60, "{successes}");
}

#[test]
fn hashes_and_identity_have_no_bound_but_gas() {
    for number in 0x02..=0x04 {
        for len in [PRECOMPILE_INPUT_BYTES_MAX + 1, 3_300_000] {
            let input: Vec<u8> = (0_u8..=250).cycle().take(len).collect();
            let found = answer(number, &input);
            assert!(found.is_some(), "{number:#x} of {len} bytes");
            assert_eq!(found, revms(number, &input, u64::MAX));
        }
    }
    assert!(gas_cost(0x03, &vec![0; 3_300_000]) > Some(PRECOMPILE_GAS_MAX));
}

/// So many points with random scalars.
fn multiplication(number: u64, points: usize, random: &mut StdRng) -> Vec<u8> {
    let (map, field_bytes) = if number == 0x0c { (0x10, 64) } else { (0x11, 128) };
    let mut input = Vec::new();
    for _ in 0..points {
        let mut field: Vec<u8> = (0..field_bytes).map(|_| random.random()).collect();
        // Elements of 48 bytes below the modulus, in 64.
        field.chunks_mut(64).for_each(|element| element[..17].fill(0));
        input.extend(run_precompile(u64_to_address(map), &field).unwrap());
        input.extend((0..32).map(|_| random.random::<u8>()));
    }
    input
}

/// A multiplication is asked for in pieces, and nobody can tell.
#[test]
fn pieces_of_a_multiplication_add_up() {
    let seed = rand::rng().random();
    println!("seed {seed}");
    let mut random = StdRng::seed_from_u64(seed);
    // 1,024 points of G1 have 163,840 bytes; the last ones cost more than 12,000,000 gas.
    let sizes: [(u64, &[usize]); 2] =
        [(0x0c, &[1, 127, 128, 129, 300, 1_024, 2_000]), (0x0e, &[1, 128, 130, 417, 1_100])];
    for (number, sizes) in sizes {
        let longest = multiplication(number, *sizes.last().unwrap(), &mut random);
        let point_bytes = longest.len() / sizes.last().unwrap();
        assert!(gas_cost(number, &longest) > Some(PRECOMPILE_GAS_MAX));
        for points in sizes {
            let input = &longest[..points * point_bytes];
            let found = answer(number, input);
            assert!(found.is_some(), "{points} points, seed {seed}");
            assert_eq!(found, revms(number, input, u64::MAX), "{points} points, seed {seed}");
        }
        // A multiple of nothing is nothing, also as a whole piece.
        let mut input = longest[..300 * point_bytes].to_vec();
        input.chunks_mut(point_bytes).take(MSM_PIECE_POINTS).for_each(|item| item.fill(0));
        assert_eq!(answer(number, &input), revms(number, &input, u64::MAX), "seed {seed}");
        // One point that is none, in any piece.
        for bad in [0, 127, 128, 299] {
            let mut input = longest[..300 * point_bytes].to_vec();
            input[bad * point_bytes + 63] ^= 1;
            assert_eq!(answer(number, &input), None, "point {bad}, seed {seed}");
            assert_eq!(revms(number, &input, u64::MAX), None);
        }
    }
}

#[test]
fn nothing_beyond_what_l1_proves() {
    let rounds = |rounds: u32| [&rounds.to_be_bytes()[..], &[0; 209]].concat();
    assert_eq!(gas_cost(0x09, &rounds(12_000_000)), Some(PRECOMPILE_GAS_MAX));
    assert_eq!(gas_cost(0x09, &rounds(12_000_001)), None);
    // OP's bound lets 427 pairs pass, of which 352 cost more than L1 can spend.
    assert!(gas_cost(0x08, &[0; 351 * 192]).is_some());
    assert_eq!(gas_cost(0x08, &[0; 352 * 192]), None);
    // 366 pairs would be within the gas, but only 312 fit a proof.
    assert!(gas_cost(0x0f, &[0; 312 * bls::PAIRING_INPUT_LENGTH]).is_some());
    assert_eq!(gas_cost(0x0f, &[0; 313 * bls::PAIRING_INPUT_LENGTH]), None);
    let modexp = |base: u64, exponent: u64| {
        let mut input = [word(base), word(exponent), word(base)].concat();
        input.resize(96 + 3 * 1_024, 0xff);
        input
    };
    assert_eq!(gas_cost(0x05, &modexp(1_025, 1)), None);
    assert!(gas_cost(0x05, &modexp(1_024, 34)).is_some());
    assert_eq!(gas_cost(0x05, &modexp(1_024, 1_024)), None);
}
