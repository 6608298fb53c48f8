//! The AssertionChain contract, one function per call.
//!
//! In: arguments as the protocol names them. Out: receipts of confirmed transactions, and views at
//! the latest L1 block. Whether to propose or confirm is decided by the callers.

use alloy::{providers::DynProvider, rpc::types::TransactionReceipt, sol_types::SolCall};
use alloy_primitives::{Address, B256, U256};
use gainsay_derivation::{BatchIndex, Cursor};
use serde::{Deserialize, Serialize};

use crate::{
    L1Client, L1Error,
    bindings::{
        IAssertionChain::{self, IAssertionChainInstance, Status},
        IEdgeGame,
    },
    transaction::L1Call,
    tx_sender::TxSender,
};

/// The immutables of the AssertionChain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AssertionParams {
    /// log2 of the most blocks of one assertion.
    pub blocks_height: u8,
    /// log2 of the most instruction spans of one block.
    pub spans_height: u8,
    /// log2 of the instructions of one span.
    pub steps_height: u8,
    /// Seconds that an assertion must stand unrivaled.
    pub challenge_period_secs: u64,
    /// Seconds between an assertion and its first child.
    pub min_interval_secs: u64,
    /// Wei locked by a proposal.
    pub stake_wei: U256,
    /// Hash of the program that computes the chain.
    pub program_hash: B256,
    /// Version of the machine that runs it.
    pub vm_version: u64,
}

/// The child of an assertion, about to be proposed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposal {
    /// Id of the assertion that it extends.
    pub parent: B256,
    /// Output root after its last block.
    pub output_root: B256,
    /// Position in the Inbox after its last block.
    pub cursor: Cursor,
    /// Root of the Merkle tree over the claims after each block.
    pub root: B256,
    /// Siblings of the last leaf, from the leaf's level up.
    pub last_leaf_proof: Vec<B256>,
    /// `batchAcc` at the parent's batch limit, on the L1 chain that the claims were computed from.
    pub expected_batch_acc: B256,
    /// Wei to send along: the stake, or what [`AssertionChain::missing_stake`] says.
    pub stake: U256,
}

/// An assertion as the contract answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AssertionView {
    /// Id of the assertion that it extends.
    pub parent: B256,
    /// Root of the Merkle tree over the claims after each block.
    pub root: B256,
    /// Output root after its last block.
    pub output_root: B256,
    /// Position in the Inbox after its last block.
    pub cursor: Cursor,
    /// Batches that its children must read up to.
    pub batch_limit: BatchIndex,
    /// `batchAcc[batch_limit]`.
    pub batch_limit_acc: B256,
    /// Who proposed it, and owns the stake on it.
    pub proposer: Address,
    /// Whether a stake lies on it: it is pending and has no child.
    pub holds_stake: bool,
    /// L1 time of its proposal, seconds.
    pub created_at: u64,
    /// L1 time when its parent got a second child, seconds; 0 while it has no rival.
    pub rivaled_at: u64,
    /// Its first child; zero while it has none.
    pub first_child: B256,
    /// Whether it is confirmed.
    pub confirmed: bool,
    /// Whether it has ended the chain: the program fails on one of its blocks.
    pub halted: bool,
}

/// The AssertionChain at its address.
#[derive(Clone, Debug)]
pub struct AssertionChain {
    contract: IAssertionChainInstance<DynProvider>,
}

impl AssertionChain {
    /// The AssertionChain at `address`.
    #[must_use]
    pub fn new(client: &L1Client, address: Address) -> Self {
        Self { contract: IAssertionChain::new(address, client.provider().clone()) }
    }

    /// Address of the contract.
    #[must_use]
    pub const fn address(&self) -> Address {
        *self.contract.address()
    }

    /// Stakes on the child of an assertion.
    ///
    /// # Errors
    /// As [`TxSender::send`].
    pub async fn propose(
        &self,
        sender: &TxSender,
        proposal: Proposal,
    ) -> Result<TransactionReceipt, L1Error> {
        let call = IAssertionChain::proposeCall {
            parent: proposal.parent,
            outputRoot: proposal.output_root,
            cursor: proposal.cursor.into(),
            root: proposal.root,
            lastLeafProof: proposal.last_leaf_proof,
            expectedBatchAcc: proposal.expected_batch_acc,
        };
        sender.send(self.call(&call).with_value(proposal.stake)).await
    }

    /// Wei that `account` must send along with a child of `parent`: nothing if its stake lies on
    /// `parent` and moves on, else the stake less what its credit pays.
    ///
    /// # Errors
    /// When L1 does not answer a view.
    pub async fn missing_stake(
        &self,
        account: Address,
        parent: &AssertionView,
        stake: U256,
    ) -> Result<U256, L1Error> {
        if parent.holds_stake && parent.proposer == account {
            return Ok(U256::ZERO);
        }
        Ok(stake.saturating_sub(self.credit(account).await?))
    }

    /// Confirms an assertion that stood unrivaled for the challenge period.
    ///
    /// # Errors
    /// As [`TxSender::send`].
    pub async fn confirm(
        &self,
        sender: &TxSender,
        id: B256,
    ) -> Result<TransactionReceipt, L1Error> {
        sender.send(self.call(&IAssertionChain::confirmCall { id })).await
    }

    /// Confirms an assertion that is due and takes the stakes of its rivals.
    ///
    /// # Errors
    /// As [`TxSender::send`].
    pub async fn collect(
        &self,
        sender: &TxSender,
        winner: B256,
        losers: Vec<B256>,
    ) -> Result<TransactionReceipt, L1Error> {
        sender.send(self.call(&IAssertionChain::collectCall { winner, losers })).await
    }

