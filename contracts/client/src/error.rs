//! The one error type of the L1 client, sorted by what the caller does about it.
//!
//! In: failures of the transport, of the chain's contents, of a contract, of our own settings.
//! Out: [`L1Error`] and, by [`L1Error::action`], what to do. It never decides for the caller.

use std::path::PathBuf;

use alloy::{
    rpc::json_rpc::{ErrorPayload, RpcError},
    transports::{TransportError, TransportErrorKind},
};
use alloy_primitives::{Address, B256, U256};

use crate::revert::ContractRevert;

/// What the caller of a failed L1 operation does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Nothing is wrong with the request: wait and ask again.
    Retry,
    /// The position on L1 is lost: restart the reader from an older position or the start block.
    Reset,
    /// The request was refused for what it asks: look at L1 again and decide again.
    Reconsider,
    /// L1 data or our settings contradict the protocol: stop, and the operator decides.
    Fatal,
}

/// Everything that can go wrong between this node and L1.
#[derive(Debug, thiserror::Error)]
pub enum L1Error {
    // Retry.
    /// The L1 node could not be reached, or answered with an error that may pass.
    #[error("L1 {what}: {source}")]
    Transport {
        /// The request that failed.
        what: &'static str,
        /// What the transport said.
        source: TransportError,
    },
    /// The L1 node lacks a block, transaction or receipt that it must have by now: it lags, or L1
    /// was reorganised.
    #[error("L1 node does not have {what}")]
    Missing {
        /// The block, transaction or receipt asked for.
        what: String,
    },
    /// The L1 node's answer is not of the kind that L1 gives: no bytes where a contract is, a
    /// transaction with other data. The node, or a provider before it, errs.
    #[error("L1 node gave a wrong answer to {what}: {reason}")]
    BadAnswer {
        /// The view and its contract, or the thing asked for.
        what: String,
        /// What is wrong with the answer.
        reason: String,
    },
    /// The L1 node's answer is not what a block hash or another request commits to. The node errs
    /// or lies; L1 itself says something else.
    #[error("L1 node served a false {what}: expected {expected}, found {found}")]
    FalseAnswer {
        /// What was asked for.
        what: String,
        /// What the answer had to be.
        expected: String,
        /// What the answer was.
        found: String,
    },
    /// Two L1 nodes have different blocks at one number: one of them lies, or L1 reorgs just now.
    #[error("L1 nodes disagree on block {number}: followed {followed}, {host} has {other}")]
    NodesDisagree {
        /// The L1 block number.
        number: u64,
        /// Hash of the block that was followed.
        followed: B256,
        /// The node that has another one.
        host: String,
        /// The hash that this node has.
        other: B256,
    },
    /// L1 changed between two requests of one read; the read was thrown away.
    #[error("L1 changed while reading block {number}: expected {expected}, found {found}")]
    ChangedWhileReading {
        /// The L1 block number.
        number: u64,
        /// The hash that the read began with.
        expected: B256,
        /// The hash that was found afterwards.
        found: B256,
    },
    /// The beacon endpoint failed or lacks a blob that L1 committed to.
    #[error("blobs of L1 block {l1_block} from {endpoint}: {reason}")]
    BlobsUnavailable {
        /// The L1 execution block that carried the blobs.
        l1_block: u64,
        /// Where they were asked for.
        endpoint: String,
        /// What the endpoint answered.
        reason: String,
    },
    /// The L1 node serves data of a batch that does not hash to what the Inbox committed to.
    #[error("data of batch {index}: expected hash {expected}, found {found}")]
    DataMismatch {
        /// The batch.
        index: u64,
        /// The committed hash.
        expected: B256,
        /// The hash of what was served.
        found: B256,
    },
    /// A sent transaction was not included within the sender's time limit. It may still be.
    #[error("transaction {hash} (nonce {nonce}) not included after {waited_secs} s")]
    NotIncluded {
        /// The last broadcast.
        hash: B256,
        /// Its nonce.
        nonce: u64,
        /// How long the sender waited.
        waited_secs: u64,
    },
    /// Transactions with lower nonces are gone, as after an L1 reorg: make the call again.
    #[error(
        "nonce {nonce} cannot be included: L1 expects {next}, the transactions between are gone"
    )]
    NonceGap {
        /// Nonce of the transaction that was given up.
        nonce: u64,
        /// Nonce that L1 expects.
        next: u64,
    },
    /// The L1 node refused the transaction for a reason that is not a revert.
    #[error("L1 node refused transaction with nonce {nonce}: {reason}")]
    Refused {
        /// The nonce of the refused transaction.
        nonce: u64,
        /// The node's message.
        reason: String,
    },
    // Reset.
    /// The common ancestor lies below everything the reader remembers.
    #[error("L1 reorg deeper than the reader's window: oldest remembered block {oldest} is gone")]
    ReorgTooDeep {
        /// Number of the oldest block in the window.
        oldest: u64,
    },
    /// Events are missing between the position and one that was read. As the logs of a block are
    /// complete, the position is a false one.
    #[error(
        "{what} {found} in L1 block {l1_block}, expected index {expected}: the position on record \
         lacks events, start with a new data folder"
    )]
    IndexGap {
        /// `deposit` or `batch`.
        what: &'static str,
        /// The next index in order.
        expected: u64,
        /// The index of the event.
        found: u64,
        /// The L1 block of the event.
        l1_block: u64,
    },

    // Reconsider.
    /// The contract call reverts: in the dry run, or in the block when `hash` is given.
    #[error("call of {what} reverts: {reason}")]
    Reverted {
        /// The contract's address, or the view called.
        what: String,
        /// The mined transaction, `None` when only the dry run reverted.
        hash: Option<B256>,
        /// The decoded reason.
        reason: Box<ContractRevert>,
    },
    /// Another transaction of the same key took the nonce.
    #[error("nonce {nonce} of {from} was used by another transaction than {hash}")]
    Replaced {
        /// The account.
        from: Address,
        /// The nonce.
        nonce: u64,
        /// Our last broadcast with this nonce.
        hash: B256,
    },
    /// The key cannot pay for the transaction.
    #[error("{from} has {balance} wei on L1, the transaction may cost {needed} wei")]
    InsufficientFunds {
        /// The account.
        from: Address,
        /// Its balance in wei.
        balance: U256,
        /// Value plus the highest possible fees in wei.
        needed: U256,
    },
    /// The call needs more gas than one L1 transaction may have (EIP-7825).
    #[error("call needs {needed} gas, one L1 transaction may use {max}")]
    GasAboveCap {
        /// Estimated gas with margin.
        needed: u64,
        /// The protocol's limit.
        max: u64,
    },

    // Fatal.
    /// An accumulator of an event is not the one computed from the event's own contents.
    #[error(
        "{what} accumulator {index} in L1 block {l1_block}: computed {computed}, event {found}"
    )]
    AccumulatorMismatch {
        /// `deposit` or `batch`.
        what: &'static str,
        /// The index of the deposit or batch.
        index: u64,
        /// The L1 block of the event.
        l1_block: u64,
        /// The value computed here.
        computed: B256,
        /// The value that the contract emitted.
        found: B256,
    },
    /// An event of our contracts does not say what the protocol says it must.
    #[error("event in L1 block {l1_block}, transaction {transaction}: {reason}")]
    BadEvent {
        /// The L1 block of the event.
        l1_block: u64,
        /// The transaction that emitted it.
        transaction: B256,
        /// What is wrong with it.
        reason: String,
    },
    /// Live L1 differs from `rollup.json`.
    #[error("this L1 is not that of rollup.json: {what} is {found}, expected {expected}")]
    ConfigMismatch {
        /// The field.
        what: &'static str,
        /// What `rollup.json` says.
        expected: String,
        /// What L1 says.
        found: String,
    },
    /// A settings, key or artifact file cannot be read or written.
    #[error("{path}: {reason}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why the file cannot be used.
        reason: String,
    },
    /// A signing key was given in none of the ways.
    #[error(
        "no {role} key: give --{role}-keystore FILE (its password in --{role}-password-file FILE \
         or the variable GAINSAY_{}_PASSWORD), or set {variables} to 32 bytes of hex",
        role.to_uppercase()
    )]
    KeyNotGiven {
        /// Whose key, as in the names of its options.
        role: &'static str,
        /// Environment variables that could have held it.
        variables: String,
    },
    /// A keystore was given without a password.
    #[error(
        "no password for keystore {keystore}: give --{role}-password-file FILE or set {variable}",
        keystore = keystore.display()
    )]
    PasswordNotGiven {
        /// The keystore.
        keystore: PathBuf,
        /// Whose key, as in the names of its options.
        role: &'static str,
        /// Environment variable that could have held the password.
        variable: &'static str,
    },
    /// A signing key cannot be read or is malformed. Never quotes the key.
    #[error("key from {place}: {reason}")]
    Key {
        /// Name of the environment variable, or path of the keystore or of its password file.
        place: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A request that can never succeed: a bad URL, too many blobs, data above the limit.
    #[error("{what}: {reason}")]
    Invalid {
        /// The setting or argument.
        what: &'static str,
        /// Why it cannot be used.
        reason: String,
    },
}

