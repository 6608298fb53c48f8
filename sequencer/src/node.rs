//! Puts a node together: opens the store, connects to L1, starts the tasks, stops them all when
//! one of them ends.
//!
//! In: command-line arguments and keys from the environment. Out: a running node, until Ctrl-C.

use std::{
    future::Future,
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, mpsc},
    time::Duration,
};

use alloy::signers::local::PrivateKeySigner;
use gainsay_chain::{Deriver, Follower, SafeChain, SharedAssertions, UnsafeBlocks};
use gainsay_l1::{
    Inbox, L1Client, PendingNonce, PosterKeyArgs, ProposerKeyArgs, RollupConfig, TxSender,
    TxSenderConfig, until_l1_answers,
};
use gainsay_store::StoreOptions;
use tokio::task::JoinSet;

use crate::{
    batch_poster::{BatchPoster, DataAvailability, PosterConfig},
    block_builder::{BlockBuilder, BuilderConfig},
    chain::Chain,
    error::NodeError,
    l1_watcher::L1Watcher,
    node_writer::{Announcer, Building, MESSAGES_MAX, NodeWriter, WriterMailbox, WriterMessage},
    pool::{Pool, PoolLimits},
    proposer::Proposer,
    rpc::{self, RpcContext, RpcLimits, TxSink},
    status::StatusHandle,
    unsafe_sync::UnsafeSync,
};

/// What sequencer and follower both need.
#[derive(Debug, clap::Args)]
pub struct NodeArgs {
    /// The chain's rollup.json.
    #[arg(long)]
    pub rollup: PathBuf,
    /// Folder for blocks and state; made if it is not there.
    #[arg(long)]
    pub data: PathBuf,
    /// JSON-RPC of an L1 node, over HTTP. Several, separated by commas: the first that works is
    /// asked.
    #[arg(long)]
    pub l1_rpc: String,
    /// Beacon API of an L1 node, for blobs. Several, separated by commas, are asked in turn.
    /// Default: the same as --l1-rpc (anvil serves both).
    #[arg(long)]
    pub l1_beacon: Option<String>,
    /// Address and port of this node's JSON-RPC (HTTP and WebSocket).
    #[arg(long, default_value = "127.0.0.1:9545")]
    pub listen: SocketAddr,
    /// Milliseconds between looks at L1.
    #[arg(long, default_value_t = 500)]
    pub l1_poll_ms: u64,
    /// Blocks whose state stays readable, and to which the node can rewind.
    #[arg(long, default_value_t = 8192, value_parser = clap::value_parser!(u64).range(64..))]
    pub history_blocks: u64,
    /// Mebibytes of memory for caches.
    #[arg(long, default_value_t = 512)]
    pub cache_mib: usize,
}

/// Order transactions into blocks, post batches and make claims on L1.
#[derive(Debug, clap::Args)]
pub struct SequenceArgs {
    /// What every node needs.
    #[command(flatten)]
    pub node: NodeArgs,
    /// Milliseconds between blocks when there is work, 100 or more.
    #[arg(long, default_value_t = 250, value_parser = clap::value_parser!(u64).range(100..=60_000))]
    pub block_time_ms: u64,
    /// Milliseconds after which an empty block is made.
    #[arg(long, default_value_t = 2_000)]
    pub idle_block_ms: u64,
    /// How batches are posted.
    #[arg(long, value_enum, default_value_t = DataAvailability::Auto)]
    pub da: DataAvailability,
    /// Milliseconds that a block with transactions waits for its batch at most.
    #[arg(long, default_value_t = 2_000)]
    pub batch_age_ms: u64,
    /// Milliseconds that blocks without transactions wait for their batch at most.
    #[arg(long, default_value_t = 20_000)]
    pub batch_idle_age_ms: u64,
    /// L1 blocks that must follow a deposit's before it is executed.
    #[arg(long, default_value_t = 1)]
    pub deposit_confirmations: u64,
    /// Key that posts batches.
    #[command(flatten)]
    pub poster_key: PosterKeyArgs,
    /// Key that makes claims; without it the node makes none.
    #[command(flatten)]
    pub proposer_key: ProposerKeyArgs,
}

/// Rebuild the chain from L1 and serve it read-only.
#[derive(Debug, clap::Args)]
pub struct FollowArgs {
    /// What every node needs.
    #[command(flatten)]
    pub node: NodeArgs,
    /// JSON-RPC of the sequencer: shows blocks before they are on L1, takes transactions.
    #[arg(long)]
    pub sequencer_rpc: Option<String>,
}

/// Tasks of a node by name; the end of any of them is the end of the node.
#[derive(Debug, Default)]
struct Tasks {
    set: JoinSet<(&'static str, Result<(), NodeError>)>,
}

impl Tasks {
    fn spawn(
        &mut self,
        name: &'static str,
        task: impl Future<Output = Result<(), NodeError>> + Send + 'static,
    ) {
        self.set.spawn(async move { (name, task.await) });
    }

