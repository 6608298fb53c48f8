//! The chain that hostile blocks are played on: wallets, and contracts that do what their input
//! says.
//!
//! | contract | input | what it does |
//! |---|---|---|
//! | `PROBE` | address:32 ‖ gas:32 ‖ data | calls, and logs result, gas left and return data |
//! | `WRITER` | (slot:32 ‖ value:32)* | stores |
//! | `FACTORY` | salt:32 ‖ init code | CREATE2, then calls what it created; logs both results |

use std::collections::BTreeMap;

use alloy_consensus::TxEip1559;
use alloy_primitives::{Address, B256, Bytes, TxKind, U256, hex};
use gainsay_derivation::{BatchBlock, BatchKind, DepositKind, GenesisAccount, encode_batch};
use gainsay_transition::{HISTORY_STORAGE, L1_BLOCK, MESSAGE_PASSER, StateReader};
use rand::{Rng, RngCore, rngs::StdRng, seq::IndexedRandom};

use crate::chain::{Chain, HISTORY_CODE, L1_TIME, Native, Step, contract, funded, tx, wallet};

pub(crate) const PROBE: Address = Address::repeat_byte(0xb0);
pub(crate) const WRITER: Address = Address::repeat_byte(0xb1);
pub(crate) const FACTORY: Address = Address::repeat_byte(0xb2);

const PROBE_CODE: [u8; 29] = hex!("604036038060405f375f5f825f5f5f35602035f13d5f5f3e5a3d5fa200");
const WRITER_CODE: [u8; 24] = hex!("5f5b803611600957005b8060200135813555604001600156");
const FACTORY_CODE: [u8; 27] = hex!("602036038060205f375f35815f34f55f5f5f5f5f855af15f5fa200");

/// Wallets of genesis.
pub(crate) const WALLETS: u64 = 8;
/// EIP-7825: most gas of one transaction.
pub(crate) const GAS_MAX: u64 = 1 << 24;

/// A chain, and how many transactions each wallet has in the block that is being made.
pub(crate) struct World {
    pub(crate) chain: Chain,
    sent: BTreeMap<u64, u64>,
}

/// What every genesis here holds.
pub(crate) fn genesis() -> BTreeMap<Address, GenesisAccount> {
    let mut alloc = BTreeMap::from([
        (L1_BLOCK, contract(&[0])),
        (MESSAGE_PASSER, contract(&[0])),
        (HISTORY_STORAGE, contract(&HISTORY_CODE)),
        (PROBE, contract(&PROBE_CODE)),
        (WRITER, contract(&WRITER_CODE)),
        (FACTORY, contract(&FACTORY_CODE)),
    ]);
    alloc.extend((0..WALLETS).map(|index| (wallet(index).address(), funded())));
    alloc
}

impl World {
    pub(crate) fn new(more: impl IntoIterator<Item = (Address, GenesisAccount)>) -> Self {
        let mut alloc = genesis();
        alloc.extend(more);
        Self::on(Chain::with_genesis(&alloc))
    }

    pub(crate) const fn on(chain: Chain) -> Self {
        Self { chain, sent: BTreeMap::new() }
    }

    /// The nonce of a wallet's next transaction; counts it as sent.
    pub(crate) fn take_nonce(&mut self, sender: u64) -> u64 {
        let state = Native(&self.chain.preimages, self.chain.head.state_root);
        let account = state.account(wallet(sender).address()).unwrap();
        let sent = self.sent.entry(sender).or_default();
        *sent += 1;
        account.map_or(0, |account| account.nonce) + *sent - 1
    }

    /// A signed call, or a creation.
    pub(crate) fn send(
        &mut self,
        sender: u64,
        to: impl Into<TxKind>,
        gas_limit: u64,
        input: Vec<u8>,
    ) -> Bytes {
        let nonce = self.take_nonce(sender);
        let tx = TxEip1559 { nonce, gas_limit, to: to.into(), input: input.into(), ..tx() };
        self.chain.sign(sender, tx)
    }

