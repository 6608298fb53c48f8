//! Slots written, cleared and written again, contracts made, destroyed and made again at the same
//! address, so that tries grow and collapse in every shape.
//!
//! The slots are few, so that most steps meet what an earlier one left.

use alloy_primitives::{Bytes, U256};
use rand::{Rng, rngs::StdRng, seq::IndexedRandom};

use super::{
    Fuzzer,
    world::{FACTORY, GAS_MAX, WALLETS, WRITER, World, init_code, payload, push, word, writes},
};

pub(super) fn round(random: &mut StdRng, fuzzer: &mut Fuzzer) {
    let mut world = World::new([]);
    let slots: Vec<U256> = (0..random.random_range(1..40)).map(|_| word(random)).collect();
    for _ in 0..5 {
        let mut blocks = Vec::new();
        for _ in 0..random.random_range(1..4) {
            // A batch's later blocks would not know the nonces of the earlier ones.
            let transactions = (0..random.random_range(1..WALLETS))
                .map(|sender| transaction(random, &mut world, sender, &slots))
                .collect();
            blocks.push(transactions);
        }
        let deposit =
            payload(WRITER, U256::ONE, U256::ZERO, 2_000_000, 0, &changes(random, &slots));
        world.chain.deposit(gainsay_derivation::DepositKind::Transaction, deposit);
        let steps = world.blocks(blocks);
        fuzzer.check("storage wiped and made again", &world.chain, &steps);
    }
    collapse(random, fuzzer);
}

fn changes(random: &mut StdRng, slots: &[U256]) -> Vec<u8> {
    let changes: Vec<_> = (0..random.random_range(0..slots.len() * 2))
        .map(|_| {
            let value = if random.random_bool(0.5) { U256::ZERO } else { word(random) };
            (*slots.choose(random).unwrap(), value)
        })
        .collect();
    writes(&changes)
}

fn transaction(random: &mut StdRng, world: &mut World, sender: u64, slots: &[U256]) -> Bytes {
    let gas_limit = random.random_range(60_000..3_000_000);
    if random.random_bool(0.5) {
        let input = changes(random, slots);
        return world.send(sender, WRITER, gas_limit, input);
    }
    let mut before = Vec::new();
    for _ in 0..random.random_range(0..4) {
        let value = if random.random_bool(0.3) { U256::ZERO } else { word(random) };
        before.extend([push(value), push(*slots.choose(random).unwrap()), vec![0x55]].concat());
    }
    // CALLER, SELFDESTRUCT, in the code or before there is any; or a slot that each call clears.
    let destroyed = [0x33, 0xff];
    let clearing = [&[0x5f][..], &push(slots[0]), &[0x55, 0]].concat();
    let code: Vec<u8> = match random.random_range(0..5) {
        0 => [before, destroyed.to_vec()].concat(),
        1 => init_code(&before, &[0x30, 0xff]),
        2 => init_code(&before, &clearing),
        3 => [before, vec![0xfe]].concat(),
        _ => init_code(&before, &destroyed),
    };
    // Few salts, so that addresses come back.
    let salt = U256::from(random.random_range(0..2_u8)).to_be_bytes::<32>();
    world.send(sender, FACTORY, gas_limit, [&salt[..], &code].concat())
}

/// Many slots written in one block and most cleared in the next: nodes of every depth collapse.
fn collapse(random: &mut StdRng, fuzzer: &mut Fuzzer) {
    let mut world = World::new([]);
    let count = random.random_range(1..500_u64);
    let all: Vec<_> = (0..count).map(|slot| (U256::from(slot), word(random))).collect();
    let write = world.send(0, WRITER, GAS_MAX, writes(&all));
    let kept = random.random_range(0.0..0.3);
    let cleared: Vec<_> = all
        .iter()
        .filter(|_| !random.random_bool(kept))
        .map(|(slot, _)| (*slot, U256::ZERO))
        .collect();
    let steps = world.block(vec![write]);
    fuzzer.check("many slots written", &world.chain, &steps);
    let clear = world.send(1, WRITER, GAS_MAX, writes(&cleared));
    let steps = world.block(vec![clear]);
    fuzzer.check("tries that collapse", &world.chain, &steps);
    let write = world.send(2, WRITER, GAS_MAX, writes(&all[..all.len() / 2]));
    let steps = world.block(vec![write]);
    fuzzer.check("tries that grow again", &world.chain, &steps);
}
