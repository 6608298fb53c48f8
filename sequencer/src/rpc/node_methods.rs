//! The node itself: network, version, sync state, and how much of the chain L1 has.
//!
//! In: nothing but the configuration and the status. Out: `net_*`, `web3_*`, `rollup_*`.

use alloy_primitives::{Address, B256, Bytes, U64, keccak256};
use serde::Serialize;
use serde_json::{Value, json};

use super::{
    error::RpcError,
    node::{Methods, RpcNode},
};
use crate::status::{BatchCounts, BlockStatus, DepositCounts, NodeStatus};

/// As geth's, so that tools can take it apart: name/version/system/compiler.
fn client_version() -> String {
    format!(
        "gainsay/v{}/{}-{}/rust",
        env!("CARGO_PKG_VERSION"),
        std::env::consts::OS,
        std::env::consts::ARCH
    )
}

pub(super) fn register(methods: &mut Methods) {
    methods.quick("eth_chainId", |node, _| Ok(U64::from(node.chain.rollup.chain.chain_id)));
    methods.quick("net_version", |node, _| Ok(node.chain.rollup.chain.chain_id.to_string()));
    methods.quick("net_listening", |_, _| Ok(true));
    // There is no gossip: blocks come from L1, or from the sequencer.
    methods.quick("net_peerCount", |_, _| Ok(U64::ZERO));
    methods.quick("web3_clientVersion", |_, _| Ok(client_version()));
    methods.quick("web3_sha3", |_, args| Ok(keccak256(args.required::<Bytes>()?)));
    // The node holds no wallet keys.
    methods.quick("eth_accounts", |_, _| Ok(Vec::<Address>::new()));
    methods.quick("eth_syncing", |node, _| Ok(syncing(node)));
    methods.quick("eth_mining", |_, _| Ok(false));
    methods.quick("eth_hashrate", |_, _| Ok(U64::ZERO));
    methods.quick("eth_coinbase", |_, _| Ok(gainsay_transition::SEQUENCER_FEE_VAULT));
    methods.read("rollup_status", |node, _| status(node));
    methods.read("rollup_config", |node, _| config(node));
}

/// L1 blocks that a node in step may not have processed yet.
const L1_LAG_MAX: u64 = 16;
/// Blocks by which a follower in step may be behind its sequencer.
const SEQUENCER_LAG_MAX: u64 = 32;

/// Answer of `eth_syncing` while the node is behind; the numbers of L1 are fields of this chain.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Syncing {
    starting_block: U64,
    current_block: U64,
    /// The sequencer's head. A node that knows L1 alone cannot say how many blocks are to come:
    /// then it is the next one.
    highest_block: U64,
    /// L1 block up to which the chain is derived.
    l1_current_block: U64,
    l1_highest_block: U64,
}

/// How far the node is when it has not reached the heads of L1 and of its sequencer; else `false`.
fn syncing(node: &RpcNode) -> Value {
    let (status, head) = (node.status.get(), node.store().head().number);
    let l1_lag = status.l1_seen.saturating_sub(status.l1_head.number);
    let lag = status.sequencer_head.saturating_sub(head);
    if status.is_caught_up && l1_lag <= L1_LAG_MAX && lag <= SEQUENCER_LAG_MAX {
        return Value::Bool(false);
    }
    json!(Syncing {
        starting_block: U64::from(node.started_at),
        current_block: U64::from(head),
        highest_block: U64::from(status.sequencer_head.max(head.saturating_add(1))),
        l1_current_block: U64::from(status.l1_head.number),
        l1_highest_block: U64::from(status.l1_seen.max(status.l1_head.number)),
    })
}

fn status(node: &RpcNode) -> Result<NodeStatus, RpcError> {
    let (status, heads) = (node.status.get(), node.store().heads());
    let block = |head: gainsay_store::Head| -> Result<BlockStatus, RpcError> {
        let header = node.store().header(head.number)?;
        let timestamp = header.map_or(0, |header| header.header.timestamp);
        Ok(BlockStatus { number: head.number, hash: head.hash, timestamp })
    };
    Ok(NodeStatus {
        sequencing: status.sequencing,
        latest: block(heads.latest)?,
        safe: block(heads.safe)?,
        finalized: block(heads.finalized)?,
        proposed: status.proposed,
        confirmed: status.confirmed,
        halted_by: status.halted_by,
        l1_head: status.l1_head,
        l1_finalized: status.l1_finalized,
        batches: BatchCounts { posted: status.batches_posted, derived: status.batches_derived },
        deposits: DepositCounts { enqueued: status.deposits_enqueued, read: status.deposits_read },
    })
}

/// `rollup.json` without the genesis accounts, which are megabytes of predeploys.
fn config(node: &RpcNode) -> Result<Value, RpcError> {
    let mut config = serde_json::to_value(&*node.chain.rollup)
        .map_err(|error| RpcError::Internal(format!("rollup.json cannot be written: {error}")))?;
    strip_alloc(&mut config);
    if let Value::Object(fields) = &mut config {
        let genesis_hash: Option<B256> = node.store().block_hash(0)?;
        fields.insert("genesisHash".into(), json!(genesis_hash));
    }
    Ok(config)
}

fn strip_alloc(value: &mut Value) {
    if let Value::Object(fields) = value {
        fields.remove("alloc");
        fields.values_mut().for_each(strip_alloc);
    }
}
