//! A follower's look at its sequencer: blocks that no batch on L1 holds yet.
//!
//! In: the sequencer's JSON-RPC (`debug_getRawBlock`). Out: executed blocks for the writer. The
//! sequencer is trusted for their order and their deposits, not for their result: each block is
//! executed, and its hash must agree. L1 has the last word when the batch comes. A sequencer that
//! does not answer, is wrong or serves another chain is a line in the log, and ends nothing.

use std::time::{Duration, Instant};

use alloy_consensus::Block;
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{B256, Bytes, U64};
use alloy_rlp::Decodable;
use gainsay_chain::{ChainError, ChainWriter};
use gainsay_store::StoreError;
use gainsay_transition::{
    BlockExecutor, DecodeTxError, ExecuteError, RecoveredTx, SealError, SealedBlock, recover_all,
    seal, slot_of,
};
use jsonrpsee::{
    core::{ClientError, client::ClientT},
    http_client::{HttpClient, HttpClientBuilder},
    rpc_params,
};
use op_alloy_consensus::OpTxEnvelope;
use serde::Deserialize;

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
/// A sequencer that is of no use for so long is a warning: shorter, it may be restarting, or the
/// engine may have taken back the block below while this one was executed.
const QUIET: Duration = Duration::from_secs(3);
/// The warning comes again after so long.
const REPEAT: Duration = Duration::from_secs(60);

/// Why a block of the sequencer was not taken now. All of it may pass: the sequencer is restarted,
/// or the writer took back the block below while this one was executed.
#[derive(Debug, thiserror::Error)]
enum UnsafeBlockError {
    /// The sequencer did not answer.
    #[error("{0}")]
    Request(#[from] ClientError),
    /// The URL is that of another chain.
    #[error(
        "it serves another chain: chain id {found_id} with genesis {found}, rollup.json has chain id \
         {expected_id} with genesis {expected}"
    )]
    OtherChain { found_id: u64, found: B256, expected_id: u64, expected: B256 },
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
    url: String,
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
        let url = url.to_owned();
        Ok(Self { chain, url, client, writer, status, next_look_at_head, unsafe_blocks_max })
    }

    /// Runs for ever. A sequencer that is away or wrong is no error: L1 is enough.
    ///
    /// # Errors
    /// None; tasks of a node have this type in common.
    pub async fn run(mut self) -> Result<(), NodeError> {
        let (mut is_known, mut absence) = (false, Absence::default());
        loop {
            let looked = match is_known {
                true => self.step().await,
                false => self.check_chain().await.map(|()| true),
            };
            match looked {
                Ok(is_new) => {
                    is_known = true;
                    if absence.ended() {
                        tracing::info!(url = %self.url, "the sequencer is back");
                    }
                    if !is_new {
                        tokio::time::sleep(POLL).await;
                    }
                }
                Err(error) => {
                    // Whoever answers next may be another one.
                    is_known &= !matches!(error, UnsafeBlockError::Request(_));
                    if absence.is_to_be_told(&error, Instant::now()) {
                        tracing::warn!(url = %self.url, %error, "no blocks from the sequencer");
                    } else {
                        tracing::debug!(%error, "no unsafe block from the sequencer");
                    }
                    tokio::time::sleep(RETRY_PAUSE).await;
                }
            }
        }
    }

    /// Checks that the sequencer serves this chain.
    async fn check_chain(&self) -> Result<(), UnsafeBlockError> {
        let found_id: U64 = self.client.request("eth_chainId", rpc_params![]).await?;
        let genesis: Option<BlockHash> =
            self.client.request("eth_getBlockByNumber", rpc_params!["0x0", false]).await?;
        let found_id = found_id.to();
        let found = genesis.unwrap_or_default().hash;
        let rollup = &self.chain.rollup;
        let (expected_id, expected) = (rollup.chain.chain_id, rollup.genesis_hash);
        if (found_id, found) == (expected_id, expected) {
            return Ok(());
        }
        Err(UnsafeBlockError::OtherChain { found_id, found, expected_id, expected })
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

/// The part of a block that names it.
#[derive(Debug, Default, Deserialize)]
struct BlockHash {
    hash: B256,
}

/// Since when the sequencer is of no use, and when that was last said.
#[derive(Debug, Default)]
struct Absence {
    since: Option<Instant>,
    told: Option<Instant>,
}

impl Absence {
    /// Notes a failure. Returns whether the log should say it.
    fn is_to_be_told(&mut self, error: &UnsafeBlockError, now: Instant) -> bool {
        let since = *self.since.get_or_insert(now);
        let is_due = match self.told {
            Some(told) => now.saturating_duration_since(told) >= REPEAT,
            // Another chain does not pass by itself.
            None if matches!(error, UnsafeBlockError::OtherChain { .. }) => true,
            None => now.saturating_duration_since(since) >= QUIET,
        };
        if is_due {
            self.told = Some(now);
        }
        is_due
    }

    /// Notes a success. Returns whether the log has said that the sequencer was away.
    fn ended(&mut self) -> bool {
        self.since = None;
        self.told.take().is_some()
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
    // A block that takes a slot has a later one than its parent: this is a fallback, or the block
    // of a forced batch, which the sequencer read from L1 sooner than this node.
    if slot_of(&block.header) == slot_of(&parent.header) {
        executor = executor.without_slot(&parent.header);
    }
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

#[cfg(test)]
mod tests {
    use alloy_consensus::BlockBody;
    use alloy_primitives::Address;
    use gainsay_chain::test_l1::TestL1;

    use super::*;
    use crate::test_node::TestNode;

    /// Such a block takes no slot, and only its header says so.
    #[test]
    fn the_block_of_a_forced_batch_can_come_from_the_sequencer() {
        let mut l1 = TestL1::default();
        l1.deposit(5, Address::repeat_byte(0x77), 9);
        let sequencer = TestNode::new();
        sequencer.deriver.on_deposits(&l1.deposits).unwrap();
        sequencer.deriver.on_batch(&l1.batch(6, 1, &[])).unwrap();
        let store = &sequencer.chain.store;
        let header = store.header(1).unwrap().unwrap().header.clone();
        let transactions = store.transactions(1).unwrap().unwrap();
        let transactions = transactions.into_iter().map(|tx| tx.envelope.clone()).collect();
        let block = Block { header, body: BlockBody { transactions, ..Default::default() } };
        let follower = TestNode::new();
        let executed = execute(&follower.chain, block).unwrap();
        assert_eq!(Some(executed.hash), sequencer.hash(1));
    }

    #[test]
    fn an_absence_is_told_when_it_lasts_and_again_after_a_while() {
        let away = || UnsafeBlockError::Request(ClientError::RequestTimeout);
        let (mut absence, start) = (Absence::default(), Instant::now());
        assert!(!absence.is_to_be_told(&away(), start), "it may be restarting");
        assert!(!absence.ended());
        assert!(!absence.is_to_be_told(&away(), start + QUIET), "the first one ended");
        assert!(absence.is_to_be_told(&away(), start + 2 * QUIET));
        assert!(!absence.is_to_be_told(&away(), start + 3 * QUIET), "told already");
        assert!(absence.is_to_be_told(&away(), start + 2 * QUIET + REPEAT));
        assert!(absence.ended());

        let (found, expected) = (B256::ZERO, B256::repeat_byte(1));
        let other = UnsafeBlockError::OtherChain { found_id: 1, found, expected_id: 2, expected };
        assert!(absence.is_to_be_told(&other, start), "it does not pass by itself");
        let text = other.to_string();
        assert!(text.contains("chain id 1 ") && text.contains(&expected.to_string()), "{text}");
    }
}
