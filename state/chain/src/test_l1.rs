//! For unit tests: what an Inbox on L1 would have recorded, and a `rollup.json` to go with it.
//!
//! In: deposits and batches to be recorded. Out: the same as a follower would hand them over. L1's
//! clock is far ahead of any wall clock, so that the blocks' times do not depend on the day.

#![expect(clippy::arithmetic_side_effects, reason = "for tests, whose numbers are small")]

use std::collections::BTreeMap;

use alloy_primitives::{Address, B256, Bytes, U256};
use gainsay_derivation::{
    BatchBlock, BatchHeader, BatchIndex, BatchKind, ChainConfig, Deposit, DepositIndex,
    DepositKind, GenesisAccount, data_hash_of_calldata, encode_batch, extend_batch_acc,
    extend_deposit_acc,
};
use gainsay_l1::{DataLocation, EnqueuedDeposit, L1BlockRef, L1Origin, PostedBatch, RollupConfig};
use gainsay_transition::{HISTORY_STORAGE, L1_BLOCK, MESSAGE_PASSER, RecoveredTx};
use serde_json::json;

use crate::FetchedBatch;

/// L1's clock at its block 0.
pub const L1_EPOCH: u64 = 4_000_000_000;
/// Seconds between its blocks.
const L1_BLOCK_SECS: u64 = 12;
/// The L2 chain id of batches.
pub const CHAIN_ID: u64 = 42_069;

/// Rules of the chain.
pub const CONFIG: ChainConfig = ChainConfig {
    chain_id: CHAIN_ID,
    block_gas_limit: 30_000_000,
    base_fee_change_denominator: 50,
    elasticity: 2,
    min_base_fee_wei: 1_000_000,
    initial_base_fee_wei: 1_000_000_000,
    sequencer_window_secs: 3_600,
    sequencer_drift_secs: 600,
    max_blocks_per_sec: 10,
};

/// The accounts of its genesis: the predeploys that derivation and execution read, and these
/// balances in wei.
#[must_use]
pub fn alloc(
    balances: impl IntoIterator<Item = (Address, U256)>,
) -> BTreeMap<Address, GenesisAccount> {
    let predeploy =
        GenesisAccount { nonce: 1, code: Bytes::from_static(&[0]), ..Default::default() };
    let word = |value: u128| B256::from(U256::from(value));
    let mut l1_block = predeploy.clone();
    // Base fee, scalars (blob, base), blob base fee: see contracts/genesis/predeploys.json.
    l1_block.storage = BTreeMap::from([
        (word(1), word(20_000_000_000)),
        (word(3), word((1_014_213 << 64) | (5_227 << 96))),
        (word(7), word(1_000_000_000)),
    ]);
    let mut alloc = BTreeMap::from([
        (L1_BLOCK, l1_block),
        (MESSAGE_PASSER, predeploy.clone()),
        (HISTORY_STORAGE, predeploy),
    ]);
    let funded = |(address, balance)| (address, GenesisAccount { balance, ..Default::default() });
    alloc.extend(balances.into_iter().map(funded));
    alloc
}

/// L1's clock at its block `block`.
#[must_use]
pub const fn l1_time(block: u64) -> u64 {
    L1_EPOCH + L1_BLOCK_SECS * block
}

/// An L1 block of the fork that `salt` names.
#[must_use]
pub fn l1_block(number: u64, salt: u8) -> L1BlockRef {
    let hash = |number: u64| {
        let mut hash = B256::from(U256::from(number));
        hash[0] = salt;
        hash
    };
    let parent_hash = hash(number.wrapping_sub(1));
    L1BlockRef { number, hash: hash(number), parent_hash, timestamp: l1_time(number) }
}

/// What the Inbox recorded, on one fork of L1.
#[derive(Debug, Default)]
pub struct TestL1 {
    /// In order.
    pub deposits: Vec<EnqueuedDeposit>,
    /// In order.
    pub batches: Vec<FetchedBatch>,
}

impl TestL1 {
    fn origin(block: u64, log_index: u64) -> L1Origin {
        let l1_block = l1_block(block, 0);
        L1Origin {
            block_number: block,
            block_hash: l1_block.hash,
            transaction: B256::ZERO,
            log_index,
        }
    }

