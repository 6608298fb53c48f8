//! A follower's look at its sequencer: blocks that no batch on L1 holds yet.
//!
//! In: the sequencer's JSON-RPC (`debug_getRawBlock`). Out: executed blocks for the writer. The
//! sequencer is trusted for their order and their deposits, not for their result: each block is
//! executed, and its hash must agree. L1 has the last word when the batch comes.

use std::time::{Duration, Instant};

use alloy_consensus::Block;
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{B256, Bytes, U64};
use alloy_rlp::Decodable;
use gainsay_chain::{ChainError, ChainWriter};
use gainsay_store::StoreError;
use gainsay_transition::{
    BlockExecutor, DecodeTxError, ExecuteError, RecoveredTx, SealError, SealedBlock, recover_all,
    seal,
};
use jsonrpsee::{
    core::{ClientError, client::ClientT},
    http_client::{HttpClient, HttpClientBuilder},
    rpc_params,
};
use op_alloy_consensus::OpTxEnvelope;

use crate::{
    chain::Chain,
    error::NodeError,
    node_writer::{WriterMailbox, WriterMessage},
    status::StatusHandle,
};

/// Pause between looks when nothing is new.
const POLL: Duration = Duration::from_millis(100);
/// Pause when the sequencer is out of reach.
const RETRY_PAUSE: Duration = Duration::from_secs(1);
/// Pause between looks at the number of the sequencer's head.
const HEAD_POLL: Duration = Duration::from_secs(2);
/// Time for one answer.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// Why a block of the sequencer was not taken now. All of it may pass: the sequencer is restarted,
/// or the writer took back the block below while this one was executed.
#[derive(Debug, thiserror::Error)]
enum UnsafeBlockError {
    /// The sequencer did not answer.
    #[error("the sequencer did not answer: {0}")]
    Request(#[from] ClientError),
    /// The answer is no block.
    #[error("block {number} of the sequencer: {source}")]
    Malformed { number: u64, source: alloy_rlp::Error },
    #[error("block {number} of the sequencer: its deposits have more than {max} gas")]
    DepositGas { number: u64, max: u64 },
    #[error("a transaction of the sequencer's block: {0}")]
    Transaction(#[from] DecodeTxError),
    #[error("the sequencer's block cannot be executed: {0}")]
    Execute(#[from] ExecuteError<StoreError>),
    #[error(transparent)]
    Seal(#[from] SealError<StoreError>),
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The sequencer executes by other rules, or promises what its block does not hold.
    #[error("block {number} of the sequencer: found hash {found}, executed to {expected}")]
    WrongHash { number: u64, found: B256, expected: B256 },
    #[error("executing a block of the sequencer: {0}")]
    Panicked(#[from] tokio::task::JoinError),
    /// The writer has ended, and with it the node.
    #[error(transparent)]
    Writer(#[from] ChainError),
}

/// Follows the sequencer's head.
#[derive(Debug)]
pub struct UnsafeSync {
    chain: Chain,
    client: HttpClient,
    writer: WriterMailbox,
    status: StatusHandle,
    /// When the sequencer is asked again for the number of its head.
    next_look_at_head: Instant,
    unsafe_blocks_max: u64,
}

impl UnsafeSync {
    /// Follows the sequencer at `url`, at most `unsafe_blocks_max` blocks ahead of L1. How far the
    /// sequencer is goes into `status`.
    ///
    /// # Errors
    /// [`NodeError::SequencerUrl`].
    pub fn new(
        chain: Chain,
        url: &str,
        writer: WriterMailbox,
        status: StatusHandle,
        unsafe_blocks_max: u64,
    ) -> Result<Self, NodeError> {
        let client = HttpClientBuilder::default()
            .request_timeout(REQUEST_TIMEOUT)
            .max_response_size(64 << 20)
            .build(url)
            .map_err(|source| NodeError::SequencerUrl {
                url: url.to_owned(),
                source: Box::new(source),
            })?;
        let next_look_at_head = Instant::now();
        Ok(Self { chain, client, writer, status, next_look_at_head, unsafe_blocks_max })
    }

    /// Runs for ever. A sequencer that is away or wrong is no error: L1 is enough.
    ///
    /// # Errors
    /// None; tasks of a node have this type in common.
    pub async fn run(mut self) -> Result<(), NodeError> {
        loop {
            match self.step().await {
                Ok(true) => {}
                Ok(false) => tokio::time::sleep(POLL).await,
                Err(error) => {
                    tracing::debug!(%error, "no unsafe block from the sequencer");
                    tokio::time::sleep(RETRY_PAUSE).await;
                }
            }
        }
    }

    /// Takes the next block; whether there was one.
    async fn step(&mut self) -> Result<bool, UnsafeBlockError> {
        if Instant::now() >= self.next_look_at_head {
            let head: U64 = self.client.request("eth_blockNumber", rpc_params![]).await?;
            self.status.update(|status| status.sequencer_head = head.to());
            self.next_look_at_head = Instant::now() + HEAD_POLL;
        }
        let heads = self.chain.store.heads();
        let head = heads.latest;
        if head.number - heads.safe.number >= self.unsafe_blocks_max {
            // More could not be taken back any more when L1 says otherwise.
            return Ok(false);
        }
        let number = head.number + 1;
        let parameters = rpc_params![format!("{number:#x}")];
        let raw: Option<Bytes> = self.client.request("debug_getRawBlock", parameters).await?;
        let Some(raw) = raw else { return Ok(false) };
        let block = Block::<OpTxEnvelope>::decode(&mut raw.as_ref())
            .map_err(|source| UnsafeBlockError::Malformed { number, source })?;
        if block.header.parent_hash != head.hash {
            if head.number > heads.safe.number {
                tracing::info!(head = head.number, "the sequencer took blocks back");
                self.tell(WriterMessage::DropUnsafe)?;
            }
            return Ok(false);
        }
        let chain = self.chain.clone();
        let sealed = tokio::task::spawn_blocking(move || execute(&chain, block)).await??;
        self.tell(WriterMessage::Unsafe(Box::new(sealed)))?;
        Ok(true)
    }

    /// Tells the writer, and waits until it has acted.
    fn tell(&self, message: WriterMessage) -> Result<(), ChainError> {
        let mut writer = self.writer.clone();
        tokio::task::block_in_place(|| {
            writer.tell(message)?;
            writer.settle()
        })
    }
}

/// Executes a block of the sequencer and checks that it comes to the same hash.
fn execute(chain: &Chain, block: Block<OpTxEnvelope>) -> Result<SealedBlock, UnsafeBlockError> {
    let parent = chain.store.head_header()?;
    let found = block.header.hash_slow();
    let config = &chain.rollup.chain;
    let parent_hash = parent.hash;
    let mut executor = BlockExecutor::new(
        config,
        &parent.header,
        block.header.timestamp,
        chain.store.state(),
        Box::new(move || parent_hash),
    );
    let mut signed = Vec::new();
    let max = chain.rollup.max_batch_deposit_gas;
    let number = block.header.number;
    let mut deposit_gas_left = max;
    for envelope in block.body.transactions {
        match envelope {
            OpTxEnvelope::Deposit(deposit) => {
                // Nothing else bounds what a deposit may run: the Inbox did not see these yet.
                deposit_gas_left = deposit_gas_left
                    .checked_sub(deposit.gas_limit)
                    .ok_or(UnsafeBlockError::DepositGas { number, max })?;
                executor.execute_deposit_tx(RecoveredTx::from_deposit(deposit.into_inner()))?;
            }
            other => signed.push(Bytes::from(other.encoded_2718())),
        }
    }
    for tx in recover_all(&signed)? {
        executor.execute(tx)?;
    }
    let sealed = seal(executor.finish()?, parent_hash, &parent.header, &chain.store.state())?;
    if sealed.hash != found {
        return Err(UnsafeBlockError::WrongHash { number, found, expected: sealed.hash });
    }
    Ok(sealed)
}
