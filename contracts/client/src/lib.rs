//! The only L1 client of Gainsay in Rust: sequencer, follower, proposer and challenger use it.
//!
//! Reading: [`L1Client`] connects, [`LogReader`] follows the events of all contracts across L1
//! reorgs, [`L1Client::fetch_batch_data`] fetches and verifies the data that a batch committed to.
//! Writing: [`Inbox`], [`AssertionChain`] and [`EdgeGame`] make the calls, [`TxSender`] gets the
//! transactions of one key into L1. Every failure is an [`L1Error`], and [`L1Error::action`] says
//! what to do about it.
//!
//! Functions that many crates await return a boxed future, because an `async fn` would be compiled
//! again in each of them.
//!
//! Architecture invariant: nothing here executes L2, decides what to post, or touches the disk,
//! except for `rollup.json`, key files and contract artifacts. All loops, requests and caches are
//! bounded.

mod error;
pub use error::{Action, L1Error};
mod outage;
pub use outage::{L1Failure, Outage, ask_twice, until_l1_answers};
mod background;
pub use background::in_background;
mod revert;
pub use revert::ContractRevert;
pub mod bindings;
mod rollup_config;
pub use gainsay_derivation::GenesisAccount;
pub use rollup_config::{Genesis, L1Start, MAX_BLOCKS_PER_SEC, RollupConfig};
mod logging;
pub use logging::start_log;
mod keys;
pub use keys::{KeySource, PasswordSource};
mod key_args;
pub use key_args::{
    ChallengerKeyArgs, DeployerKeyArgs, PosterKeyArgs, ProposerKeyArgs, RelayerKeyArgs, UserKeyArgs,
};
mod endpoints;
pub use endpoints::http_client;
mod l1_provider;
pub use l1_provider::{L1Client, L1Heads};
mod contract_events;
pub use contract_events::{ContractEvent, ContractEventKind, Contracts};
mod l1_header;
pub use l1_header::L1BlockRef;
mod block_receipts;
mod reader_state;
pub use reader_state::{Checkpoint, DepositAccs, ReaderState};
mod inbox_events;
pub use inbox_events::{DataLocation, EnqueuedDeposit, L1Origin, PostedBatch};
mod log_reader;
pub use log_reader::{L1Advance, L1News, LogReader, ReaderConfig};
mod batch_data;
mod kzg;
pub use batch_data::BatchData;
mod fees;
pub use fees::{FeeLimits, L1Fees, TxFees};
mod transaction;
pub use transaction::L1Call;
mod broadcast;
mod call_in_flight;
mod tx_sender;
pub use tx_sender::{PendingNonce, TxSender, TxSenderConfig};
mod inbox;
pub use inbox::{BatchPosition, Inbox, InboxParams};
mod bridge;
pub use bridge::{BridgeContracts, ConfirmedGames, Portal};
mod assertion_chain;
pub use assertion_chain::{AssertionChain, AssertionParams, AssertionView, Proposal};
mod edge_game;
pub use edge_game::EdgeGame;
mod step_verifier;
pub use step_verifier::{STEP_GAS_MAX, StepVerifier};
mod deploy;
pub mod prices;
pub use deploy::{
    AssertionChainParameters, DeployParams, DeployPlan, Deployment, InboxParameters, deploy,
    deploy_assertion_chain, deploy_inbox, deploy_step_verifier, init_code, stake_min,
};