impl L1Error {
    /// What the caller does next.
    #[must_use]
    pub const fn action(&self) -> Action {
        match self {
            Self::Transport { .. }
            | Self::Missing { .. }
            | Self::FalseAnswer { .. }
            | Self::NodesDisagree { .. }
            | Self::ChangedWhileReading { .. }
            | Self::BlobsUnavailable { .. }
            | Self::BadAnswer { .. }
            | Self::DataMismatch { .. }
            | Self::NotIncluded { .. }
            | Self::NonceGap { .. }
            | Self::Refused { .. } => Action::Retry,
            Self::ReorgTooDeep { .. } | Self::IndexGap { .. } => Action::Reset,
            Self::Reverted { .. }
            | Self::Replaced { .. }
            | Self::InsufficientFunds { .. }
            | Self::GasAboveCap { .. } => Action::Reconsider,
            Self::AccumulatorMismatch { .. }
            | Self::BadEvent { .. }
            | Self::ConfigMismatch { .. }
            | Self::File { .. }
            | Self::KeyNotGiven { .. }
            | Self::PasswordNotGiven { .. }
            | Self::Key { .. }
            | Self::Invalid { .. } => Action::Fatal,
        }
    }

    /// The decoded revert reason, when the call was refused by a contract.
    #[must_use]
    pub const fn revert(&self) -> Option<&ContractRevert> {
        match self {
            Self::Reverted { reason, .. } => Some(reason),
            _ => None,
        }
    }

