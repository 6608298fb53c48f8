//! Why a request is not answered: JSON-RPC codes and geth's words, which wallets match on.
//!
//! In: errors of the store, the pool, the EVM and the parameters. Out: error objects.
//!
//! | code | when |
//! |---|---|
//! | 3 | execution reverted; `data` is what it returned |
//! | 4 | [EIP-7966](https://eips.ethereum.org/EIPS/eip-7966): not included in time; `data` is the hash |
//! | -32000 | the transaction or the call is at fault |
//! | -32001 | no such block |
//! | -32005 | a bound of this node is exceeded |
//! | -32602 | bad parameters |
//! | -32603 | this node is at fault |

use alloy_primitives::{B256, Bytes, U64};
use gainsay_store::StoreError;
use gainsay_transition::DecodeTxError;
use jsonrpsee::types::{ErrorObject, ErrorObjectOwned};

use super::revert::revert_message;
use crate::pool::{PoolError, WaitsFor};

/// Why a request is not answered.
#[derive(Debug, thiserror::Error)]
pub enum RpcError {
    // --- The request is at fault ------------------------------------------------------------
    /// A parameter that cannot be understood.
    #[error("{0}")]
    InvalidParams(String),
    /// The block named does not exist (here, yet, or any more).
    #[error("block not found: {0}")]
    BlockNotFound(String),
    /// A bound that this node sets on requests.
    #[error("{what} limit exceeded: found {found}, allowed {allowed}")]
    LimitExceeded {
        /// What is bounded.
        what: &'static str,
        /// How much there is.
        found: u64,
        /// How much may be.
        allowed: u64,
    },
    /// A log query that is too large; the range given can be asked for.
    #[error("{limit}. Try with this block range [{from:#x}, {to:#x}].")]
    LogLimit {
        /// Which bound it exceeds.
        limit: LogLimit,
        /// First block of a range that works.
        from: u64,
        /// Its last block.
        to: u64,
    },
    /// The call reverted.
    #[error("{}", revert_message(.0))]
    Reverted(Bytes),
    /// The call or the transaction cannot be executed.
    #[error("{0}")]
    Call(String),
    /// The pool does not take the transaction.
    #[error("{}", pool_message(.0))]
    Pool(PoolError),
    /// The transaction was taken, but no block held it in time.
    #[error(
        "the transaction {hash} was added to the pool but was not included within {waited_ms} ms{}",
        .waits_for.map_or_else(String::new, |it| format!(": it is {it}"))
    )]
    NotIncludedYet {
        /// The transaction.
        hash: B256,
        /// How long the node waited.
        waited_ms: u64,
        /// What the transaction waits for.
        waits_for: Option<WaitsFor>,
    },
    /// Another node forwarded the request to this one, which is no sequencer either.
    #[error(
        "the request was forwarded to this node, which is no sequencer: --sequencer-rpc of the node \
         that was asked must name the sequencer itself"
    )]
    ForwardedAlready,
    /// No transactions are taken here.
    #[error("this node is read-only: it has neither a pool nor a sequencer URL to forward to")]
    ReadOnly,

    // --- This node is at fault, or busy -----------------------------------------------------
    /// Too much work is waiting already.
    #[error("server is busy: {allowed} requests are waiting already, try again later")]
    Busy {
        /// Requests that may wait.
        allowed: usize,
    },
    /// A request took longer than this node allows.
    #[error("{what} took more than {allowed_ms} ms")]
    TooSlow {
        /// What took so long.
        what: &'static str,
        /// Its time.
        allowed_ms: u64,
    },
    /// The sequencer answered with an error, which is passed on as it is.
    #[error("{}", .0.message())]
    Upstream(ErrorObjectOwned),
    /// The sequencer did not answer.
    #[error("the sequencer did not answer: {0}")]
    UpstreamUnreachable(String),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Something failed that no request can cause.
    #[error("internal error: {0}")]
    Internal(String),
}

/// The bound that a log query exceeds, in words of large providers: indexers split a range by them.
/// graph-node looks at code -32005; Ponder reads the range after "Try with this block range".
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LogLimit {
    /// Logs of one answer.
    #[error("query returned more than {0} results")]
    Results(usize),
    /// Blocks of one query.
    #[error("query exceeds max block range {0}")]
    Blocks(u64),
    /// Milliseconds of one query.
    #[error("query timeout exceeded: it took more than {0} ms")]
    Time(u64),
}

impl From<PoolError> for RpcError {
    fn from(error: PoolError) -> Self {
        match error {
            PoolError::Decode(DecodeTxError::Malformed { .. }) => {
                Self::InvalidParams(format!("invalid argument 0: {error}"))
            }
            other => Self::Pool(other),
        }
    }
}

/// The pool's words; of those that it leaves to the decoder, geth's come first.
fn pool_message(error: &PoolError) -> String {
    match error {
        PoolError::Decode(DecodeTxError::TypeNotAccepted { .. }) => {
            format!("transaction type not supported: {error}")
        }
        PoolError::Decode(DecodeTxError::BadSignature) => format!("invalid sender: {error}"),
        other => other.to_string(),
    }
}

impl RpcError {
    /// A parameter that does not mean anything here.
    pub(super) fn params(message: impl Into<String>) -> Self {
        Self::InvalidParams(message.into())
    }

    /// The JSON-RPC code.
    #[must_use]
    pub fn code(&self) -> i32 {
        match self {
            Self::Reverted(_) => 3,
            Self::NotIncludedYet { .. } => 4,
            Self::InvalidParams(_) => -32602,
            Self::BlockNotFound(_) | Self::Store(StoreError::BlockUnknown { .. }) => -32001,
            Self::LimitExceeded { .. } | Self::LogLimit { .. } | Self::Busy { .. } => -32005,
            Self::Pool(error) if error.is_internal() => -32603,
            Self::Call(_)
            | Self::Pool(_)
            | Self::ReadOnly
            | Self::ForwardedAlready
            | Self::TooSlow { .. }
            | Self::UpstreamUnreachable(_)
            | Self::Store(StoreError::HistoryPruned { .. } | StoreError::ViewRewound { .. }) => {
                -32000
            }
            Self::Store(_) | Self::Internal(_) => -32603,
            Self::Upstream(error) => error.code(),
        }
    }
}

impl From<RpcError> for ErrorObjectOwned {
    fn from(error: RpcError) -> Self {
        let (code, mut message) = (error.code(), error.to_string());
        if code == -32603 && !matches!(error, RpcError::Upstream(_)) {
            tracing::error!(%message, "a request failed by this node's fault");
            // Paths and inner states are for who runs the node.
            message = "internal error: the log of this node says more".into();
        }
        match error {
            RpcError::Upstream(object) => object,
            RpcError::Reverted(data) => ErrorObject::owned(code, message, Some(data)),
            RpcError::LogLimit { from, to, .. } => {
                let works = serde_json::json!({ "from": U64::from(from), "to": U64::from(to) });
                ErrorObject::owned(code, message, Some(works))
            }
            RpcError::NotIncludedYet { hash, .. } => ErrorObject::owned(code, message, Some(hash)),
            _ => ErrorObject::owned(code, message, None::<()>),
        }
    }
}