    /// Waits for the first task to end, or for a signal to stop.
    async fn run(mut self) -> Result<(), NodeError> {
        let mut terminate =
            tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())
                .map_err(|source| NodeError::System { what: "a handler of SIGTERM", source })?;
        let ended = tokio::select! {
            ended = self.set.join_next() => ended,
            _ = tokio::signal::ctrl_c() => None,
            _ = terminate.recv() => None,
        };
        self.set.shutdown().await;
        match ended {
            None => Ok(()),
            Some(Ok((name, Ok(())))) => Err(NodeError::TaskEnded { name }),
            Some(Ok((name, Err(error)))) => {
                Err(NodeError::TaskFailed { name, source: Box::new(error) })
            }
            Some(Err(_)) => Err(NodeError::TaskPanicked { name: "a task of the node" }),
        }
    }
}

/// The parts that both kinds of nodes have.
struct Foundation {
    chain: Chain,
    client: L1Client,
    status: StatusHandle,
}

impl Foundation {
    async fn lay(args: &NodeArgs) -> Result<Self, NodeError> {
        let rollup = Arc::new(RollupConfig::load(&args.rollup)?);
        let client = L1Client::connect(&args.l1_rpc, args.l1_beacon.as_deref())?;
        until_l1_answers("start", async || rollup.check_l1(&client).await).await?;
        let options = StoreOptions {
            history_blocks: args.history_blocks,
            cache_bytes: args.cache_mib << 20,
            genesis_hash: None,
        };
        let SafeChain { store, rollup } =
            SafeChain::open(rollup, &args.data, &options).map_err(|source| {
                NodeError::DataFolder { path: args.data.clone(), source: Box::new(source) }
            })?;
        Ok(Self { chain: Chain::new(store, rollup), client, status: StatusHandle::default() })
    }

    async fn follower(&self, writer: WriterMailbox) -> Result<Follower<WriterMailbox>, NodeError> {
        until_l1_answers("start", async || {
            let (chain, client) = (self.chain.safe_chain(), self.client.clone());
            Ok(Follower::open(chain, client, writer.clone(), None).await?)
        })
        .await
    }

    /// A sender of a key that only this node uses: a restart outbids its own stale transaction.
    async fn sender(&self, signer: PrivateKeySigner) -> Result<TxSender, NodeError> {
        let config = TxSenderConfig { pending: PendingNonce::Replace, ..Default::default() };
        let sender = until_l1_answers("start", async || {
            TxSender::new(self.client.clone(), signer.clone(), config.clone()).await
        });
        Ok(sender.await?)
    }

    fn deriver(&self, unsafe_blocks: UnsafeBlocks, keeps_displaced: bool) -> Deriver {
        let announcer = Announcer::new(self.chain.clone(), keeps_displaced);
        Deriver::new(self.chain.safe_chain(), unsafe_blocks).observed_by(Box::new(announcer))
    }
}

/// Runs the sequencer until it is stopped.
///
/// # Errors
/// Arguments that cannot be used, or the first task that failed.
pub async fn sequence(args: SequenceArgs) -> Result<(), NodeError> {
    let signer = args.poster_key.source()?.load()?;
    let base = Foundation::lay(&args.node).await?;
    let (found, expected) = (signer.address(), base.chain.rollup.sequencer);
    if found != expected {
        return Err(NodeError::WrongPosterKey { found, expected });
    }
    let store = base.chain.store.clone();
    let mut limits = PoolLimits::default();
    // The pool refuses a transaction that no block of this sequencer can hold.
    limits.tx_bytes_max = limits.tx_bytes_max.min(args.da.block_bytes_max());
    let pool = Arc::new(Pool::new(limits, base.chain.rollup.chain.clone(), store.clone())?);
    base.status.update(|status| status.sequencing = true);

    let admitted = base.chain.rollup.chain.max_blocks_per_sec;
    let block_time_ms = args.block_time_ms.max(1_000_u64.div_ceil(admitted.max(1)));
    if block_time_ms > args.block_time_ms {
        let asked_ms = args.block_time_ms;
        let why = "longer block time: the chain admits no more";
        tracing::warn!(asked_ms, block_time_ms, admitted, why);
    }
    let block_time = Duration::from_millis(block_time_ms);
    let builder = BlockBuilder::new(
        base.chain.clone(),
        pool.clone(),
        BuilderConfig {
            block_time,
            idle_block_time: Duration::from_millis(args.idle_block_ms),
            deposit_confirmations: args.deposit_confirmations,
            unsafe_blocks_max: args.node.history_blocks / 2,
            block_bytes_max: args.da.block_bytes_max(),
        },
    )?;
    let building = Building { builder, pool: pool.clone(), block_time };
    let (writer, mailbox) = mpsc::sync_channel(MESSAGES_MAX);
    let deriver = base.deriver(UnsafeBlocks::Keep, true);
    let node_writer = NodeWriter::new(deriver, Some(building), mailbox);
    let follower = base.follower(WriterMailbox::new(writer.clone())).await?;

    let mut tasks = Tasks::default();
    let poster_sender = base.sender(signer).await?;
    let inbox = Inbox::new(&base.client, base.chain.rollup.inbox);
    let poster = BatchPoster::new(
        base.chain.clone(),
        base.client.clone(),
        inbox,
        poster_sender,
        PosterConfig {
            da: args.da,
            max_age: Duration::from_millis(args.batch_age_ms),
            max_idle_age: Duration::from_millis(args.batch_idle_age_ms),
            full_bytes: 512 << 10,
        },
    );
    if let Some(proposer) = proposer(&args, &base, follower.assertions()).await? {
        tasks.spawn("proposer", proposer.run());
    }
    tasks.spawn("batch_poster", poster.run());
    let sink = TxSink::Pool(pool);
    let parts = Parts { writer: node_writer, mailbox: writer, follower, sink };
    run(base, args.node, parts, tasks).await
}

