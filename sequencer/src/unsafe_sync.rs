//! A follower's look at its sequencer: blocks that no batch on L1 holds yet.
//!
//! In: the sequencer's JSON-RPC (`debug_getRawBlock`). Out: executed blocks for the engine. The
//! sequencer is trusted for their order and their deposits, not for their result: each block is
//! executed, and its hash must agree. L1 has the last word when the batch comes.

use std::{sync::mpsc, time::Duration};

use alloy_consensus::Block;
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::Bytes;
use alloy_rlp::Decodable;
use anyhow::Context;
use gainsay_transition::{BlockExecutor, RecoveredTx, SealedBlock, recover_all, seal};
use jsonrpsee::{
    core::client::ClientT,
    http_client::{HttpClient, HttpClientBuilder},
    rpc_params,
};
use op_alloy_consensus::OpTxEnvelope;

use crate::{chain::Chain, engine::EngineMessage};

/// Pause between looks when nothing is new.
const POLL: Duration = Duration::from_millis(100);
/// Pause when the sequencer is out of reach.
const RETRY_PAUSE: Duration = Duration::from_secs(1);
/// Time for one answer.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// Follows the sequencer's head.
#[derive(Debug)]
pub struct UnsafeSync {
    chain: Chain,
    client: HttpClient,
    engine: mpsc::SyncSender<EngineMessage>,
    unsafe_blocks_max: u64,
}

impl UnsafeSync {
    /// Follows the sequencer at `url`, at most `unsafe_blocks_max` blocks ahead of L1.
    pub fn new(
        chain: Chain,
        url: &str,
        engine: mpsc::SyncSender<EngineMessage>,
        unsafe_blocks_max: u64,
    ) -> anyhow::Result<Self> {
        let client = HttpClientBuilder::default()
            .request_timeout(REQUEST_TIMEOUT)
            .max_response_size(64 << 20)
            .build(url)
            .with_context(|| format!("sequencer URL {url}"))?;
        Ok(Self { chain, client, engine, unsafe_blocks_max })
    }

    /// Runs for ever. A sequencer that is away or wrong is no error: L1 is enough.
    pub async fn run(self) -> anyhow::Result<()> {
        loop {
            match self.step().await {
                Ok(true) => {}
                Ok(false) => tokio::time::sleep(POLL).await,
                Err(error) => {
                    tracing::debug!(error = %format!("{error:#}"), "no unsafe block from the sequencer");
                    tokio::time::sleep(RETRY_PAUSE).await;
                }
            }
        }
    }

    /// Takes the next block; whether there was one.
    async fn step(&self) -> anyhow::Result<bool> {
        let heads = self.chain.store.heads();
        let head = heads.latest;
        if head.number - heads.safe.number >= self.unsafe_blocks_max {
            // More could not be taken back any more when L1 says otherwise.
            return Ok(false);
        }
        let number = format!("{:#x}", head.number + 1);
        let raw: Option<Bytes> =
            self.client.request("debug_getRawBlock", rpc_params![number]).await?;
        let Some(raw) = raw else { return Ok(false) };
        let block = Block::<OpTxEnvelope>::decode(&mut raw.as_ref()).context("block")?;
        if block.header.parent_hash != head.hash {
            if head.number > heads.safe.number {
                tracing::info!(head = head.number, "the sequencer took blocks back");
                self.tell(EngineMessage::DropUnsafe)?;
            }
            return Ok(false);
        }
        let chain = self.chain.clone();
        let sealed = tokio::task::spawn_blocking(move || execute(&chain, block)).await??;
        self.tell(EngineMessage::Unsafe(Box::new(sealed)))?;
        Ok(true)
    }

    /// Tells the engine, and waits until it has acted.
    fn tell(&self, message: EngineMessage) -> anyhow::Result<()> {
        let (done, wait) = mpsc::sync_channel(1);
        tokio::task::block_in_place(|| {
            self.engine.send(message).context("the engine has ended")?;
            self.engine.send(EngineMessage::Settle(done)).context("the engine has ended")?;
            wait.recv().context("the engine has ended")
        })
    }
}

/// Executes a block of the sequencer and checks that it comes to the same hash.
fn execute(chain: &Chain, block: Block<OpTxEnvelope>) -> anyhow::Result<SealedBlock> {
    let parent = chain.store.head_header()?;
    let expected = block.header.hash_slow();
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
    let mut deposit_gas_left = chain.rollup.max_batch_deposit_gas;
    for envelope in block.body.transactions {
        match envelope {
            OpTxEnvelope::Deposit(deposit) => {
                // Nothing else bounds what a deposit may run: the Inbox did not see these yet.
                deposit_gas_left = deposit_gas_left
                    .checked_sub(deposit.gas_limit)
                    .context("the deposits have more gas than a batch may read")?;
                executor.execute_deposit_tx(RecoveredTx::from_deposit(deposit.into_inner()))?;
            }
            other => signed.push(Bytes::from(other.encoded_2718())),
        }
    }
    for tx in recover_all(&signed)? {
        executor.execute(tx)?;
    }
    let sealed = seal(executor.finish()?, parent_hash, &parent.header, &chain.store.state())?;
    anyhow::ensure!(
        sealed.hash == expected,
        "block {} of the sequencer: found hash {expected}, executed to {}",
        sealed.header.number,
        sealed.hash
    );
    Ok(sealed)
}
