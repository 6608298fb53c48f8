//! Everything that one block's run needs: its input, and all preimages that the program asks for.
//!
//! In: the number of a block that was derived from L1. Out: a [`BlockWitness`], recorded while the
//! program ran natively; its claim is the chain's own.
//!
//! The store keeps trie nodes by their place, but the program asks for them by their hash. So the
//! block is executed once before the recording, through the trie, which reads the same nodes.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use alloy_rlp::Encodable;
use gainsay_chain::ArchivedBatch;
use gainsay_derivation::{
    BlockInput, BlockNumber, CLAIM_LEN, Cursor, DepositIndex, Derivation, Output, decode_batch,
    pack_claim, pack_deposit_acc,
};
use gainsay_oracle::{Request, Witness, WitnessOracle};
use gainsay_program::{pack_input, program_input};
use gainsay_store::{BatchRecord, StateView, StoreError, StoredHeader};
use gainsay_transition::{
    PrecompileReader, StateReader, run_precompile, transition,
    trie::{Account, Nibbles, NodeReader, TrieError, TrieState},
};

use crate::{ArchivedChain, ChallengerError};

/// One block as the program runs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockWitness {
    /// The block.
    pub number: BlockNumber,
    /// The claim before the block.
    pub agreed: B256,
    /// What `agreed` is the hash of: output root and cursor.
    pub agreed_preimage: [u8; CLAIM_LEN],
    /// `batchAcc` after that batch.
    pub batch_acc: B256,
    /// The program's input.
    pub input: B256,
    /// Every preimage that the program asks for.
    pub witness: Witness,
    /// The claim after the block.
    pub claim: B256,
    /// Transactions of the block, deposits included.
    pub transactions: usize,
    /// Gas that they used.
    pub gas_used: u64,
}

impl ArchivedChain {
    /// Records what the run of block `number` needs.
    ///
    /// # Errors
    /// [`ChainError::NotDerived`](gainsay_chain::ChainError::NotDerived);
    /// [`StoreError::HistoryPruned`] when the state before the block is too old to be read;
    /// [`ChallengerError::ClaimsDiffer`] when program and native transition disagree, which must
    /// never be.
    pub fn block_witness(&self, number: BlockNumber) -> Result<BlockWitness, ChallengerError> {
        let parent_number = number.previous().ok_or(ChallengerError::GenesisBlock)?;
        let claim = self.claimed(number)?.claim();
        let agreed = self.claimed(parent_number)?;
        let batch = self.batch(agreed.cursor.batch)?;
        let mut preimages = Preimages::default();
        let output_root = self.add_parent(&mut preimages, parent_number)?;
        let agreed_preimage = pack_claim(output_root, &agreed.cursor);
        preimages.add(agreed_preimage.to_vec());
        let archived = self.archive.get(&batch.header, batch.acc)?;
        self.add_batch(&mut preimages, &batch, &archived, &agreed.cursor)?;
        let config = &self.rollup.chain;
        preimages.add(config.pack().to_vec());
        preimages.add(pack_input(agreed.claim(), batch.acc, config).to_vec());
        preimages.blobs = archived.blobs.clone().into_iter().collect();
        let executed = self.execute(&mut preimages, parent_number)?;

        let input = program_input(agreed.claim(), batch.acc, config);
        let oracle = WitnessOracle::new(|request: &Request| preimages.get(request));
        let program = gainsay_program::run(&oracle, input).map_err(Box::new)?;
        // PROTOCOL.md PROGRAM-6
        if program != claim {
            return Err(ChallengerError::ClaimsDiffer { number, native: claim, program });
        }
        Ok(BlockWitness {
            number,
            agreed: agreed.claim(),
            agreed_preimage,
            batch_acc: batch.acc,
            input,
            witness: oracle.into_witness(),
            claim,
            transactions: executed.0,
            gas_used: executed.1,
        })
    }

    /// The parent's header, and what its output root is the hash of.
    fn add_parent(
        &self,
        preimages: &mut Preimages,
        number: BlockNumber,
    ) -> Result<B256, ChallengerError> {
        let StoredHeader { header, hash, output_root, .. } = self.header(number)?;
        let output = Output {
            state_root: header.state_root,
            message_passer_storage_root: header.withdrawals_root.unwrap_or_default(),
            block_hash: hash,
        };
        preimages.add(output.pack().to_vec());
        let mut rlp = Vec::new();
        header.encode(&mut rlp);
        preimages.add(rlp);
        Ok(output_root)
    }

    fn header(&self, number: BlockNumber) -> Result<StoredHeader, ChallengerError> {
        let missing = || ChallengerError::Incomplete { what: format!("header of block {number}") };
        self.store.header(number.get())?.ok_or_else(missing)
    }