    /// A call of an address by `PROBE` with so much gas.
    pub(crate) fn probe(&mut self, sender: u64, to: Address, gas: u64, data: &[u8]) -> Bytes {
        let head = [to.into_word(), U256::from(gas).into()];
        // What the call itself needs besides: calldata, the memory for it, and a log.
        let around = 100_000 + 60 * data.len() as u64;
        let gas_limit = gas.saturating_mul(64).div_ceil(63).saturating_add(around).min(GAS_MAX);
        self.send(sender, PROBE, gas_limit, [head.concat(), data.to_vec()].concat())
    }

    /// Posts one block of these transactions that reads all deposits.
    pub(crate) fn block(&mut self, transactions: Vec<Bytes>) -> Vec<Step> {
        self.blocks(vec![transactions])
    }

    /// Posts one batch of these blocks. Batches that calldata could not hold go into blobs.
    pub(crate) fn blocks(&mut self, blocks: Vec<Vec<Bytes>>) -> Vec<Step> {
        self.sent.clear();
        let block =
            |transactions| BatchBlock { timestamp: L1_TIME, deposit_count: u64::MAX, transactions };
        let blocks: Vec<BatchBlock> = blocks.into_iter().map(block).collect();
        let data = encode_batch(&blocks, self.chain.config.chain_id).unwrap();
        let kind = if data.len() > 100_000 { BatchKind::Blobs } else { BatchKind::Calldata };
        self.chain.batch(kind, &data)
    }

    /// Mints for somebody, who pays for what it sends in the next block.
    pub(crate) fn mint(&mut self, to: Address) {
        let mint = U256::from(10).pow(U256::from(18));
        let payload = payload(to, mint, U256::ZERO, 21_000, 0, &[]);
        self.chain.deposit_from(to, DepositKind::Transaction, payload);
    }
}

/// The payload of a deposit.
pub(crate) fn payload(
    to: Address,
    mint: U256,
    value: U256,
    gas_limit: u64,
    is_creation: u8,
    data: &[u8],
) -> Bytes {
    let [mint, value] = [mint, value].map(|word| word.to_be_bytes::<32>());
    [to.as_slice(), &mint, &value, &gas_limit.to_be_bytes(), &[is_creation], data].concat().into()
}

/// Input of `WRITER`.
pub(crate) fn writes(slots: &[(U256, U256)]) -> Vec<u8> {
    slots
        .iter()
        .flat_map(|(slot, value)| [B256::from(*slot), B256::from(*value)].concat())
        .collect()
}

/// Init code that deploys `code`, after `before` has run.
pub(crate) fn init_code(before: &[u8], code: &[u8]) -> Vec<u8> {
    // PUSH3 length, DUP1, PUSH3 offset, PUSH0, CODECOPY, PUSH0, RETURN.
    let bytes = |number: usize| (number as u32).to_be_bytes()[1..].to_vec();
    let offset = before.len() + 13;
    let deploy =
        [&[0x62][..], &bytes(code.len()), &[0x80, 0x62], &bytes(offset), &[0x5f, 0x39, 0x5f, 0xf3]];
    [before, &deploy.concat(), code].concat()
}

/// A PUSH of a word, in as few bytes as it has.
pub(crate) fn push(value: U256) -> Vec<u8> {
    let bytes = value.to_be_bytes_trimmed_vec();
    [vec![0x5f + bytes.len() as u8], bytes].concat()
}

/// Random bytes, so many.
pub(crate) fn bytes(random: &mut StdRng, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    random.fill_bytes(&mut bytes);
    bytes
}

/// A word where arithmetic goes wrong, or any.
pub(crate) fn word(random: &mut StdRng) -> U256 {
    let edges = [
        U256::ZERO,
        U256::ONE,
        U256::from(31),
        U256::from(32),
        U256::from(0xffff),
        U256::from(u64::MAX),
        U256::from(u64::MAX) + U256::ONE,
        U256::from(u128::MAX),
        U256::ONE << 255,
        U256::MAX - U256::ONE,
        U256::MAX,
    ];
    match random.random_range(0..3) {
        0 => *edges.choose(random).unwrap(),
        1 => U256::from(random.random_range(0..1_024_u64)),
        _ => U256::from_be_bytes(random.random::<[u8; 32]>()) >> random.random_range(0..256_usize),
    }
}
