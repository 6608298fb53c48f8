//! Withdrawals: by hash and by account, how far each is, and what proves it on L1.
//!
//! In: hashes, addresses and pages. Out: [`WithdrawalStatus`]. Everything comes from indexes: the
//! store's of withdrawals and of what L1 says of them, and the assertions in memory. L1 is not asked.

use alloy::sol_types::SolEvent;
use alloy_primitives::{Address, B256, U256, keccak256};
use gainsay_l1::bindings::{
    IConfirmedGames::GamePublished,
    IPortal::{WithdrawalFinalized, WithdrawalProvenExtension1},
};
use gainsay_store::{StoreError, Withdrawal};
use gainsay_transition::{
    MESSAGE_PASSER,
    trie::{Nibbles, prove},
};
use serde::Deserialize;

use super::{
    args::{Args, Count},
    error::RpcError,
    node::{Methods, RpcNode},
    state_methods::trie_error,
};
use crate::{
    status::{AgreedAssertion, BlockStatus},
    withdrawal_status::{
        OutputRootParts, WithdrawalPage, WithdrawalProof, WithdrawalStage, WithdrawalStatus,
    },
};

/// Withdrawals of one page, if the client does not say.
const PAGE_DEFAULT: u64 = 100;
/// Withdrawals of one page at most.
const PAGE_MAX: u64 = 1_000;

pub(super) fn register(methods: &mut Methods) {
    methods.read("rollup_getWithdrawal", by_hash);
    methods.read("rollup_getWithdrawals", by_account);
}

/// Which part of a list a client wants.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Page {
    /// Nonce of the first withdrawal.
    from: U256,
    /// Withdrawals at most.
    limit: Option<Count>,
}

fn by_hash(node: &RpcNode, args: &mut Args) -> Result<Option<WithdrawalStatus>, RpcError> {
    let hash: B256 = args.required()?;
    let Some(withdrawal) = node.store().withdrawal(hash)? else { return Ok(None) };
    let look = Look::new(node)?;
    let mut status = look.status(&withdrawal)?;
    if status.status != WithdrawalStage::Finalized {
        status.proof = look.proof(&withdrawal)?;
    }
    Ok(Some(status))
}

fn by_account(node: &RpcNode, args: &mut Args) -> Result<WithdrawalPage, RpcError> {
    let account: Option<Address> = args.optional()?;
    let page: Page = args.optional()?.unwrap_or_default();
    let limit = page.limit.map_or(PAGE_DEFAULT, |limit| limit.0);
    if limit == 0 || limit > PAGE_MAX {
        let (found, allowed) = (limit, PAGE_MAX);
        return Err(RpcError::LimitExceeded { what: "withdrawals of one page", found, allowed });
    }
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let found = node.store().withdrawals_from(account, page.from, limit)?;
    let is_full = found.len() == limit;
    let next = found.last().filter(|_| is_full).map(|last| last.nonce.saturating_add(U256::ONE));
    let look = Look::new(node)?;
    let withdrawals = found.iter().map(|it| look.status(it)).collect::<Result<_, _>>()?;
    Ok(WithdrawalPage { withdrawals, next })
}

/// The newest game on L1.
#[derive(Clone, Copy)]
struct Game {
    index: u64,
    block: u64,
}

/// What is the same for all withdrawals of one answer.
struct Look<'a> {
    node: &'a RpcNode,
    assertions: std::sync::Arc<[AgreedAssertion]>,
    game: Option<Game>,
    /// Time of L1's head.
    now: u64,
}

impl<'a> Look<'a> {
    fn new(node: &'a RpcNode) -> Result<Self, RpcError> {
        let log = node.store().last_bridge_log(GamePublished::SIGNATURE_HASH, None)?;
        let game = log.map(|log| {
            let event = GamePublished::decode_log(&log.log).map_err(corrupt)?;
            Ok::<_, RpcError>(Game {
                index: event.index.saturating_to(),
                block: event.l2BlockNumber,
            })
        });
        let (assertions, now) = (node.status.assertions(), node.status.get().l1_head.timestamp);
        Ok(Self { node, assertions, game: game.transpose()?, now })
    }

    /// The newest game, if it covers a withdrawal.
    fn game_of(&self, withdrawal: &Withdrawal) -> Option<Game> {
        self.game.filter(|game| game.block >= withdrawal.block)
    }

    /// The first assertion that covers a withdrawal.
    fn assertion_of(&self, withdrawal: &Withdrawal) -> Option<&AgreedAssertion> {
        self.assertions.iter().find(|it| it.last_block >= withdrawal.block)
    }

    /// Seconds until an assertion may be confirmed.
    fn wait_of(&self, assertion: &AgreedAssertion) -> u64 {
        let period = self.node.chain.rollup.assertions.challenge_period_secs;
        assertion.created_at.saturating_add(period).saturating_sub(self.now)
    }

