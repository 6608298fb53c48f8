//! The node itself: network, version, sync state, and how far L1 has taken up the chain.
//!
//! In: nothing but the configuration and the status. Out: `net_*`, `web3_*`, `rollup_*`, `txpool_*`.

use alloy_primitives::{Address, B256, Bytes, U64, keccak256};
use serde_json::{Value, json};

use super::{
    error::RpcError,
    node::{Methods, RpcNode, Sink},
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
    methods.quick("eth_syncing", |_, _| Ok(false));
    methods.quick("eth_mining", |_, _| Ok(false));
    methods.quick("eth_hashrate", |_, _| Ok(U64::ZERO));
    methods.quick("eth_coinbase", |_, _| Ok(gainsay_transition::SEQUENCER_FEE_VAULT));
    methods.quick("txpool_status", |node, _| match &node.sink {
        Sink::Pool(collector) => {
            let status = collector.pool.status();
            let (pending, queued) = (U64::from(status.executable), U64::from(status.queued));
            Ok(json!({ "pending": pending, "queued": queued }))
        }
        _ => Ok(json!({ "pending": "0x0", "queued": "0x0" })),
    });
    methods.read("rollup_status", |node, _| status(node));
    methods.read("rollup_config", |node, _| config(node));
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
