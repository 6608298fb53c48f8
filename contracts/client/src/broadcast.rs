//! What L1 nodes say to a broadcast, in the words of each client.
//!
//! In: the failure of `eth_sendRawTransaction`. Out: a [`BroadcastOutcome`], or an error. This is
//! the only place that reads the words of a message, because JSON-RPC has no codes for these
//! answers. It decides nothing.

use alloy::{
    rpc::json_rpc::RpcError,
    transports::{TransportError, TransportErrorKind},
};
use reqwest::StatusCode;

use crate::{L1Error, error::error_payload};

/// How a node answered a broadcast.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BroadcastOutcome {
    /// The transaction is in the pool.
    Accepted,
    /// The pool wants higher fees, or holds another transaction with this nonce that offers more.
    Underpriced,
    /// The nonce is used up: by this transaction or by another.
    NonceTooLow,
    /// No answer came back: the transaction may be in the pool.
    Unanswered,
}

/// The transaction is in the pool, or was mined just now. In lower case, as all words here.
///
/// | words | client | where |
/// |---|---|---|
/// | already known | geth, Erigon, reth | `core/txpool/errors.go`, `txpoolcfg.go`, `RpcPoolError` |
/// | known transaction | Besu, older geth | `RpcErrorType.ETH_SEND_TX_ALREADY_KNOWN` |
/// | alreadyknown | Nethermind | `AcceptTxResult.AlreadyKnown` |
/// | existing tx with same hash, existing txn .. | Erigon | `txpoolcfg.go`, `DuplicateHash` |
/// | already imported | anvil, OpenEthereum | `PoolError::AlreadyImported` |
const ACCEPTED: [&str; 6] = [
    "already known",
    "known transaction",
    "alreadyknown",
    "existing tx with same hash",
    "existing txn with same hash",
    "already imported",
];

/// The nonce is used up.
///
/// | words | client | where |
/// |---|---|---|
/// | nonce too low | geth, Erigon, reth, Besu, anvil | `core/error.go`, `RpcErrorType.NONCE_TOO_LOW` |
/// | oldnonce | Nethermind | `AcceptTxResult.OldNonce` |
/// | nonce is too low | OpenEthereum | |
const NONCE_TOO_LOW: [&str; 3] = ["nonce too low", "oldnonce", "nonce is too low"];

/// Higher fees help.
///
/// | words | client | where |
/// |---|---|---|
/// | transaction underpriced, replacement transaction underpriced | geth, Erigon, reth, Besu, anvil | `core/txpool/errors.go`, `RpcErrorType` |
/// | future transaction tries to replace pending | geth, when its pool is full | `core/txpool/errors.go` |
/// | replacementnotallowed, feetoolow, feetoolowtocompete | Nethermind | `AcceptTxResult` |
/// | ownnoncealreadyused | Nethermind, older | `AcceptTxResult` |
/// | fee too low, could not replace existing tx | Erigon | `txpoolcfg.go` |
/// | gas price below .. | Besu | `RpcErrorType.GAS_PRICE_TOO_LOW`, .. |
/// | max fee per gas less than block base fee, .. lower than .. | geth, reth, anvil | `core/error.go` |
/// | max fee per blob gas less than .. | geth | `core/error.go` |
const UNDERPRICED: [&str; 11] = [
    "underpriced",
    "tries to replace pending",
    "replacementnotallowed",
    "feetoolow",
    "ownnoncealreadyused",
    "fee too low",
    "could not replace existing tx",
    "gas price below",
    "max fee per gas less than block base fee",
    "max fee per gas lower than block base fee",
    "max fee per blob gas less than block blob gas fee",
];

/// What the failure of a broadcast with this nonce means.
///
/// # Errors
/// [`L1Error::Refused`] when the node refuses it for another reason, [`L1Error::Transport`] when
/// the request cannot have reached a pool.
pub(crate) fn outcome_of(nonce: u64, error: TransportError) -> Result<BroadcastOutcome, L1Error> {
    if let Some(payload) = error_payload(&error) {
        return outcome_of_words(&payload.message)
            .ok_or_else(|| L1Error::Refused { nonce, reason: payload.message.to_string() });
    }
    match &error {
        RpcError::Transport(kind) if !is_refused_by_http(kind) => Ok(BroadcastOutcome::Unanswered),
        RpcError::DeserError { .. } | RpcError::NullResp => Ok(BroadcastOutcome::Unanswered),
        _ => Err(L1Error::Transport { what: "eth_sendRawTransaction", source: error }),
    }
}

