//! A loop of one opcode, for each of the 256 bytes, with operands at their edges, until the gas is
//! gone.

use alloy_primitives::{Address, U256};
use rand::{Rng, rngs::StdRng, seq::IndexedRandom};
use revm::bytecode::opcode::OPCODE_INFO;

use super::{
    Fuzzer,
    world::{FACTORY, PROBE, WRITER, World, bytes, push, word},
};
use crate::chain::contract;

const CODE_BYTES_MAX: usize = 24_576;
/// Opcodes of one block.
const LOOPS: u64 = 6;

pub(super) fn round(random: &mut StdRng, fuzzer: &mut Fuzzer) {
    let address = |index: u64| Address::from_word(U256::from(0x3000_0000 + index).into());
    let opcodes: Vec<u8> = (0..LOOPS).map(|_| random.random()).collect();
    let contracts = (0..).zip(&opcodes);
    let contracts: Vec<_> = contracts
        .map(|(index, opcode)| (address(index), contract(&looped(random, *opcode))))
        .collect();
    let mut world = World::new(contracts);
    for index in 0..LOOPS {
        let gas = *[100_000, 300_000, 1_200_000, 1_500_000].choose(random).unwrap();
        let input = bytes(random, 300);
        let call = world.send(index, address(index), gas, input);
        let steps = world.block(vec![call]);
        fuzzer.check("a block of one opcode", &world.chain, &steps);
    }
}

/// An operand: mostly one that memory and jumps can take.
pub(super) fn operand(random: &mut StdRng) -> U256 {
    match random.random_range(0..10) {
        0..5 => U256::from(random.random_range(0..0x800_u64)),
        5 => [PROBE, WRITER, FACTORY].choose(random).unwrap().into_word().into(),
        6 => U256::from(random.random_range(0..0x12_u64)),
        _ => word(random),
    }
}

/// JUMPDEST, units of operands, opcode and pops, and a jump back.
fn looped(random: &mut StdRng, opcode: u8) -> Vec<u8> {
    let info = OPCODE_INFO[usize::from(opcode)];
    let (inputs, outputs) = info.map_or((2, 1), |info| (info.inputs(), info.outputs()));
    let immediate = info.map_or(0, |info| usize::from(info.immediate_size()));
    let mut code = vec![0x5b];
    let units = random.random_range(1..40);
    for _ in 0..units {
        let mut unit: Vec<u8> = (0..inputs).flat_map(|_| push(operand(random))).collect();
        unit.push(opcode);
        unit.extend(bytes(random, immediate));
        unit.extend(vec![0x50; usize::from(outputs)]);
        if code.len() + unit.len() + 4 > CODE_BYTES_MAX {
            break;
        }
        code.extend(unit);
    }
    [code, vec![0x5f, 0x56]].concat()
}
