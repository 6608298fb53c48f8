//! What `rollup_getWithdrawal` shows: a withdrawal, how far it is, and what proves it on L1.
//!
//! In: the node's index. Out: the answer to clients, which `gainsay withdraw` and `gainsay relay` read
//! back and make L1 calls from.

use alloy_primitives::{Address, B256, Bytes, U256};
use gainsay_l1::bindings::IPortal::WithdrawalTransaction;
use serde::{Deserialize, Serialize};

use crate::status::BlockStatus;

/// How far a withdrawal is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum WithdrawalStage {
    /// An L2 block holds it, which no assertion on L1 covers yet.
    Initiated,
    /// A pending assertion covers it.
    InAssertion,
    /// That assertion, or one that it stands on, has a rival.
    Disputed,
    /// L1 holds a confirmed state with it: it can be proven and finalized.
    Confirmed,
    /// It was proven with OP's call, and can be finalized with the other one, too.
    Proven,
    /// Its call was made.
    Finalized,
}

/// Answer of `rollup_getWithdrawal`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct WithdrawalStatus {
    pub(crate) hash: B256,
    pub(crate) nonce: U256,
    pub(crate) sender: Address,
    pub(crate) target: Address,
    pub(crate) value: U256,
    pub(crate) gas_limit: U256,
    pub(crate) data: Bytes,
    pub(crate) l2_block: BlockStatus,
    /// Its transaction on L2.
    pub(crate) transaction_hash: B256,
    /// Who signed that transaction.
    pub(crate) from: Address,
    pub(crate) status: WithdrawalStage,
    /// The first assertion on L1 that covers it, while that one is pending.
    pub(crate) assertion: Option<B256>,
    /// Seconds until it can be finalized, at the least; none while a dispute decides.
    pub(crate) seconds_left: Option<u64>,
    /// Who proved it last with OP's call.
    pub(crate) proven_by: Option<Address>,
    /// Whether it was run on L1 and its call failed, the last time: it can be run again.
    pub(crate) call_failed: bool,
    /// The L1 block that it was finalized in.
    pub(crate) finalized_in: Option<u64>,
    /// What proves it, once L1 holds a state with it or only waits to be told that time is over.
    pub(crate) proof: Option<WithdrawalProof>,
}

impl WithdrawalStatus {
    /// As the Portal takes it.
    pub(crate) fn transaction(&self) -> WithdrawalTransaction {
        WithdrawalTransaction {
            nonce: self.nonce,
            sender: self.sender,
            target: self.target,
            value: self.value,
            gasLimit: self.gas_limit,
            data: self.data.clone(),
        }
    }
}

/// Arguments of the calls that prove a withdrawal on L1.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct WithdrawalProof {
    /// The game to prove it by; none while `ConfirmedGames.publish` is still to be called.
    pub(crate) game_index: Option<u64>,
    /// The assertion to publish, if there is no game.
    pub(crate) assertion: Option<B256>,
    /// L2 block of the game or assertion.
    pub(crate) block_number: u64,
    /// The parts of the output root.
    pub(crate) output_root_proof: OutputRootParts,
    /// RLP of that block's header.
    pub(crate) header: Bytes,
    /// Nodes from the storage root of the message passer to the withdrawal's slot.
    pub(crate) withdrawal_proof: Vec<Bytes>,
}

/// OP's `OutputRootProof`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OutputRootParts {
    pub(crate) version: B256,
    pub(crate) state_root: B256,
    pub(crate) message_passer_storage_root: B256,
    pub(crate) latest_blockhash: B256,
}

/// Answer of `rollup_getWithdrawals`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct WithdrawalPage {
    /// In the order of their nonces, without proofs.
    pub(crate) withdrawals: Vec<WithdrawalStatus>,
    /// Where the next page starts; none if this is the last one.
    pub(crate) next: Option<U256>,
}