fn outcome_of_words(message: &str) -> Option<BroadcastOutcome> {
    let message = message.to_lowercase();
    // At the start of a word: an "unknown transaction type" is no known transaction.
    let says = |words: &[&str]| {
        let mut found = words.iter().flat_map(|words| message.match_indices(words));
        found.any(|(place, _)| !message[..place].ends_with(char::is_alphabetic))
    };
    if says(&ACCEPTED) {
        Some(BroadcastOutcome::Accepted)
    } else if says(&NONCE_TOO_LOW) {
        Some(BroadcastOutcome::NonceTooLow)
    } else if says(&UNDERPRICED) {
        Some(BroadcastOutcome::Underpriced)
    } else {
        None
    }
}

/// Whether a server before the node refused the request and did not pass it on.
fn is_refused_by_http(kind: &TransportErrorKind) -> bool {
    let status = kind.as_http_error().and_then(|it| StatusCode::from_u16(it.status).ok());
    status.is_some_and(|it| it.is_client_error() && it != StatusCode::REQUEST_TIMEOUT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_every_client_are_understood() {
        use BroadcastOutcome::{Accepted, NonceTooLow, Underpriced};
        for (words, expected) in [
            // geth
            ("already known", Accepted),
            ("nonce too low: next nonce 5, tx nonce 4", NonceTooLow),
            ("replacement transaction underpriced", Underpriced),
            ("transaction underpriced: gas tip cap 1, minimum needed 2", Underpriced),
            ("future transaction tries to replace pending", Underpriced),
            ("max fee per gas less than block base fee: address 0x1", Underpriced),
            ("max fee per blob gas less than block blob gas fee: 0x1", Underpriced),
            // Nethermind
            ("AlreadyKnown", Accepted),
            ("OldNonce, Current nonce: 5, nonce of rejected tx: 4", NonceTooLow),
            ("ReplacementNotAllowed", Underpriced),
            ("FeeTooLow, MaxFeePerGas too low. MaxFeePerGas: 1, BaseFee: 2", Underpriced),
            ("FeeTooLowToCompete", Underpriced),
            // Besu
            ("Known transaction", Accepted),
            ("Nonce too low", NonceTooLow),
            ("Replacement transaction underpriced", Underpriced),
            ("Gas price below current base fee", Underpriced),
            ("blob gas price below current blob base fee", Underpriced),
            // Erigon, with the prefix of its RPC daemon
            ("ALREADY_EXISTS: already known", Accepted),
            ("INTERNAL_ERROR: existing tx with same hash", Accepted),
            ("INTERNAL_ERROR: nonce too low", NonceTooLow),
            ("INTERNAL_ERROR: could not replace existing tx", Underpriced),
            ("FEE_TOO_LOW: fee too low", Underpriced),
            // anvil
            ("transaction already imported", Accepted),
            ("Transaction's max fee per gas lower than block base fee", Underpriced),
        ] {
            assert_eq!(outcome_of_words(words), Some(expected), "{words}");
        }
        let others = ["insufficient funds for gas * price + value", "unknown transaction type"];
        for words in others.into_iter().chain(["NonceGap", "txpool is full"]) {
            assert_eq!(outcome_of_words(words), None, "{words}");
        }
    }

    #[test]
    fn a_lost_answer_is_no_refusal() {
        let outcome = |error| outcome_of(7, error).ok();
        let unanswered = Some(BroadcastOutcome::Unanswered);
        assert_eq!(outcome(TransportErrorKind::custom_str("connection closed")), unanswered);
        assert_eq!(outcome(TransportErrorKind::http_error(502, String::new())), unanswered);
        assert_eq!(outcome(RpcError::NullResp), unanswered);
        assert_eq!(outcome(TransportErrorKind::http_error(413, String::new())), None);
    }
}