    /// Wei minted for `to`, which it then holds.
    pub fn deposit(&mut self, block: u64, to: Address, wei: u128) -> EnqueuedDeposit {
        let index = self.deposits.len() as u64;
        let wei = U256::from(wei).to_be_bytes::<32>();
        let gas = 100_000_u64.to_be_bytes();
        let payload = [to.as_slice(), &wei[..], &wei[..], &gas[..], &[0]].concat();
        let deposit = Deposit {
            kind: DepositKind::Transaction,
            from: Address::repeat_byte(0xd0),
            l1_block: block,
            l1_time: l1_time(block),
            index: DepositIndex(index),
            l1_base_fee: U256::from(1_000_000_000_u64),
            l1_blob_base_fee: U256::ONE,
            payload: payload.into(),
        };
        let previous = self.deposits.last().map_or(B256::ZERO, |record| record.acc);
        let acc = extend_deposit_acc(previous, &deposit);
        let record = EnqueuedDeposit { deposit, acc, origin: Self::origin(block, index) };
        self.deposits.push(record.clone());
        record
    }

    /// A batch of this data, by calldata; forced when there is none.
    pub fn batch(&mut self, block: u64, deposits_read: u64, data: &[u8]) -> FetchedBatch {
        let kind = if data.is_empty() { BatchKind::Forced } else { BatchKind::Calldata };
        let header = BatchHeader {
            kind,
            index: BatchIndex(self.batches.len() as u64),
            deposits_read: DepositIndex(deposits_read),
            l1_block: block,
            l1_time: l1_time(block),
            data_hash: data_hash_of_calldata(data),
        };
        let last_read =
            self.deposits.iter().rev().find(|it| it.deposit.index < DepositIndex(deposits_read));
        let deposit_acc = last_read.map_or(B256::ZERO, |record| record.acc);
        let previous = self.batches.last().map_or(B256::ZERO, |batch| batch.posted.acc);
        let location = match kind {
            BatchKind::Forced => DataLocation::Forced,
            _ => DataLocation::Calldata,
        };
        let acc = extend_batch_acc(previous, &header, deposit_acc);
        let origin = Self::origin(block, 1_000 + header.index.get());
        let posted = PostedBatch { header, acc, location, origin };
        let batch = FetchedBatch { posted, data: data.to_vec() };
        self.batches.push(batch.clone());
        batch
    }

    /// A batch of these blocks.
    pub fn batch_of(
        &mut self,
        block: u64,
        deposits_read: u64,
        blocks: &[BatchBlock],
    ) -> FetchedBatch {
        self.batch(
            block,
            deposits_read,
            &encode_batch(blocks, CHAIN_ID).expect("the blocks fit a batch"),
        )
    }
}

/// A block of a batch as a sequencer would write it.
#[must_use]
pub fn batch_block(timestamp: u64, deposits: u64, signed: &[RecoveredTx]) -> BatchBlock {
    BatchBlock {
        timestamp,
        deposit_count: deposits,
        transactions: signed.iter().map(|tx| tx.raw.clone()).collect::<Vec<Bytes>>(),
    }
}

/// A `rollup.json` for a chain with this genesis block; a tree of claims has four leaves.
///
/// # Panics
/// Never: what it builds is valid.
#[must_use]
pub fn rollup(config: &ChainConfig, genesis_hash: B256) -> RollupConfig {
    serde_json::from_value(json!({
        "l1ChainId": 1, "l1Start": { "number": 0, "hash": B256::ZERO },
        "inbox": Address::repeat_byte(1), "assertionChain": Address::repeat_byte(2),
        "bridge": {
            "portal": Address::repeat_byte(4), "confirmedGames": Address::repeat_byte(5),
            "crossDomainMessenger": Address::repeat_byte(6),
            "standardBridge": Address::repeat_byte(7),
            "erc721Bridge": Address::repeat_byte(8),
            "mintableErc20Factory": Address::repeat_byte(9),
        },
        "sequencer": Address::repeat_byte(3), "forceDelaySecs": 600,
        "maxBatchDepositGas": 1_000_000, "maxDepositGasPerBlock": 500_000,
        "chain": config,
        "assertions": {
            "blocksHeight": 2, "spansHeight": 16, "stepsHeight": 20,
            "challengePeriodSecs": 60, "minIntervalSecs": 1, "stakeWei": "0x1",
            "programHash": B256::ZERO, "vmVersion": 1,
        },
        "genesis": { "timestamp": 1_000, "alloc": {
            "0x0000000000000000000000000000000000000001": { "balance": "0x1" },
        } },
        "genesisHash": genesis_hash,
    }))
    .expect("it is a rollup.json")
}
