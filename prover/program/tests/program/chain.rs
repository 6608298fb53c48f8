//! A chain in memory: what L1's Inbox recorded, executed by the native transition, and every
//! preimage that there is to it.

use std::collections::{BTreeMap, HashMap};

use alloy::signers::{SignerSync, local::PrivateKeySigner};
use alloy_consensus::{Header, SignableTransaction, TxEip1559};
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Address, B256, Bytes, TxKind, U256, hex, keccak256};
use alloy_rlp::Encodable;
use gainsay_derivation::{
    BatchHeader, BatchKind, BlockInput, ChainConfig, Cursor, Deposit, DepositIndex, DepositKind,
    Derivation, GenesisAccount, blob_data, claim, data_hash_of_blobs, decode_batch,
    extend_batch_acc, extend_deposit_acc, to_blobs,
};
use gainsay_oracle::Request;
use gainsay_program::program_input;
use gainsay_transition::{
    HISTORY_STORAGE, L1_BLOCK, MESSAGE_PASSER, PrecompileReader, SealedBlock, StateReader, genesis,
    run_precompile, transition,
    trie::{Account, Nibbles, NodeReader, TrieError, TrieState},
};
use op_alloy_consensus::OpTxEnvelope;

/// The EIP-2935 contract's code.
pub(crate) const HISTORY_CODE: [u8; 83] = hex!(
    "3373fffffffffffffffffffffffffffffffffffffffe14604657602036036042575f35600143038111604257611fff81430311604257611fff9006545f5260205ff35b5f5ffd5b5f35611fff60014303065500"
);
/// Calls the address in the first word with the rest as input; stores success plus the result.
const CALLER_CODE: [u8; 25] = hex!("602036038060205f3760205f825f5f355afa5f51015f355500");
/// Stores the hash of as many bytes as the first word says, in the slot of that number: a word of
/// ones at 5, else zeros.
const HASHER_CODE: [u8; 13] = hex!("5f196005525f355f205f355500");
/// Calls the address in the first word with as many zeros as the second says; stores success plus
/// the result.
const FILLER_CODE: [u8; 19] = hex!("60205f6020355f5f355afa5f51015f35550000");
pub(crate) const FILLER: Address = Address::repeat_byte(0xf1);
pub(crate) const HASHER: Address = Address::repeat_byte(0x4a);
pub(crate) const CALLER: Address = Address::repeat_byte(0xca);
pub(crate) const L1_TIME: u64 = 1_700_000_100;

/// No preimage: the test chain is wrong.
#[derive(Debug, thiserror::Error)]
#[error("no preimage of {0}")]
pub(crate) struct Missing(B256);

/// One step as the native transition took it.
#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) input: B256,
    pub(crate) claim: B256,
    pub(crate) cursor: Cursor,
    pub(crate) transactions: usize,
    pub(crate) gas_used: u64,
    /// The header before it, and what was executed on it: for those who take the step once more.
    pub(crate) parent: Header,
    pub(crate) block: BlockInput,
}

#[derive(Debug, Default)]
pub(crate) struct Preimages {
    hashed: HashMap<B256, Bytes>,
    blobs: HashMap<B256, Vec<u8>>,
}

impl Preimages {
    pub(crate) fn add(&mut self, bytes: impl Into<Bytes>) -> B256 {
        let bytes = bytes.into();
        let hash = keccak256(&bytes);
        self.hashed.insert(hash, bytes);
        hash
    }

    /// What a host answers.
    pub(crate) fn get(&self, request: &Request) -> Option<Bytes> {
        match request {
            Request::Keccak(hash) => self.hashed.get(hash).cloned(),
            Request::Blob { versioned_hash, index } => {
                let start = *index as usize * 32;
                Some(self.blobs.get(versioned_hash)?[start..start + 32].to_vec().into())
            }
            Request::Precompile { address, input } => Some(match run_precompile(*address, input) {
                Some(output) => [&[1], &output[..]].concat().into(),
                None => [0].into(),
            }),
        }
    }

    fn add_block(&mut self, block: &SealedBlock, cursor: &Cursor) -> B256 {
        for (_, _, node) in block.nodes.iter() {
            node.map(|node| self.add(node.clone()));
        }
        for (_, code) in &block.diff.codes {
            self.add(code.clone());
        }
        let (output_root, claim) = self.add_head(&block.header, cursor);
        assert_eq!(output_root, block.output_root);
        claim
    }

    /// Adds a header and what a claim hashes; the output root and the claim.
    fn add_head(&mut self, header: &Header, cursor: &Cursor) -> (B256, B256) {
        let mut rlp = Vec::new();
        header.encode(&mut rlp);
        let mut output = [0; 128];
        output[32..64].copy_from_slice(header.state_root.as_slice());
        output[64..96].copy_from_slice(header.withdrawals_root.unwrap().as_slice());
        output[96..].copy_from_slice(self.add(rlp).as_slice());
        let output_root = self.add(output.to_vec());
        let packed = [output_root.as_slice(), &cursor.pack()].concat();
        let claim = claim(output_root, cursor);
        assert_eq!(self.add(packed), claim);
        (output_root, claim)
    }
}

