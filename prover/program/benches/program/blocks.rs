//! Blocks of transfers, in a state of many accounts.

use std::{collections::BTreeMap, fs, path::Path};

use alloy_consensus::TxEip1559;
use alloy_primitives::{Address, B256, Bytes, TxKind, U256, address, keccak256};
use gainsay_derivation::{BatchBlock, BatchKind, GenesisAccount, encode_batch};
use gainsay_transition::{HISTORY_STORAGE, L1_BLOCK, MESSAGE_PASSER};

use crate::{
    chain::{Chain, HISTORY_CODE, L1_TIME, contract, funded, tx, wallet},
    profile::profile,
    prover::Prover,
    report::Row,
};

/// `WETH`, an ERC-20 whose balances are the mapping in slot 0.
const TOKEN: Address = address!("4200000000000000000000000000000000000006");

/// Accounts that do nothing, so that the trie is as deep as a chain's in use.
const STRANGERS: u64 = 100_000;

const ETHER: u64 = 1_000_000_000_000_000_000;

/// What a block's transactions do.
#[derive(Clone, Copy)]
enum Kind {
    Ether,
    Token,
}

pub(crate) fn measure(prover: &Prover, samples: Option<&Path>) -> Vec<Row> {
    println!("making a state of {STRANGERS} accounts and a token with as many holders");
    let world = world();
    let mut rows = Vec::new();
    let blocks = [
        (Kind::Ether, 200_u64, "block of 200 ETH transfers"),
        (Kind::Token, 100, "block of 100 ERC-20 transfers"),
    ];
    for (kind, count, name) in blocks {
        let mut chain = Chain::with_genesis(&world);
        let transactions = (0..count).map(|index| transfer(&chain, kind, index)).collect();
        let block = BatchBlock { timestamp: L1_TIME, deposit_count: 0, transactions };
        let data = encode_batch(&[block], chain.config.chain_id).unwrap();
        let steps = chain.batch(BatchKind::Calldata, &data);
        assert_eq!((steps.len(), steps[0].transactions as u64), (1, count));

        let cost = prover.prove(&chain, &steps[0]);
        let each = cost.instructions as f64 / count as f64;
        let gas = steps[0].gas_used as f64;
        println!(
            "\n{name}: {} instructions ({each:.0} each, {:.1} a gas), {:.1} ms, {:.0} MIPS, {:.4} s \
             a million gas",
            cost.instructions,
            cost.instructions as f64 / gas,
            cost.seconds * 1e3,
            cost.instructions as f64 / cost.seconds / 1e6,
            cost.seconds / gas * 1e6,
        );
        let (mut machine, mut host) = prover.start(&chain, &steps[0]);
        let profile = profile(&prover.elf, &mut machine, &mut host);
        for (group, share) in &profile.groups {
            println!("  {:>5.1}% {:>7.0} each  {group}", share * 100.0, share * each);
        }
        if let Some(folder) = samples {
            let lines = profile.samples.iter().map(|(pc, from)| format!("{pc:#x} {from:#x}\n"));
            fs::write(folder.join(format!("{count}.samples")), lines.collect::<String>()).unwrap();
            for (function, share) in profile.functions.iter().take(60) {
                println!("    {:>5.2}% {:>7.0} {function}", share * 100.0, share * each);
            }
        }
        let (each_name, goal) = match kind {
            Kind::Ether => ("instructions per signed ETH transfer, all in", 150_000.0),
            Kind::Token => ("instructions per signed ERC-20 transfer, all in", 300_000.0),
        };
        rows.push(Row { name: each_name, ours: each, goal, unit: "instructions" });
        let name = match kind {
            Kind::Ether => "seconds to prove a block of 200 ETH transfers",
            Kind::Token => "seconds to prove a block of 100 ERC-20 transfers",
        };
        rows.push(Row { name, ours: cost.seconds, goal: 1.0, unit: "seconds" });
    }
    rows
}

fn stranger(index: u64) -> Address {
    Address::from_word(keccak256(index.to_be_bytes()))
}

fn transfer(chain: &Chain, kind: Kind, index: u64) -> Bytes {
    let (to, amount) = (stranger(index * 331), U256::from(1_000_000 + index));
    let tx = match kind {
        Kind::Ether => TxEip1559 { gas_limit: 21_000, to: TxKind::Call(to), value: amount, ..tx() },
        Kind::Token => {
            // transfer(address,uint256)
            let mut input = vec![0xa9, 0x05, 0x9c, 0xbb];
            input.extend_from_slice(to.into_word().as_slice());
            input.extend_from_slice(B256::from(amount).as_slice());
            let (to, input) = (TxKind::Call(TOKEN), input.into());
            TxEip1559 { gas_limit: 80_000, to, input, ..tx() }
        }
    };
    chain.sign(index, tx)
}

fn world() -> BTreeMap<Address, GenesisAccount> {
    let slot = |number: u64| B256::from(U256::from(number));
    // Prices and scalars of L1 as `contracts/src/l2/L1Block.sol` lays them out.
    let scalars = (U256::from(5_227) << 96) | (U256::from(1_014_213) << 64);
    let l1_prices = BTreeMap::from([
        (slot(1), slot(1_000_000_000)),
        (slot(3), B256::from(scalars)),
        (slot(7), slot(1)),
    ]);
    let holders: Vec<Address> =
        (0..STRANGERS).map(stranger).chain((0..200).map(|index| wallet(index).address())).collect();
    let balances = holders.iter().map(|holder| {
        let key = [holder.into_word().0, B256::ZERO.0].concat();
        (keccak256(key), slot(ETHER))
    });
    let contracts = [
        (L1_BLOCK, runtime_code("L1Block"), l1_prices),
        (MESSAGE_PASSER, runtime_code("L2ToL1MessagePasser"), BTreeMap::new()),
        (HISTORY_STORAGE, Bytes::from_static(&HISTORY_CODE), BTreeMap::new()),
        (TOKEN, runtime_code("WETH"), balances.collect()),
    ];
    let contracts = contracts
        .into_iter()
        .map(|(address, code, storage)| (address, GenesisAccount { storage, ..contract(&code) }));
    contracts.chain(holders.iter().map(|holder| (*holder, funded()))).collect()
}

/// What forge built: the runtime code of a contract of this repository.
fn runtime_code(contract: &str) -> Bytes {
    let out = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../contracts/out");
    let path = out.join(format!("{contract}.sol/{contract}.json"));
    let artifact = fs::read(&path).unwrap_or_else(|error| {
        panic!("{}: {error}; build the contracts first (scripts/bench does)", path.display())
    });
    let artifact: serde_json::Value = serde_json::from_slice(&artifact).unwrap();
    artifact["deployedBytecode"]["object"].as_str().unwrap().parse().unwrap()
}