    /// What the accumulators of a batch are the hashes of.
    fn add_batch(
        &self,
        preimages: &mut Preimages,
        batch: &BatchRecord,
        archived: &ArchivedBatch,
        from: &Cursor,
    ) -> Result<(), ChallengerError> {
        let header = &batch.header;
        preimages.add(archived.committed.clone());
        let previous = match header.index.previous() {
            Some(before) => self.batch(before)?.acc,
            None => B256::ZERO,
        };
        let mut acc = self.deposit_acc(from.deposits_read)?;
        for record in self.store.deposits(from.deposits_read, header.deposits_read)? {
            let leaf = preimages.add(record.deposit.pack().to_vec());
            preimages.add(record.deposit.payload.clone());
            acc = preimages.add(pack_deposit_acc(acc, leaf).to_vec());
        }
        preimages.add(header.pack(previous, acc).to_vec());
        Ok(())
    }

    /// `depositAcc[index]`.
    fn deposit_acc(&self, index: DepositIndex) -> Result<B256, ChallengerError> {
        let Some(last) = index.previous() else { return Ok(B256::ZERO) };
        let missing = || ChallengerError::Incomplete { what: format!("deposit {last}") };
        Ok(self.store.deposit(last)?.ok_or_else(missing)?.acc)
    }

    /// What a block is made of, by its batch.
    ///
    /// # Errors
    /// Those of the store and the archive.
    pub fn block_input(&self, number: BlockNumber) -> Result<BlockInput, ChallengerError> {
        let parent = number.previous().ok_or(ChallengerError::GenesisBlock)?;
        let cursor = self.claimed(parent)?.cursor;
        let batch = self.batch(cursor.batch)?;
        let header = &batch.header;
        let archived = self.archive.get(header, batch.acc)?;
        let decoded = decode_batch(header, &archived.data(), &self.rollup.chain);
        let deposits = self.store.deposits(cursor.deposits_read, header.deposits_read)?;
        let deposits = deposits.into_iter().map(|record| record.deposit).collect();
        let mut derivation = Derivation::new(header, decoded, deposits, cursor)?;
        let outside = || ChallengerError::WrongBatch { index: header.index, cursor };
        derivation.next_block().ok_or_else(outside)
    }

    /// Executes the block through the trie and keeps every node and code that was read. Returns the
    /// number of its transactions and their gas.
    fn execute(
        &self,
        preimages: &mut Preimages,
        parent_number: BlockNumber,
    ) -> Result<(usize, u64), ChallengerError> {
        let parent = self.header(parent_number)?;
        let input = self.block_input(parent_number.next())?;
        let state = RecordingState {
            view: self.store.state_at(parent_number.get())?,
            root: parent.header.state_root,
            read: Mutex::default(),
        };
        let config = &self.rollup.chain;
        let step = transition(config, parent.hash, &parent.header, input, &state, &state)
            .map_err(Box::new)?;
        preimages.hashed.extend(state.read.into_inner().unwrap_or_else(PoisonError::into_inner));
        Ok((step.block.transactions.len(), step.block.header.gas_used))
    }
}

/// What the program may ask for.
#[derive(Default)]
struct Preimages {
    hashed: HashMap<B256, Bytes>,
    blobs: HashMap<B256, Bytes>,
}

impl Preimages {
    fn add(&mut self, bytes: impl Into<Bytes>) -> B256 {
        let bytes = bytes.into();
        let hash = keccak256(&bytes);
        self.hashed.insert(hash, bytes);
        hash
    }

    fn get(&self, request: &Request) -> Option<Bytes> {
        match request {
            Request::Keccak(hash) => self.hashed.get(hash).cloned(),
            Request::Blob { versioned_hash, index } => {
                let start = usize::try_from(*index).ok()?.checked_mul(32)?;
                let blob = self.blobs.get(versioned_hash)?;
                blob.get(start..start.checked_add(32)?).map(Bytes::copy_from_slice)
            }
            Request::Precompile { address, input } => Some(match run_precompile(*address, input) {
                Some(output) => [&[1], &output[..]].concat().into(),
                None => Bytes::from_static(&[0]),
            }),
        }
    }
}

/// The state before a block, read through the trie as the program reads it, and a record of that.
struct RecordingState {
    view: StateView,
    root: B256,
    read: Mutex<HashMap<B256, Bytes>>,
}

impl RecordingState {
    const fn trie(&self) -> TrieState<&Self> {
        TrieState { reader: self, root: self.root }
    }

    fn record(&self, hash: B256, bytes: &Bytes) {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        read.insert(hash, bytes.clone());
    }
}

impl NodeReader for RecordingState {
    type Error = StoreError;

    fn node(&self, owner: Option<B256>, path: &Nibbles, hash: &B256) -> Result<Bytes, StoreError> {
        let node = self.view.node(owner, path, hash)?;
        self.record(*hash, &node);
        Ok(node)
    }
}

impl StateReader for RecordingState {
    type Error = TrieError<StoreError>;

    fn account(&self, address: Address) -> Result<Option<Account>, Self::Error> {
        Ok(self.trie().account(address)?.map(|account| account.account()))
    }

    fn storage(&self, address: Address, slot: U256) -> Result<U256, Self::Error> {
        self.trie().storage(address, slot)
    }

    fn code(&self, code_hash: B256) -> Result<Bytes, Self::Error> {
        let code = self.view.code(code_hash).map_err(TrieError::Read)?;
        self.record(code_hash, &code);
        Ok(code)
    }
}

impl PrecompileReader for RecordingState {}
