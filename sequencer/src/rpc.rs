//! JSON-RPC over HTTP and WebSocket, on one port: what wallets, libraries and explorers ask for.
//!
//! In: the chain, a way for transactions, the status seen from L1, and bounds. Out: a running
//! server. It reads the store and simulates calls, but never writes a block.
//! Architecture invariant: nothing here blocks the async runtime; reads of the store and the EVM
//! run on blocking threads, a bounded number at a time.
//!
//! | module | job |
//! |---|---|
//! | `server` | [`serve`]: the listening server and its bounds |
//! | `connection`, `websocket` | connections: how many, and how patient |
//! | `answers_in_flight`, `outbox` | memory of answers that nobody has taken yet |
//! | `message`, `dispatcher` | calls and batches: ids, order, who answers |
//! | `node` | what all methods share, and where blocking work runs |
//! | `args`, `error`, `revert` | parameters in, errors out |
//! | `chain_reader` | blocks by tag, number or hash; states |
//! | `answers` | blocks, transactions and receipts in their JSON shapes |
//! | `block_methods`, `raw_methods`, `state_methods`, `fee_methods`, `log_methods` | reads |
//! | `withdrawal_methods` | withdrawals, how far they are, and what proves them |
//! | `node_methods`, `pool_methods` | the node itself, and what is in the pool |
//! | `simulate`, `state_override`, `access_list`, `gas_estimate`, `call_methods` | calls |
//! | `submit`, `tx_collector`, `sequencer_client` | transactions in |
//! | `filter_methods`, `session`, `subscriptions`, `pending_feed`, `pending_listeners` | news by polling and by push |
//! | `filters`, `fee_cache` | what polling clients asked for; tips of recent blocks |

mod access_list;
mod answers;
mod answers_in_flight;
mod args;
mod block_methods;
mod call_methods;
mod chain_reader;
mod connection;
mod dispatcher;
mod error;
mod fee_cache;
mod fee_methods;
mod filter_methods;
mod filters;
mod gas_estimate;
mod log_methods;
mod message;
mod node;
mod node_methods;
mod outbox;
mod pending_feed;
mod pending_listeners;
mod pool_methods;
mod raw_methods;
mod revert;
mod sequencer_client;
mod server;
mod session;
mod simulate;
mod state_methods;
mod state_override;
mod submit;
mod subscriptions;
mod tx_collector;
mod websocket;
mod withdrawal_methods;

use std::sync::Arc;

pub use error::RpcError;
pub use server::{ServerHandle, method_names, serve};

use crate::{chain::Chain, pool::Pool, status::StatusHandle};

/// Where transactions of `eth_sendRawTransaction` go.
#[derive(Clone, Debug)]
pub enum TxSink {
    /// Into the sequencer's own pool.
    Pool(Arc<Pool>),
    /// To the sequencer, by JSON-RPC.
    Forward {
        /// URL of the sequencer's JSON-RPC over HTTP.
        url: String,
    },
    /// Nowhere: they are refused.
    ReadOnly,
}

/// What the server works on.
#[derive(Clone, Debug)]
pub struct RpcContext {
    /// Blocks, state, configuration and news of heads.
    pub chain: Arc<Chain>,
    /// Where transactions go.
    pub sink: TxSink,
    /// What is known from L1.
    pub status: StatusHandle,
    /// Bounds.
    pub limits: RpcLimits,
}

/// Bounds on what clients may ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RpcLimits {
    /// Bytes of one request or batch.
    pub request_bytes_max: u32,
    /// Bytes of one answer.
    pub response_bytes_max: u32,
    /// Requests in one batch.
    pub batch_len_max: u32,
    /// Bytes of all answers of a batch, and of one answer over WebSocket.
    pub batch_response_bytes_max: u32,
    /// Batches at work at a time.
    pub batches_max: usize,
    /// Connections at a time, HTTP and WebSocket together; fewer if few files may be open.
    pub connections_max: u32,
    /// WebSocket connections at a time.
    pub websockets_max: u32,
    /// Milliseconds from a request, or a message over WebSocket, to its answer.
    pub answer_time_ms_max: u64,
    /// Bytes of one message over WebSocket.
    pub websocket_message_bytes_max: u32,
    /// Subscriptions of one WebSocket connection.
    pub subscriptions_per_connection_max: u32,
    /// Reads of the store that run at a time.
    pub concurrent_reads_max: usize,
    /// Calls and estimates that run at a time.
    pub concurrent_calls_max: usize,
    /// Reads, and calls, that may wait for their turn.
    pub waiting_max: usize,
    /// Gas of one `eth_call`.
    pub call_gas_max: u64,
    /// Milliseconds after which an estimate starts no further run, and a log query ends.
    pub request_time_ms_max: u64,
    /// Blocks of one log query.
    pub log_blocks_max: u64,
    /// Logs of one answer.
    pub logs_max: usize,
    /// Filters installed at a time, over all clients.
    pub filters_max: usize,
    /// Seconds after which a filter that nobody polls is removed.
    pub filter_expiry_secs: u64,
    /// Blocks of one `eth_feeHistory`.
    pub fee_history_blocks_max: u64,
    /// Storage slots of one `eth_getProof`.
    pub proof_slots_max: usize,
    /// Transactions that wait for the pool.
    pub waiting_transactions_max: usize,
    /// Milliseconds that `eth_sendRawTransactionSync` waits at most.
    pub sync_wait_ms_max: u64,
}

impl Default for RpcLimits {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        Self {
            request_bytes_max: 5 << 20,
            response_bytes_max: 64 << 20,
            batch_len_max: 5_000,
            batch_response_bytes_max: 16 << 20,
            batches_max: 16,
            connections_max: 2_000,
            websockets_max: 1_000,
            answer_time_ms_max: 45_000,
            websocket_message_bytes_max: 512 << 10,
            subscriptions_per_connection_max: 128,
            concurrent_reads_max: 2 * cores + 2,
            concurrent_calls_max: cores + 1,
            waiting_max: 20_000,
            call_gas_max: 50_000_000,
            request_time_ms_max: 10_000,
            log_blocks_max: 10_000,
            logs_max: 20_000,
            filters_max: 4_096,
            filter_expiry_secs: 300,
            fee_history_blocks_max: 1_024,
            proof_slots_max: 1_024,
            waiting_transactions_max: 65_536,
            sync_wait_ms_max: 30_000,
        }
    }
}