/// The state with a root, read natively.
pub(crate) struct Native<'a>(pub(crate) &'a Preimages, pub(crate) B256);

impl NodeReader for Native<'_> {
    type Error = Missing;

    fn node(&self, _: Option<B256>, _: &Nibbles, hash: &B256) -> Result<Bytes, Missing> {
        self.0.hashed.get(hash).cloned().ok_or(Missing(*hash))
    }
}

impl StateReader for Native<'_> {
    type Error = TrieError<Missing>;

    fn account(&self, address: Address) -> Result<Option<Account>, Self::Error> {
        let trie = TrieState { reader: self, root: self.1 };
        Ok(trie.account(address)?.map(|account| account.account()))
    }

    fn storage(&self, address: Address, slot: U256) -> Result<U256, Self::Error> {
        TrieState { reader: self, root: self.1 }.storage(address, slot)
    }

    fn code(&self, hash: B256) -> Result<Bytes, Self::Error> {
        self.0.hashed.get(&hash).cloned().ok_or(TrieError::Read(Missing(hash)))
    }
}

impl PrecompileReader for Native<'_> {}

/// The chain, and what L1 holds of it.
#[derive(Debug)]
pub(crate) struct Chain {
    pub(crate) config: ChainConfig,
    pub(crate) preimages: Preimages,
    pub(crate) claim: B256,
    cursor: Cursor,
    pub(crate) head: Header,
    batch_acc: B256,
    deposits: Vec<(Deposit, B256)>,
}

impl Chain {
    /// A chain whose genesis funds this many wallets and has the contracts that blocks need.
    pub(crate) fn new(wallets: u64) -> Self {
        let mut alloc = BTreeMap::from([
            (L1_BLOCK, contract(&[0])),
            (MESSAGE_PASSER, contract(&[0])),
            (HISTORY_STORAGE, contract(&HISTORY_CODE)),
            (CALLER, contract(&CALLER_CODE)),
            (HASHER, contract(&HASHER_CODE)),
            (FILLER, contract(&FILLER_CODE)),
        ]);
        alloc.extend((0..wallets).map(|index| (wallet(index).address(), funded())));
        Self::with_genesis(&alloc)
    }

    /// A chain with these accounts.
    pub(crate) fn with_genesis(alloc: &BTreeMap<Address, GenesisAccount>) -> Self {
        let config = ChainConfig {
            chain_id: 42_069,
            block_gas_limit: 30_000_000,
            base_fee_change_denominator: 8,
            elasticity: 2,
            min_base_fee_wei: 1_000,
            initial_base_fee_wei: 1_000_000,
            sequencer_window_secs: 3_600,
            sequencer_drift_secs: 60,
            max_blocks_per_sec: 100,
        };
        let block = genesis(&config, 1_700_000_000, alloc).unwrap();
        let mut preimages = Preimages::default();
        preimages.add(config.pack().to_vec());
        let cursor = Cursor::default();
        let claim = preimages.add_block(&block, &cursor);
        let batch_acc = B256::ZERO;
        Self {
            config,
            preimages,
            claim,
            cursor,
            head: block.header,
            batch_acc,
            deposits: Vec::new(),
        }
    }

    /// Puts another state in the place of that of genesis, as if genesis had made it.
    pub(crate) fn replace_state(&mut self, state_root: B256) {
        self.head.state_root = state_root;
        (_, self.claim) = self.preimages.add_head(&self.head, &self.cursor);
    }

    /// The same chain with so many slots a second.
    pub(crate) fn with_slots(mut self, max_blocks_per_sec: u64) -> Self {
        self.config.max_blocks_per_sec = max_blocks_per_sec;
        self.preimages.add(self.config.pack().to_vec());
        self
    }

    /// Records a deposit.
    pub(crate) fn deposit(&mut self, kind: DepositKind, payload: Bytes) {
        self.deposit_from(Address::repeat_byte(0xd0), kind, payload);
    }

    /// Records a deposit of somebody.
    pub(crate) fn deposit_from(&mut self, from: Address, kind: DepositKind, payload: Bytes) {
        let deposit = Deposit {
            kind,
            from,
            l1_block: 7,
            l1_time: L1_TIME,
            index: DepositIndex(self.deposits.len() as u64),
            l1_base_fee: U256::from(1_000_000_000_u64),
            l1_blob_base_fee: U256::ONE,
            payload: payload.clone(),
        };
        let previous = self.deposits.last().map_or(B256::ZERO, |(_, acc)| *acc);
        let payload_hash = self.preimages.add(payload);
        let mut leaf = vec![kind as u8];
        leaf.extend(deposit.from);
        for number in [deposit.l1_block, deposit.l1_time, deposit.index.get()] {
            leaf.extend(number.to_be_bytes());
        }
        leaf.extend(deposit.l1_base_fee.to_be_bytes::<32>());
        leaf.extend(deposit.l1_blob_base_fee.to_be_bytes::<32>());
        leaf.extend(payload_hash);
        let leaf = self.preimages.add(leaf);
        let acc = extend_deposit_acc(previous, &deposit);
        assert_eq!(self.preimages.add([previous.0, leaf.0].concat()), acc);
        self.deposits.push((deposit, acc));
    }