    /// Where it stands, whatever was done for it on L1.
    fn stage_of(&self, withdrawal: &Withdrawal) -> (WithdrawalStage, Option<u64>) {
        let params = &self.node.chain.rollup.assertions;
        match self.assertion_of(withdrawal) {
            _ if self.game_of(withdrawal).is_some() => (WithdrawalStage::Confirmed, Some(0)),
            Some(it) if it.is_confirmed => (WithdrawalStage::Confirmed, Some(0)),
            Some(it) if it.is_disputed => (WithdrawalStage::Disputed, None),
            Some(it) => (WithdrawalStage::InAssertion, Some(self.wait_of(it))),
            None => {
                let newest = self.assertions.last().map_or(0, |it| it.created_at);
                let next = newest.saturating_add(params.min_interval_secs);
                let until_next = next.saturating_sub(self.now);
                let left = until_next.saturating_add(params.challenge_period_secs);
                (WithdrawalStage::Initiated, Some(left))
            }
        }
    }

    fn status(&self, it: &Withdrawal) -> Result<WithdrawalStatus, RpcError> {
        let store = self.node.store();
        let header = store.header(it.block)?;
        let (hash, timestamp) =
            header.map_or_else(Default::default, |header| (header.hash, header.header.timestamp));
        let proven =
            store.last_bridge_log(WithdrawalProvenExtension1::SIGNATURE_HASH, Some(it.hash))?;
        let proven_by = proven.map(|log| {
            WithdrawalProvenExtension1::decode_log(&log.log).map(|event| event.proofSubmitter)
        });
        let proven_by = proven_by.transpose().map_err(corrupt)?;
        let run = store.last_bridge_log(WithdrawalFinalized::SIGNATURE_HASH, Some(it.hash))?;
        let run = run.map(|log| {
            let event = WithdrawalFinalized::decode_log(&log.log).map_err(corrupt)?;
            Ok::<_, RpcError>((event.success, log.l1_block))
        });
        let run = run.transpose()?;
        let finalized_in = run.filter(|(success, _)| *success).map(|(_, l1_block)| l1_block);
        let (stage, seconds_left) = match self.stage_of(it) {
            _ if finalized_in.is_some() => (WithdrawalStage::Finalized, Some(0)),
            _ if proven_by.is_some() => (WithdrawalStage::Proven, Some(0)),
            other => other,
        };
        let is_pending = matches!(stage, WithdrawalStage::InAssertion | WithdrawalStage::Disputed);
        Ok(WithdrawalStatus {
            hash: it.hash,
            nonce: it.nonce,
            sender: it.sender,
            target: it.target,
            value: it.value,
            gas_limit: it.gas_limit,
            data: it.data.clone(),
            l2_block: BlockStatus { number: it.block, hash, timestamp },
            transaction_hash: it.transaction,
            from: it.from,
            status: stage,
            assertion: self.assertion_of(it).filter(|_| is_pending).map(|it| it.id),
            seconds_left,
            proven_by,
            call_failed: run.is_some_and(|(success, _)| !success),
            finalized_in,
            proof: None,
        })
    }

    /// What proves it: by the newest game, or by an assertion that is, or may be, confirmed.
    fn proof(&self, withdrawal: &Withdrawal) -> Result<Option<WithdrawalProof>, RpcError> {
        let (game_index, assertion, block) = match self.game_of(withdrawal) {
            Some(game) => (Some(game.index), None, game.block),
            None => match self.assertion_of(withdrawal) {
                Some(it) if it.is_confirmed || !it.is_disputed && self.wait_of(it) == 0 => {
                    (None, Some(it.id), it.last_block)
                }
                _ => return Ok(None),
            },
        };
        let store = self.node.store();
        // A node that is still catching up does not have the block of the newest game.
        let Some(header) = store.header(block)? else { return Ok(None) };
        let storage_root = header.header.withdrawals_root.unwrap_or_default();
        let path = Nibbles::unpack(keccak256(withdrawal.slot().to_be_bytes::<32>()));
        let owner = Some(keccak256(MESSAGE_PASSER));
        let nodes = store.message_nodes();
        let withdrawal_proof = match prove(&nodes, owner, storage_root, &path) {
            Ok(proof) => proof,
            // A folder of an older version, before the first game that ends in the index.
            Err(error) => match trie_error(error) {
                RpcError::Store(StoreError::NodeMissing { .. }) => return Ok(None),
                other => return Err(other),
            },
        };
        Ok(Some(WithdrawalProof {
            game_index,
            assertion,
            block_number: block,
            output_root_proof: OutputRootParts {
                version: B256::ZERO,
                state_root: header.header.state_root,
                message_passer_storage_root: storage_root,
                latest_blockhash: header.hash,
            },
            header: alloy_rlp::encode(&header.header).into(),
            withdrawal_proof,
        }))
    }
}

fn corrupt(error: alloy::sol_types::Error) -> RpcError {
    RpcError::Internal(format!("table bridge_logs: {error}"))
}
