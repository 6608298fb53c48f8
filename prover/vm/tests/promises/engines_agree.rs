//! The other engines are the reference engine: the same state at every boundary, whatever the
//! program does and wherever the boundaries lie; and both go back and forth without a difference.

use crate::support::{random_program::random_program, *};
use alloy_primitives::B256;
use gainsay_vm::{Engine, Machine, SnapshotPolicy, State, VmError};
use rand::Rng;

/// Programs in a round.
const PROGRAMS: u64 = 40;

#[test]
fn engines_agree_at_every_boundary() {
    let (seed, mut random) = seeded();
    for round in 0..PROGRAMS * rounds() {
        let mut host = Preimages::default();
        let words = random_program(&mut random, 900, &mut host);
        let program = program(&words);
        let input = B256::from(random.random::<[u8; 32]>());
        let new = |engine| Machine::new(program.clone(), input).with_engine(engine);
        let mut reference = new(Engine::Reference);
        let mut others = [new(Engine::Fast), new(Engine::Jit)];
        let mut reference_host = host.clone();
        let mut other_hosts = [host.clone(), host];
        let mut step = 0;
        while step < 5_000 && !reference.hart().is_halted() {
            step += match random.random_range(0..3) {
                0 => 1,
                1 => random.random_range(1..20),
                _ => random.random_range(1..1_000),
            };
            // A program that jumps about may ask for a preimage under a key that nobody knows: all
            // engines stop before that step.
            let run = reference.run(step, &mut reference_host).map_err(|error| error.to_string());
            let hash = reference.state_hash();
            for (other, host) in others.iter_mut().zip(&mut other_hosts) {
                let place = format!("GAINSAY_SEED={seed}, round {round}, step {step}");
                let other_run = other.run(step, host).map_err(|error| error.to_string());
                assert_eq!(run, other_run, "{place}");
                assert_eq!(reference.hart(), other.hart(), "{place}");
                assert_eq!(hash, other.state_hash(), "{place}");
            }
            if run.is_err() {
                break;
            }
        }
        for host in other_hosts {
            assert_eq!(reference_host.hints, host.hints, "GAINSAY_SEED={seed}, round {round}");
            assert_eq!(reference_host.writes, host.writes, "GAINSAY_SEED={seed}, round {round}");
        }
    }
}

/// A long loop with stores all over some pages, for snapshots and dense hashes.
fn busy_program() -> Vec<u32> {
    let mut words = load_constant(8, 0x10_0000);
    words.extend(load_constant(9, 6364136223846793005));
    words.extend(load_constant(11, 0x1f_fff8));
    words.push(r_type(0x33, 0, 1, 5, 5, 9)); // mul x5, x5, x9
    words.push(addi(5, 5, 1441));
    words.push(i_type(0x13, 5, 6, 5, 30)); // srli x6, x5, 30
    words.push(r_type(0x33, 7, 0, 6, 6, 11)); // and x6, x6, x11
    words.push(r_type(0x33, 0, 0, 6, 6, 8)); // add x6, x6, x8
    words.push(i_type(0x03, 3, 7, 6, 0)); // ld x7, 0(x6)
    words.push(r_type(0x33, 0, 0, 7, 7, 5));
    words.push(s_type(3, 6, 7, 0)); // sd x7, 0(x6)
    words.push(b_type(1, 5, 0, -8 * 4)); // bne x5, x0, to the mul
    words.push(EBREAK);
    words
}

#[test]
fn going_back_equals_never_having_left() {
    let (seed, mut random) = seeded();
    let program = program(&busy_program());
    let input = B256::repeat_byte(5);
    let host = &mut Preimages::default();
    // A budget that forces merging, one that does not, and no snapshots at all.
    let policies = [
        Some(SnapshotPolicy { interval: 1_000, bytes_max: 1 << 20 }),
        Some(SnapshotPolicy { interval: 777, bytes_max: usize::MAX }),
        None,
    ];
    for policy in policies {
        let mut machine = Machine::new(program.clone(), input);
        if let Some(policy) = policy {
            machine = machine.with_snapshots(policy);
        }
        machine.run(50_000, host).unwrap();
        for _ in 0..20 {
            let position = random.random_range(0..60_000);
            machine.go_to(position, host).unwrap();
            let mut direct = Machine::new(program.clone(), input).with_engine(Engine::Reference);
            direct.run(position, host).unwrap();
            let place = format!("GAINSAY_SEED={seed}, position {position}, {policy:?}");
            assert_eq!(machine.state(), direct.state(), "{place}");
        }
    }
}

