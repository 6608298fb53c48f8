//! The real contracts on a real anvil, and the calls that tests make on them.

use std::path::Path;

use alloy::rpc::types::TransactionReceipt;
use alloy_primitives::{Address, B256, Bytes, U256};
use gainsay_derivation::{BatchIndex, ChainConfig, DepositIndex};
use gainsay_l1::{
    AssertionChain, AssertionParams, BatchPosition, Contracts, DeployParams, DeployPlan,
    Deployment, Inbox, InboxParams, L1Advance, L1Error, L1News, LogReader, Portal, ReaderConfig,
    ReaderState, TxSender, bindings::IPortal::depositTransactionCall, deploy,
};
use tokio::time::Duration;

use crate::anvil::{Anvil, fast};

pub(crate) const FORCE_DELAY_SECS: u64 = 100;
pub(crate) const CHALLENGE_PERIOD_SECS: u64 = 200;
pub(crate) const GENESIS_OUTPUT_ROOT: B256 = B256::repeat_byte(0x60);

/// The chain that the contracts are deployed for.
pub(crate) const CHAIN: ChainConfig = ChainConfig {
    chain_id: 4_242,
    block_gas_limit: 30_000_000,
    base_fee_change_denominator: 250,
    elasticity: 6,
    min_base_fee_wei: 1_000,
    initial_base_fee_wei: 1_000_000,
    sequencer_window_secs: 3_600,
    sequencer_drift_secs: 600,
    max_blocks_per_sec: 10,
};

/// A deployed chain.
#[derive(Debug)]
pub(crate) struct Chain {
    pub(crate) anvil: Anvil,
    pub(crate) params: DeployParams,
    pub(crate) deployment: Deployment,
    pub(crate) inbox: Inbox,
    pub(crate) assertion_chain: AssertionChain,
    /// The key that may post batches.
    pub(crate) sequencer: TxSender,
    /// Anybody else.
    pub(crate) user: TxSender,
}

impl Chain {
    /// Deploys the compiled contracts on a fresh anvil that mines each transaction at once.
    pub(crate) async fn deploy() -> Self {
        let out = Path::new(env!("CARGO_MANIFEST_DIR")).join("../out");
        assert!(
            out.join("Inbox.sol/Inbox.json").is_file(),
            "no compiled contracts in {}: run scripts/test, which builds them",
            out.display()
        );
        let anvil = Anvil::start(&["--slots-in-an-epoch", "16"]);
        let deployer = anvil.sender(0, fast(Duration::from_secs(60))).await;
        let sequencer = anvil.sender(1, fast(Duration::from_secs(60))).await;
        let user = anvil.sender(2, fast(Duration::from_secs(60))).await;
        let params = DeployParams {
            inbox: InboxParams {
                sequencer: sequencer.address(),
                force_delay_secs: FORCE_DELAY_SECS,
                max_batch_deposit_gas: 20_000_000,
                max_deposit_gas_per_block: 10_000_000,
            },
            assertions: AssertionParams {
                blocks_height: 4,
                spans_height: 20,
                steps_height: 24,
                challenge_period_secs: CHALLENGE_PERIOD_SECS,
                min_interval_secs: 0,
                stake_wei: U256::from(1_000),
                program_hash: B256::repeat_byte(0x70),
                vm_version: 1,
            },
            reference_gas_price_wei: 0,
            config_hash: CHAIN.hash(),
            genesis_output_root: GENESIS_OUTPUT_ROOT,
        };
        let plan = DeployPlan::next(&deployer).await.unwrap();
        let deployment = deploy(&deployer, &out, &params, &plan).await.unwrap();
        let inbox = Inbox::new(&anvil.client, deployment.inbox);
        let assertion_chain = AssertionChain::new(&anvil.client, deployment.assertion_chain);
        Self { anvil, params, deployment, inbox, assertion_chain, sequencer, user }
    }

    pub(crate) async fn reader_config(&self) -> ReaderConfig {
        let (inbox, assertion_chain) = (self.deployment.inbox, self.deployment.assertion_chain);
        let edge_game = self.assertion_chain.game().await.unwrap();
        let bridge = self.deployment.bridge;
        let (portal, confirmed_games) = (bridge.portal, bridge.confirmed_games);
        ReaderConfig::new(Contracts { inbox, assertion_chain, edge_game, portal, confirmed_games })
    }

    /// A reader at the start of the chain.
    pub(crate) async fn reader(&self) -> LogReader {
        let start = self.deployment.l1_start;
        let start = self.anvil.client.start_block(start.number, start.hash).await.unwrap();
        let state = ReaderState::genesis(start);
        LogReader::new(self.anvil.client.clone(), self.reader_config().await, state).unwrap()
    }

    pub(crate) async fn deposit(&self, data: &'static [u8]) -> TransactionReceipt {
        let call = depositTransactionCall {
            to: Address::repeat_byte(0xd0),
            value: U256::from(3),
            gasLimit: 100_000,
            isCreation: false,
            data: Bytes::from_static(data),
        };
        let portal = Portal::new(&self.anvil.client, self.deployment.bridge.portal);
        portal.deposit_transaction(&self.user, call, U256::from(5)).await.unwrap()
    }

    /// The next position, with all deposits read.
    pub(crate) async fn position(&self) -> BatchPosition {
        let deposits_read = self.inbox.deposit_count().await.unwrap();
        let index = self.inbox.batch_count().await.unwrap();
        BatchPosition {
            index: BatchIndex(index),
            batch_acc: self.inbox.batch_acc(index, Default::default()).await.unwrap(),
            deposits_read: DepositIndex(deposits_read),
            deposit_acc: self.inbox.deposit_acc(deposits_read, Default::default()).await.unwrap(),
        }
    }

    pub(crate) async fn post(&self, data: &'static [u8]) -> Result<TransactionReceipt, L1Error> {
        let at = self.position().await;
        self.inbox.post_batch_calldata(&self.sequencer, at, Bytes::from_static(data)).await
    }
}

/// Polls until there is nothing new; advances only, merged into one.
pub(crate) async fn catch_up(reader: &mut LogReader) -> Option<L1Advance> {
    let mut merged: Option<L1Advance> = None;
    loop {
        let updates = reader.poll().await.unwrap();
        if updates.is_empty() {
            return merged;
        }
        for update in updates {
            let L1News::Advanced(next) = update else { panic!("unexpected {update:?}") };
            match &mut merged {
                None => merged = Some(next),
                Some(merged) => {
                    merged.l1_block = next.l1_block;
                    merged.deposits.extend(next.deposits);
                    merged.batches.extend(next.batches);
                    merged.events.extend(next.events);
                }
            }
        }
    }
}
