//! The rule for precompiles against revm's own, at Osaka with OP's bounds.

use super::*;
use alloy_primitives::U256;
use rand::{Rng, SeedableRng, rngs::StdRng};

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
    let revm = op_revm::precompiles::karst();
    let mut successes = 0;
    for round in 0..200 {
        for number in (1..=LAST).chain([P256_VERIFY]) {
            let address = u64_to_address(number);
            let input = inputs(number, &mut random);
            let found = gas_cost(number, &input)
                .and_then(|gas| Some((gas, run_precompile(address, &input)?)));
            let output =
                revm.get(&address).unwrap().execute(&input, PRECOMPILE_GAS_MAX, 0).unwrap();
            let expected = output.is_success().then_some((output.gas_used, output.bytes));
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

#[test]
fn nothing_beyond_what_l1_proves() {
    let rounds = |rounds: u32| [&rounds.to_be_bytes()[..], &[0; 209]].concat();
    assert_eq!(gas_cost(0x09, &rounds(12_000_000)), Some(PRECOMPILE_GAS_MAX));
    assert_eq!(gas_cost(0x09, &rounds(12_000_001)), None);
    assert!(gas_cost(0x02, &vec![0; PRECOMPILE_INPUT_BYTES_MAX]).is_some());
    for number in (1..=LAST).chain([P256_VERIFY]) {
        assert_eq!(gas_cost(number, &vec![0; PRECOMPILE_INPUT_BYTES_MAX + 1]), None);
    }
    let huge = [word(1_025), word(1), word(1)].concat();
    assert_eq!(gas_cost(0x05, &huge), None);
}
