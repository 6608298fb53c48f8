//! Why the pool refuses a transaction, in geth's words, which wallets and libraries match on.
//!
//! Sources: go-ethereum `core/txpool/errors.go`, `core/error.go`, `internal/ethapi/errors.go`.

use std::fmt;

use alloy_primitives::{Address, B256, U256};
use gainsay_store::StoreError;
use gainsay_transition::DecodeTxError;

/// Why a transaction was not taken into the pool.
#[derive(Debug, thiserror::Error)]
pub enum PoolError {
    // --- The transaction can never be valid on this chain -----------------------------------
    /// Not a transaction that an L2 block may hold.
    #[error(transparent)]
    Decode(#[from] DecodeTxError),
    /// Deposits come from L1 alone.
    #[error("transaction type not supported: deposits come from the L1 inbox alone")]
    Deposit,
    /// Longer than the pool takes.
    #[error("oversized data: transaction size {found}, limit {max}")]
    Oversized {
        /// Bytes of the transaction.
        found: usize,
        /// Bytes allowed.
        max: usize,
    },
    /// Signed for another chain.
    #[error("invalid chain id for signer: have {found} want {expected}")]
    WrongChainId {
        /// Chain id of the transaction.
        found: u64,
        /// Chain id of this chain.
        expected: u64,
    },
    /// A legacy transaction without chain id.
    #[error("only replay-protected (EIP-155) transactions allowed over RPC")]
    Unprotected,
    /// [EIP-2681](https://eips.ethereum.org/EIPS/eip-2681).
    #[error("nonce has max value: address {sender}, nonce: {nonce}")]
    NonceMax {
        /// The sender.
        sender: Address,
        /// Its nonce.
        nonce: u64,
    },
    /// Above [EIP-7825](https://eips.ethereum.org/EIPS/eip-7825)'s cap.
    #[error("transaction gas limit too high (cap: {max}, tx: {found})")]
    GasAboveCap {
        /// Gas limit of the transaction.
        found: u64,
        /// The cap.
        max: u64,
    },
    /// Does not fit any block.
    #[error("exceeds block gas limit: have {found}, limit {max}")]
    GasAboveBlock {
        /// Gas limit of the transaction.
        found: u64,
        /// Gas limit of a block.
        max: u64,
    },
    /// The gas limit does not pay for the transaction's own bytes.
    #[error("intrinsic gas too low: have {found}, want {required}")]
    IntrinsicGas {
        /// Gas limit of the transaction.
        found: u64,
        /// Gas that it takes before anything runs.
        required: u64,
    },
    /// Below [EIP-7623](https://eips.ethereum.org/EIPS/eip-7623)'s floor.
    #[error("insufficient gas for floor data gas cost: have {found}, want {required}")]
    FloorGas {
        /// Gas limit of the transaction.
        found: u64,
        /// The floor.
        required: u64,
    },
    /// [EIP-3860](https://eips.ethereum.org/EIPS/eip-3860).
    #[error("max initcode size exceeded: code size {found}, limit {max}")]
    InitCodeSize {
        /// Bytes of init code.
        found: usize,
        /// Bytes allowed.
        max: usize,
    },
    /// [EIP-7702](https://eips.ethereum.org/EIPS/eip-7702) wants at least one authorization.
    #[error("EIP-7702 transaction with empty auth list")]
    EmptyAuthorizations,
    /// The tip is above the highest price, of which it is a part.
    #[error(
        "max priority fee per gas higher than max fee per gas: \
         maxPriorityFeePerGas: {tip}, maxFeePerGas: {fee_cap}"
    )]
    TipAboveFeeCap {
        /// `maxPriorityFeePerGas`.
        tip: u128,
        /// `maxFeePerGas`.
        fee_cap: u128,
    },
    /// Pays less than this chain's lowest base fee.
    #[error("transaction underpriced: gas fee cap {found}, minimum needed {required}")]
    FeeCapTooLow {
        /// `maxFeePerGas`.
        found: u128,
        /// The lowest base fee.
        required: u128,
    },
    /// Tips less than this pool asks for.
    #[error("transaction underpriced: gas tip cap {found}, minimum needed {required}")]
    TipTooLow {
        /// `maxPriorityFeePerGas`.
        found: u128,
        /// The lowest tip taken.
        required: u128,
    },

    // --- It does not fit the sender's account now -------------------------------------------
    /// [EIP-3607](https://eips.ethereum.org/EIPS/eip-3607).
    #[error("sender not an eoa: address {sender}, codehash: {code_hash}")]
    SenderNotEoa {
        /// The sender.
        sender: Address,
        /// Hash of its code.
        code_hash: B256,
    },
    /// The nonce was used.
    #[error("nonce too low: next nonce {next}, tx nonce {found}")]
    NonceTooLow {
        /// Nonce of the account.
        next: u64,
        /// Nonce of the transaction.
        found: u64,
    },
    /// The sender cannot pay for it, with what it has in the pool already and the L1 data fee.
    #[error(
        "insufficient funds for gas * price + value: have {balance} want {cost}, \
         of which {l1_fee} is this transaction's L1 data fee"
    )]
    InsufficientFunds {
        /// Wei that the sender has.
        balance: U256,
        /// Wei that this and the sender's transactions before it may cost.
        cost: U256,
        /// The part of it that this transaction pays for its bytes on L1.
        l1_fee: U256,
    },

    // --- It does not fit the pool now -------------------------------------------------------
    /// It is in the pool.
    #[error("already known")]
    AlreadyKnown,
    /// Another transaction with the same nonce is in the pool and pays nearly as much or more.
    #[error("replacement transaction underpriced")]
    ReplacementUnderpriced,
    /// The sender has as many transactions here as one sender may.
    #[error(
        "account limit exceeded: {sender} has {max} transactions in the pool{}", queued(.waits_for)
    )]
    AccountLimit {
        /// The sender.
        sender: Address,
        /// Transactions that one sender may have.
        max: usize,
        /// What the transaction would wait for.
        waits_for: Option<WaitsFor>,
    },
    /// The pool is full, and everything in it is worth more.
    #[error("txpool is full{}", queued(.waits_for))]
    Full {
        /// What the transaction would wait for, `None` if it could run.
        waits_for: Option<WaitsFor>,
    },

    // --- Not the transaction's fault; it may be sent again ----------------------------------
    /// The state could not be read.
    #[error("state of the sender could not be read: {0}")]
    State(#[from] StoreError),
}

/// What a queued transaction waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaitsFor {
    /// The transaction with this nonce is not here.
    Nonce(u64),
    /// The sender's balance does not pay for the transaction with this nonce, which is here.
    Funds(u64),
}

impl fmt::Display for WaitsFor {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nonce(nonce) => write!(out, "queued behind nonce {nonce}"),
            Self::Funds(nonce) => write!(out, "queued until the balance pays for nonce {nonce}"),
        }
    }
}

fn queued(waits_for: &Option<WaitsFor>) -> String {
    waits_for.map_or_else(String::new, |it| format!(", and this transaction would be {it}"))
}

impl PoolError {
    /// Whether the fault lies with this node and not with the transaction.
    #[must_use]
    pub const fn is_internal(&self) -> bool {
        matches!(self, Self::State(_))
    }
}