    /// Wraps a transport failure with the name of the request.
    pub(crate) const fn transport(what: &'static str) -> impl FnOnce(TransportError) -> Self {
        move |source| Self::Transport { what, source }
    }

    /// A failed dry run: the contract's reason, or else the failure of the request.
    pub(crate) fn revert_or(request: &'static str, what: &str, source: TransportError) -> Self {
        match error_payload(&source).and_then(ContractRevert::from_payload) {
            Some(reason) => {
                Self::Reverted { what: what.to_owned(), hash: None, reason: Box::new(reason) }
            }
            None => Self::Transport { what: request, source },
        }
    }

    /// Wraps a failed view of a contract with both names.
    pub(crate) fn view(
        what: &'static str,
        contract: Address,
    ) -> impl FnOnce(alloy::contract::Error) -> Self {
        move |error| match error {
            alloy::contract::Error::TransportError(source) => Self::revert_or(what, what, source),
            // An answer with no bytes or with wrong bytes. A missing contract was found at the
            // start.
            other => Self::BadAnswer {
                what: format!("{what} of contract {contract}"),
                reason: other.to_string(),
            },
        }
    }

    /// Whether the L1 node did not answer at all, as opposed to badly.
    #[must_use]
    pub fn is_out_of_reach(&self) -> bool {
        let Self::Transport { source, .. } = self else { return false };
        matches!(source, RpcError::Transport(kind) if !kind.is_http_error())
    }
}

/// The node's own error answer, when the failure is one.
pub(crate) fn error_payload(error: &TransportError) -> Option<&ErrorPayload> {
    match error {
        RpcError::<TransportErrorKind>::ErrorResp(payload) => Some(payload),
        _ => None,
    }
}

/// Whether the node says that it has no such method.
pub(crate) fn is_missing_method(error: &TransportError) -> bool {
    // <https://www.jsonrpc.org/specification#error_object>, and what nodes say under other codes.
    const METHOD_NOT_FOUND: i64 = -32_601;
    const WORDS: [&str; 5] =
        ["not found", "not supported", "unsupported", "not available", "does not exist"];
    error_payload(error).is_some_and(|payload| {
        let message = payload.message.to_lowercase();
        let is_about_method = message.contains("method") || message.contains("eth_");
        payload.code == METHOD_NOT_FOUND
            || is_about_method && WORDS.iter().any(|words| message.contains(words))
    })
}

/// Whether the node, or a server before it, answered that it will not do this.
pub(crate) fn is_refused(error: &TransportError) -> bool {
    let RpcError::Transport(kind) = error else { return error_payload(error).is_some() };
    // 429: too many requests, of any kind.
    kind.as_http_error().is_some_and(|it| (400..500).contains(&it.status) && it.status != 429)
}
