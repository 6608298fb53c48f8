//! The Inbox contract, one function per call.
//!
//! In: arguments as the protocol names them. Out: receipts of confirmed transactions, and views at
//! the latest L1 block. Which call to make is decided by the callers; this file only makes it.

use alloy::{
    eips::{BlockId, eip4844::Blob},
    providers::DynProvider,
    rpc::types::TransactionReceipt,
    sol_types::SolCall,
};
use alloy_primitives::{Address, B256, Bytes};
use gainsay_derivation::{BatchIndex, DepositIndex, MAX_BLOBS, MAX_CALLDATA_BYTES};

use crate::{
    L1Client, L1Error,
    bindings::IInbox::{self, IInboxInstance},
    transaction::L1Call,
    tx_sender::TxSender,
};

/// The position that a batch is posted at; the contract refuses it at any other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchPosition {
    /// Index of the batch.
    pub index: BatchIndex,
    /// `batchAcc[index]` on the L1 chain that the batch was built on.
    pub batch_acc: B256,
    /// Deposits read when the batch ends.
    pub deposits_read: DepositIndex,
    /// `depositAcc[deposits_read]` on the L1 chain that the batch was built on.
    pub deposit_acc: B256,
}

/// The immutables of the Inbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InboxParams {
    /// The only account that may post batches.
    pub sequencer: Address,
    /// Seconds after which anybody may force an unread deposit.
    pub force_delay_secs: u64,
    /// Most L2 gas of the deposits that one batch reads.
    pub max_batch_deposit_gas: u64,
    /// Most L2 gas of the deposits enqueued in one L1 block.
    pub max_deposit_gas_per_block: u64,
}

/// The Inbox at its address.
#[derive(Clone, Debug)]
pub struct Inbox {
    contract: IInboxInstance<DynProvider>,
}

impl Inbox {
    /// The Inbox at `address`.
    #[must_use]
    pub fn new(client: &L1Client, address: Address) -> Self {
        Self { contract: IInbox::new(address, client.provider().clone()) }
    }

    /// Address of the contract.
    #[must_use]
    pub const fn address(&self) -> Address {
        *self.contract.address()
    }

    /// Posts a batch as calldata.
    ///
    /// # Errors
    /// [`L1Error::Invalid`] when `data` exceeds what the contract takes; as [`TxSender::send`].
    pub async fn post_batch_calldata(
        &self,
        sender: &TxSender,
        at: BatchPosition,
        data: Bytes,
    ) -> Result<TransactionReceipt, L1Error> {
        if data.len() > MAX_CALLDATA_BYTES {
            return Err(L1Error::Invalid {
                what: "batch calldata",
                reason: format!("found {} bytes, at most {MAX_CALLDATA_BYTES}", data.len()),
            });
        }
        let call = IInbox::postBatchCall {
            expectedIndex: at.index.get(),
            expectedBatchAcc: at.batch_acc,
            depositsRead: at.deposits_read.get(),
            expectedDepositAcc: at.deposit_acc,
            data,
        };
        sender.send(self.call(&call)).await
    }

    /// Posts a batch as blobs.
    ///
    /// # Errors
    /// [`L1Error::Invalid`] when there is no blob or there are more than six; as
    /// [`TxSender::send`].
    pub async fn post_batch_blobs(
        &self,
        sender: &TxSender,
        at: BatchPosition,
        blobs: Vec<Blob>,
    ) -> Result<TransactionReceipt, L1Error> {
        if !(1..=MAX_BLOBS).contains(&blobs.len()) {
            return Err(L1Error::Invalid {
                what: "batch blobs",
                reason: format!("found {}, expected 1 to {MAX_BLOBS}", blobs.len()),
            });
        }
        let call = IInbox::postBlobBatchCall {
            expectedIndex: at.index.get(),
            expectedBatchAcc: at.batch_acc,
            depositsRead: at.deposits_read.get(),
            expectedDepositAcc: at.deposit_acc,
        };
        sender.send(self.call(&call).with_blobs(blobs)).await
    }

    /// Appends a batch of deposits alone; the contract takes it once one of them is overdue.
    ///
    /// # Errors
    /// As [`TxSender::send`].
    pub async fn force_include(
        &self,
        sender: &TxSender,
        deposits_read: u64,
    ) -> Result<TransactionReceipt, L1Error> {
        let call = IInbox::forceIncludeCall { depositsRead: deposits_read };
        sender.send(self.call(&call)).await
    }

    /// The only account that may enqueue deposits.
    ///
    /// # Errors
    /// When L1 does not answer the view.
    pub async fn portal(&self) -> Result<Address, L1Error> {
        self.contract.PORTAL().call().await.map_err(self.view("PORTAL"))
    }

    /// Number of batches posted.
    ///
    /// # Errors
    /// When L1 does not answer the view.
    pub async fn batch_count(&self) -> Result<u64, L1Error> {
        self.contract.batchCount().call().await.map_err(self.view("batchCount"))
    }

    /// Number of deposits enqueued.
    ///
    /// # Errors
    /// When L1 does not answer the view.
    pub async fn deposit_count(&self) -> Result<u64, L1Error> {
        self.contract.depositCount().call().await.map_err(self.view("depositCount"))
    }

    /// Number of deposits that the batches have read.
    ///
    /// # Errors
    /// When L1 does not answer the view.
    pub async fn deposits_read(&self) -> Result<u64, L1Error> {
        self.contract.depositsRead().call().await.map_err(self.view("depositsRead"))
    }

    /// `batchAcc[n]` at L1 block `at`.
    ///
    /// # Errors
    /// When L1 does not answer the view, or reverts it because `n` is out of range.
    pub async fn batch_acc(&self, n: u64, at: BlockId) -> Result<B256, L1Error> {
        self.contract.batchAcc(n).block(at).call().await.map_err(self.view("batchAcc"))
    }

    /// `depositAcc[n]` at L1 block `at`.
    ///
    /// # Errors
    /// When L1 does not answer the view, or reverts it because `n` is out of range.
    pub async fn deposit_acc(&self, n: u64, at: BlockId) -> Result<B256, L1Error> {
        self.contract.depositAcc(n).block(at).call().await.map_err(self.view("depositAcc"))
    }

    /// The immutables of the contract.
    ///
    /// # Errors
    /// When L1 does not answer the view.
    pub async fn params(&self) -> Result<InboxParams, L1Error> {
        let contract = &self.contract;
        let sequencer = contract.SEQUENCER().call().await;
        let force_delay = contract.FORCE_DELAY().call().await;
        let batch_gas = contract.MAX_BATCH_DEPOSIT_GAS().call().await;
        let block_gas = contract.MAX_DEPOSIT_GAS_PER_BLOCK().call().await;
        Ok(InboxParams {
            sequencer: sequencer.map_err(self.view("SEQUENCER"))?,
            force_delay_secs: force_delay.map_err(self.view("FORCE_DELAY"))?,
            max_batch_deposit_gas: batch_gas.map_err(self.view("MAX_BATCH_DEPOSIT_GAS"))?,
            max_deposit_gas_per_block: block_gas.map_err(self.view("MAX_DEPOSIT_GAS_PER_BLOCK"))?,
        })
    }

    /// The generated bindings, for calls that this type does not wrap.
    #[must_use]
    pub const fn contract(&self) -> &IInboxInstance<DynProvider> {
        &self.contract
    }

    fn view(&self, what: &'static str) -> impl FnOnce(alloy::contract::Error) -> L1Error {
        L1Error::view(what, self.address())
    }

    fn call(&self, call: &impl SolCall) -> L1Call {
        L1Call::new(self.address(), call.abi_encode())
    }
}