/// Runs a follower until it is stopped.
///
/// # Errors
/// Arguments that cannot be used, or the first task that failed.
pub async fn follow(args: FollowArgs) -> Result<(), NodeError> {
    let base = Foundation::lay(&args.node).await?;
    let (writer, mailbox) = mpsc::sync_channel(MESSAGES_MAX);
    let unsafe_blocks = match args.sequencer_rpc {
        Some(_) => UnsafeBlocks::Keep,
        None => UnsafeBlocks::Drop,
    };
    let node_writer = NodeWriter::new(base.deriver(unsafe_blocks, false), None, mailbox);
    let follower = base.follower(WriterMailbox::new(writer.clone())).await?;
    let mut tasks = Tasks::default();
    let sink = match args.sequencer_rpc {
        Some(url) => {
            let ahead_max = args.node.history_blocks / 2;
            let mailbox = WriterMailbox::new(writer.clone());
            let (chain, status) = (base.chain.clone(), base.status.clone());
            let sync = UnsafeSync::new(chain, &url, mailbox, status, ahead_max)?;
            tasks.spawn("unsafe_sync", sync.run());
            TxSink::Forward { url }
        }
        None => TxSink::ReadOnly,
    };
    let parts = Parts { writer: node_writer, mailbox: writer, follower, sink };
    run(base, args.node, parts, tasks).await
}

/// The parts in which sequencer and follower differ, ready to start.
struct Parts {
    writer: NodeWriter,
    mailbox: mpsc::SyncSender<WriterMessage>,
    follower: Follower<WriterMailbox>,
    sink: TxSink,
}

/// Starts the parts that sequencer and follower share, and waits until the node ends.
async fn run(
    base: Foundation,
    args: NodeArgs,
    parts: Parts,
    mut tasks: Tasks,
) -> Result<(), NodeError> {
    let Parts { writer, mailbox, follower, sink } = parts;
    let store = base.chain.store.clone();
    let (ended, writer_end) = tokio::sync::oneshot::channel();
    let thread = std::thread::Builder::new().name("writer".into()).spawn(move || {
        // The receiver is gone only when the node is stopping anyway.
        let _stopping = ended.send(writer.run());
    });
    let thread = thread.map_err(|source| NodeError::System { what: "writer", source })?;
    tasks.spawn("writer", async move {
        writer_end.await.unwrap_or(Err(NodeError::TaskPanicked { name: "writer" }))
    });
    let context = RpcContext {
        chain: Arc::new(base.chain.clone()),
        sink,
        status: base.status.clone(),
        limits: RpcLimits::default(),
    };
    let (address, server) = rpc::serve(context, args.listen).await?;
    tracing::info!(%address, head = store.head().number, "JSON-RPC is listening");
    let poll_interval = Duration::from_millis(args.l1_poll_ms);
    let mailbox = WriterMailbox::new(mailbox);
    let watcher = L1Watcher::new(base.client, follower, mailbox, base.status, poll_interval);
    tasks.spawn("l1_watcher", watcher.run());
    let result = tasks.run().await;
    // Nobody holds the mailbox any more: the writer finishes its block and ends.
    server.stop().await;
    let _joined = tokio::task::spawn_blocking(move || thread.join()).await;
    store.flush()?;
    tracing::info!(head = store.head().number, "stopped");
    result
}

async fn proposer(
    args: &SequenceArgs,
    base: &Foundation,
    assertions: &SharedAssertions,
) -> Result<Option<Proposer>, NodeError> {
    let Some(source) = args.proposer_key.find()? else {
        tracing::warn!("no proposer key: this node posts batches but makes no claims on L1");
        return Ok(None);
    };
    let sender = base.sender(source.load()?).await?;
    Ok(Some(Proposer::new(
        base.chain.safe_chain(),
        base.client.clone(),
        sender,
        assertions.clone(),
    )))
}