    /// Pays out the sender's credit to itself: stakes returned, and what it has earned.
    ///
    /// # Errors
    /// As [`TxSender::send`].
    pub async fn withdraw_credit(&self, sender: &TxSender) -> Result<TransactionReceipt, L1Error> {
        let to = sender.address();
        sender.send(self.call(&IAssertionChain::withdrawCreditCall { to })).await
    }

    /// The assertion with this id.
    ///
    /// # Errors
    /// [`L1Error::Missing`] when L1 has no such assertion (yet: a node may lag, or L1 reorged).
    pub async fn assertion(&self, id: B256) -> Result<AssertionView, L1Error> {
        let found = self.contract.assertion(id).call().await.map_err(self.view("assertion"))?;
        if matches!(found.status, Status::None) {
            return Err(L1Error::Missing { what: format!("assertion {id}") });
        }
        Ok(AssertionView {
            parent: found.parent,
            root: found.root,
            output_root: found.outputRoot,
            cursor: found.cursor.into(),
            batch_limit: BatchIndex(found.batchLimit),
            batch_limit_acc: found.batchLimitAcc,
            proposer: found.proposer,
            holds_stake: matches!(found.status, Status::Pending) && found.firstChild.is_zero(),
            created_at: found.createdAt,
            rivaled_at: found.rivaledAt,
            first_child: found.firstChild,
            confirmed: matches!(found.status, Status::Confirmed),
            halted: matches!(found.status, Status::Halted),
        })
    }

    /// The EdgeGame that decides between rivals.
    ///
    /// # Errors
    /// When L1 does not answer the view.
    pub async fn game(&self) -> Result<Address, L1Error> {
        self.contract.GAME().call().await.map_err(self.view("GAME"))
    }

    /// Id of the newest confirmed assertion.
    ///
    /// # Errors
    /// When L1 does not answer the view.
    pub async fn latest_confirmed(&self) -> Result<B256, L1Error> {
        self.contract.latestConfirmed().call().await.map_err(self.view("latestConfirmed"))
    }

    /// Id of the assertion of block 0.
    ///
    /// # Errors
    /// When L1 does not answer the view.
    pub async fn genesis_id(&self) -> Result<B256, L1Error> {
        self.contract.genesisId().call().await.map_err(self.view("genesisId"))
    }

    /// Wei that `account` may withdraw.
    ///
    /// # Errors
    /// When L1 does not answer the view.
    pub async fn credit(&self, account: Address) -> Result<U256, L1Error> {
        self.contract.credit(account).call().await.map_err(self.view("credit"))
    }

    /// The Inbox that it reads.
    ///
    /// # Errors
    /// When L1 does not answer the view.
    pub async fn inbox(&self) -> Result<Address, L1Error> {
        self.contract.INBOX().call().await.map_err(self.view("INBOX"))
    }

    /// The StepVerifier that decides its disputes.
    ///
    /// # Errors
    /// When L1 does not answer the view.
    pub async fn step_verifier(&self) -> Result<Address, L1Error> {
        let game = self.contract.GAME().call().await.map_err(self.view("GAME"))?;
        let game = IEdgeGame::new(game, self.contract.provider().clone());
        game.STEP_VERIFIER().call().await.map_err(L1Error::view("STEP_VERIFIER", *game.address()))
    }

    /// Hash of the chain's config, to which the runs of the disputes of `game` are bound.
    ///
    /// # Errors
    /// When L1 does not answer, or the address holds no such contract.
    pub async fn config_hash(&self, game: Address) -> Result<B256, L1Error> {
        let game = IEdgeGame::new(game, self.contract.provider().clone());
        game.CONFIG_HASH().call().await.map_err(L1Error::view("CONFIG_HASH", *game.address()))
    }

    /// The immutables of the contract.
    ///
    /// # Errors
    /// When L1 does not answer the view.
    pub async fn params(&self) -> Result<AssertionParams, L1Error> {
        let contract = &self.contract;
        let period = contract.CHALLENGE_PERIOD().call().await;
        let interval = contract.MIN_INTERVAL().call().await;
        let program = contract.PROGRAM_HASH().call().await;
        let vm_version = contract.VM_VERSION().call().await;
        Ok(AssertionParams {
            blocks_height: self.height("BLOCKS_HEIGHT", contract.BLOCKS_HEIGHT().call().await)?,
            spans_height: self.height("SPANS_HEIGHT", contract.SPANS_HEIGHT().call().await)?,
            steps_height: self.height("STEPS_HEIGHT", contract.STEPS_HEIGHT().call().await)?,
            challenge_period_secs: period.map_err(self.view("CHALLENGE_PERIOD"))?,
            min_interval_secs: interval.map_err(self.view("MIN_INTERVAL"))?,
            stake_wei: contract.STAKE().call().await.map_err(self.view("STAKE"))?,
            program_hash: program.map_err(self.view("PROGRAM_HASH"))?,
            vm_version: vm_version.map_err(self.view("VM_VERSION"))?,
        })
    }

    /// The generated bindings, for calls that this type does not wrap.
    #[must_use]
    pub const fn contract(&self) -> &IAssertionChainInstance<DynProvider> {
        &self.contract
    }

    fn call(&self, call: &impl SolCall) -> L1Call {
        L1Call::new(self.address(), call.abi_encode())
    }

    fn view(&self, what: &'static str) -> impl FnOnce(alloy::contract::Error) -> L1Error {
        L1Error::view(what, self.address())
    }

    fn height(
        &self,
        what: &'static str,
        found: Result<u64, alloy::contract::Error>,
    ) -> Result<u8, L1Error> {
        let found = found.map_err(self.view(what))?;
        u8::try_from(found).map_err(|_| L1Error::BadAnswer {
            what: format!("{what} of contract {}", self.address()),
            reason: format!("{found} is not a height"),
        })
    }
}