    /// Posts a batch that reads all deposits, and derives its blocks.
    pub(crate) fn batch(&mut self, kind: BatchKind, data: &[u8]) -> Vec<Step> {
        let (data_hash, data) = match kind {
            BatchKind::Calldata => (self.preimages.add(data.to_vec()), data.to_vec()),
            BatchKind::Forced => (B256::ZERO, Vec::new()),
            BatchKind::Blobs => {
                let blobs: Vec<Vec<u8>> = to_blobs(data).iter().map(|it| it.to_vec()).collect();
                // Any name will do: what binds it to the blob is L1's part.
                let names: Vec<B256> = blobs.iter().map(keccak256).collect();
                self.preimages.blobs.extend(names.iter().copied().zip(blobs.iter().cloned()));
                self.preimages.add(names.concat());
                (data_hash_of_blobs(&names), blob_data(&blobs))
            }
        };
        let header = BatchHeader {
            kind,
            index: self.cursor.batch,
            deposits_read: DepositIndex(self.deposits.len() as u64),
            l1_block: 9,
            l1_time: L1_TIME,
            data_hash,
        };
        let deposit_acc = self.deposits.last().map_or(B256::ZERO, |(_, acc)| *acc);
        let mut packed = self.batch_acc.to_vec();
        packed.push(kind as u8);
        let positions = [header.index.get(), header.deposits_read.get()];
        for number in [positions[0], positions[1], header.l1_block, header.l1_time] {
            packed.extend(number.to_be_bytes());
        }
        packed.extend(data_hash);
        packed.extend(deposit_acc);
        self.batch_acc = extend_batch_acc(self.batch_acc, &header, deposit_acc);
        assert_eq!(self.preimages.add(packed), self.batch_acc);
        self.derive(&header, &data)
    }

    fn derive(&mut self, header: &BatchHeader, data: &[u8]) -> Vec<Step> {
        let batch = decode_batch(header, data, &self.config);
        let unread = self.deposits.iter().skip(self.cursor.deposits_read.get() as usize);
        let unread = unread.map(|(deposit, _)| deposit.clone()).collect();
        let mut derivation = Derivation::new(header, batch, unread, self.cursor).unwrap();
        let mut steps = Vec::new();
        while let Some(block) = derivation.next_block() {
            let input = self.input(self.batch_acc);
            let state = Native(&self.preimages, self.head.state_root);
            let hash = self.head.hash_slow();
            let (parent, block_input) = (self.head.clone(), block.clone());
            let step = transition(&self.config, hash, &self.head, block, &state, &state).unwrap();
            if step.dropped_rest {
                derivation.drop_rest();
            }
            self.claim = self.preimages.add_block(&step.block, &step.cursor);
            self.cursor = step.cursor;
            self.head = step.block.header;
            steps.push(Step {
                input,
                claim: self.claim,
                cursor: self.cursor,
                transactions: step.block.transactions.len(),
                gas_used: self.head.gas_used,
                parent,
                block: block_input,
            });
        }
        steps
    }

    /// The input of a run from the present claim on.
    pub(crate) fn input(&mut self, batch_acc: B256) -> B256 {
        let words = [self.claim, batch_acc, self.config.hash()].map(|word| word.0);
        let input = self.preimages.add(words.concat());
        assert_eq!(input, program_input(self.claim, batch_acc, &self.config));
        input
    }

    /// A signed call of `to` with some gas, or a plain transfer of nothing without input.
    pub(crate) fn transfer(&self, sender: u64, nonce: u64, to: Address, input: Bytes) -> Bytes {
        let gas_limit = if input.is_empty() { 21_000 } else { 200_000 };
        self.sign(sender, TxEip1559 { nonce, gas_limit, to: TxKind::Call(to), input, ..tx() })
    }

    /// A transaction of a wallet, signed.
    pub(crate) fn sign(&self, sender: u64, tx: TxEip1559) -> Bytes {
        let tx = TxEip1559 { chain_id: self.config.chain_id, ..tx };
        let signature = wallet(sender).sign_hash_sync(&tx.signature_hash()).unwrap();
        OpTxEnvelope::from(tx.into_signed(signature)).encoded_2718().into()
    }
}

/// A transaction that pays enough and does nothing yet.
pub(crate) fn tx() -> TxEip1559 {
    TxEip1559 { max_fee_per_gas: 1_000_000_000, max_priority_fee_per_gas: 1, ..Default::default() }
}

/// A contract of genesis.
pub(crate) fn contract(code: &[u8]) -> GenesisAccount {
    GenesisAccount { nonce: 1, code: Bytes::copy_from_slice(code), ..Default::default() }
}

/// A wallet of genesis.
pub(crate) fn funded() -> GenesisAccount {
    GenesisAccount { balance: U256::from(10).pow(U256::from(20)), ..Default::default() }
}

pub(crate) fn wallet(index: u64) -> PrivateKeySigner {
    PrivateKeySigner::from_bytes(&keccak256(index.to_be_bytes())).unwrap()
}