#[test]
fn dense_hashes_are_those_of_each_state() {
    let (seed, mut random) = seeded();
    for round in 0..100 {
        let mut host = Preimages::default();
        let words = match round {
            0 => busy_program(),
            _ => random_program(&mut random, 900, &mut host),
        };
        let program = program(&words);
        let from = random.random_range(0..300);
        let count = random.random_range(1..800);
        if asks_for_the_unknown(&program, B256::ZERO, 2_000, &host) {
            continue;
        }
        let mut machine = Machine::new(program.clone(), B256::ZERO);
        let hashes = machine.state_hashes(from, count, &mut host).unwrap();
        let mut direct = Machine::new(program, B256::ZERO).with_engine(Engine::Reference);
        for (position, hash) in (from..).zip(&hashes) {
            direct.run(position, &mut host).unwrap();
            let place = format!("GAINSAY_SEED={seed}, round {round}, position {position}");
            assert_eq!(direct.state_hash(), *hash, "{place}");
        }
        assert_eq!(hashes.len(), count);
        assert_eq!(machine.state(), direct.state(), "GAINSAY_SEED={seed}, round {round}");
    }
}

#[test]
fn dense_hashes_join_over_stretches() {
    let mut machine = Machine::new(program(&busy_program()), B256::ZERO);
    let host = &mut Preimages::default();
    let hashes = machine.state_hashes(100, 70_000, host).unwrap();
    let mut direct = Machine::new(program(&busy_program()), B256::ZERO);
    for index in (0..70_000).step_by(4_321).chain([32_767, 32_768, 65_535, 65_536, 69_999]) {
        direct.go_to(100 + index as u64, host).unwrap();
        assert_eq!(direct.state_hash(), hashes[index], "index {index}");
    }
}

#[test]
fn sparse_hashes_are_those_of_each_state() {
    let host = &mut Preimages::default();
    let policy = SnapshotPolicy { interval: 3_000, bytes_max: usize::MAX };
    let mut machine = Machine::new(program(&busy_program()), B256::ZERO).with_snapshots(policy);
    // Once from the start, once again from beyond: the tree is put back each time.
    for (interval, count) in [(777, 40), (5_000, 9)] {
        let hashes = machine.state_hashes_every(interval, count, host).unwrap();
        let mut direct = Machine::new(program(&busy_program()), B256::ZERO);
        for (number, hash) in (1..).zip(&hashes) {
            direct.run(number * interval, host).unwrap();
            assert_eq!(direct.state_hash(), *hash, "every {interval}, number {number}");
        }
        assert_eq!(machine.state_hash(), hashes[count - 1]);
    }
}

#[test]
fn sparse_hashes_repeat_after_the_halt() {
    let mut machine = Machine::new(program(&[addi(1, 0, 1), EBREAK]), B256::ZERO);
    let host = &mut Preimages::default();
    let hashes = machine.state_hashes_every(1, 5, host).unwrap();
    let states: Vec<State> = (1..=2)
        .map(|position| {
            machine.go_to(position, host).unwrap();
            machine.state()
        })
        .collect();
    assert_eq!(hashes[0], states[0].hash());
    assert!(hashes[1..].iter().all(|hash| *hash == states[1].hash()));
}

#[test]
fn a_missing_preimage_stops_before_its_step_and_can_be_given() {
    let mut host = Preimages::default();
    let key = host.add(b"to be found");
    let mut words = vec![];
    for (register, bytes) in (A0..).zip(key.chunks(8)) {
        words.extend(load_constant(register, u64::from_le_bytes(bytes.try_into().unwrap())));
    }
    words.extend(load_constant(15, 0x2_0000));
    words.extend(load_constant(A7, 0x1001));
    words.extend([ECALL, EBREAK]);
    for engine in [Engine::Reference, Engine::Fast, Engine::Jit] {
        let mut machine = Machine::new(program(&words), B256::ZERO).with_engine(engine);
        let empty = &mut Preimages::default();
        for _ in 0..2 {
            let missing = machine.run(u64::MAX, empty);
            assert_eq!(missing, Err(VmError::MissingPreimage { key }));
            assert_eq!(machine.hart().step, words.len() as u64 - 2);
        }
        machine.run(u64::MAX, &mut host).unwrap();
        assert_eq!(machine.hart().x[A0 as usize], 11);
        assert_eq!(&machine.memory().slice(0x2_0000, 12).unwrap(), b"to be found\0");
    }
}
