//! `rollup.json`: all that a node must know of a chain, except an L1 endpoint.
//!
//! In: the file that `gainsay deploy` wrote. Out: [`RollupConfig`], and by
//! [`RollupConfig::check_l1`] the certainty that the contracts on L1 were deployed with the same
//! parameters. It computes no genesis block: `genesis_hash` is compared by the node that executes
//! it.

use std::{
    collections::BTreeMap,
    fmt::Display,
    fs, io,
    path::{Path, PathBuf},
};

use alloy_primitives::{Address, B256, BlockNumber};
use gainsay_derivation::{ChainConfig, GenesisAccount};
use serde::{Deserialize, Serialize};

use crate::{
    Contracts, L1BlockRef, L1Client, L1Error,
    assertion_chain::{AssertionChain, AssertionParams},
    bridge::BridgeContracts,
    inbox::Inbox,
};
use futures::future::BoxFuture;

/// Most blocks a second that a chain may admit: more than any machine could make.
// PROTOCOL.md DERIVE-8
pub const MAX_BLOCKS_PER_SEC: u64 = 1_000_000;

/// Largest `rollup.json` read, bytes.
const FILE_BYTES_MAX: u64 = 64 << 20;

/// One chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RollupConfig {
    /// Chain id of L1.
    pub l1_chain_id: u64,
    /// The L1 block before the contracts existed: reading starts with the block after it.
    pub l1_start: L1Start,
    /// Address of the Inbox on L1.
    pub inbox: Address,
    /// Address of the AssertionChain on L1.
    pub assertion_chain: Address,
    /// The contracts that deposits and withdrawals go through.
    pub bridge: BridgeContracts,
    /// The only account that may post batches.
    pub sequencer: Address,
    /// Seconds after which anybody may force an unread deposit.
    pub force_delay_secs: u64,
    /// Most L2 gas of the deposits that one batch reads.
    pub max_batch_deposit_gas: u64,
    /// Most L2 gas of the deposits enqueued in one L1 block.
    pub max_deposit_gas_per_block: u64,
    /// What derivation and execution read.
    pub chain: ChainConfig,
    /// The rules of assertions.
    pub assertions: AssertionParams,
    /// What block 0 is made of.
    pub genesis: Genesis,
    /// Hash of block 0.
    pub genesis_hash: B256,
}

/// An L1 block by number and hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct L1Start {
    /// Block number.
    pub number: BlockNumber,
    /// Block hash.
    pub hash: B256,
}

/// What block 0 is made of.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Genesis {
    /// Seconds since the Unix epoch.
    pub timestamp: u64,
    /// The accounts.
    pub alloc: BTreeMap<Address, GenesisAccount>,
}

impl RollupConfig {
    /// Reads a `rollup.json`.
    ///
    /// # Errors
    /// [`L1Error::File`] with the place in the file and what was expected there.
    pub fn load(path: &Path) -> Result<Self, L1Error> {
        let size = fs::metadata(path).map_err(|error| file_error(path, error))?.len();
        if size > FILE_BYTES_MAX {
            let reason = format!("found {size} bytes, at most {FILE_BYTES_MAX} expected");
            return Err(L1Error::File { path: path.to_owned(), reason });
        }
        let text = fs::read(path).map_err(|error| file_error(path, error))?;
        let config: Self = serde_json::from_slice(&text).map_err(|error| L1Error::File {
            path: path.to_owned(),
            reason: format!("not a rollup.json: {error}"),
        })?;
        config.check_sanity()?;
        Ok(config)
    }

    /// Writes a `rollup.json`; a reader sees the old file or the new one, never a part.
    ///
    /// # Errors
    /// [`L1Error::File`] when the file cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), L1Error> {
        let text = serde_json::to_vec_pretty(self)
            .map_err(|error| L1Error::File { path: path.to_owned(), reason: error.to_string() })?;
        let mut partial = path.as_os_str().to_owned();
        partial.push(".part");
        let partial = PathBuf::from(partial);
        fs::write(&partial, text).map_err(|error| file_error(&partial, error))?;
        fs::rename(&partial, path).map_err(|error| file_error(path, error))
    }

    /// Checks the rules between the fields.
    fn check_sanity(&self) -> Result<(), L1Error> {
        if self.max_batch_deposit_gas > self.chain.block_gas_limit {
            return Err(L1Error::ConfigMismatch {
                what: "maxBatchDepositGas",
                expected: format!("at most chain.blockGasLimit ({})", self.chain.block_gas_limit),
                found: self.max_batch_deposit_gas.to_string(),
            });
        }
        let found = self.chain.max_blocks_per_sec;
        if !(1..=MAX_BLOCKS_PER_SEC).contains(&found) {
            return Err(L1Error::ConfigMismatch {
                what: "chain.maxBlocksPerSec",
                expected: format!("1 to {MAX_BLOCKS_PER_SEC}"),
                found: found.to_string(),
            });
        }
        Ok(())
    }

    /// Compares the config with the contracts on L1. Returns the block where reading starts.
    ///
    /// # Errors
    /// [`L1Error::ConfigMismatch`] names the first difference; [`L1Error::BadAnswer`] when the L1
    /// node knows no such contract.
    pub fn check_l1<'a>(
        &'a self,
        client: &'a L1Client,
    ) -> BoxFuture<'a, Result<L1BlockRef, L1Error>> {
        Box::pin(async move {
            // The chain id comes first, because another chain may have no contract of ours to ask.
            same("l1ChainId", self.l1_chain_id, client.chain_id().await?)?;
            let start = client.start_block(self.l1_start.number, self.l1_start.hash).await?;
            let inbox = Inbox::new(client, self.inbox).params().await?;
            same("sequencer", self.sequencer, inbox.sequencer)?;
            same("forceDelaySecs", self.force_delay_secs, inbox.force_delay_secs)?;
            same("maxBatchDepositGas", self.max_batch_deposit_gas, inbox.max_batch_deposit_gas)?;
            same(
                "maxDepositGasPerBlock",
                self.max_deposit_gas_per_block,
                inbox.max_deposit_gas_per_block,
            )?;
            let contract = AssertionChain::new(client, self.assertion_chain);
            same("inbox of the assertion chain", self.inbox, contract.inbox().await?)?;
            self.bridge.check(client, self.inbox, self.assertion_chain).await?;
            // The runs of disputes begin with the config hash: with another hash every dispute
            // would be lost.
            let game = contract.game().await?;
            same("hash of chain", self.chain.hash(), contract.config_hash(game).await?)?;
            let (ours, theirs) = (&self.assertions, contract.params().await?);
            same("assertions.blocksHeight", ours.blocks_height, theirs.blocks_height)?;
            same("assertions.spansHeight", ours.spans_height, theirs.spans_height)?;
            same("assertions.stepsHeight", ours.steps_height, theirs.steps_height)?;
            let (period, live_period) = (ours.challenge_period_secs, theirs.challenge_period_secs);
            same("assertions.challengePeriodSecs", period, live_period)?;
            same("assertions.minIntervalSecs", ours.min_interval_secs, theirs.min_interval_secs)?;
            same("assertions.stakeWei", ours.stake_wei, theirs.stake_wei)?;
            same("assertions.programHash", ours.program_hash, theirs.program_hash)?;
            same("assertions.vmVersion", ours.vm_version, theirs.vm_version)?;
            Ok(start)
        })
    }

    /// The contracts whose events make this chain.
    ///
    /// # Errors
    /// When L1 does not answer, or the assertion chain's address holds no such contract.
    /// [`L1Error::ConfigMismatch`] when the game that it names decides about another chain: a node
    /// that kept the answer would follow the wrong contract for ever.
    pub async fn contracts(&self, client: &L1Client) -> Result<Contracts, L1Error> {
        let (inbox, assertion_chain) = (self.inbox, self.assertion_chain);
        let contract = AssertionChain::new(client, assertion_chain);
        let edge_game = contract.game().await?;
        same("hash of chain", self.chain.hash(), contract.config_hash(edge_game).await?)?;
        let (portal, confirmed_games) = (self.bridge.portal, self.bridge.confirmed_games);
        Ok(Contracts { inbox, assertion_chain, edge_game, portal, confirmed_games })
    }
}

fn same<T: PartialEq + Display>(what: &'static str, expected: T, found: T) -> Result<(), L1Error> {
    if expected == found {
        return Ok(());
    }
    let (expected, found) = (expected.to_string(), found.to_string());
    Err(L1Error::ConfigMismatch { what, expected, found })
}

fn file_error(path: &Path, error: io::Error) -> L1Error {
    L1Error::File { path: path.to_owned(), reason: error.to_string() }
}

#[cfg(test)]
mod tests {
    use alloy_primitives::Bytes;

    use super::*;
    use alloy_primitives::U256;

    fn config() -> RollupConfig {
        let account = GenesisAccount {
            balance: U256::from(7),
            nonce: 1,
            code: Bytes::from_static(&[0x60]),
            storage: BTreeMap::from([(B256::ZERO, B256::repeat_byte(1))]),
        };
        RollupConfig {
            l1_chain_id: 1,
            l1_start: L1Start { number: 5, hash: B256::repeat_byte(5) },
            inbox: Address::repeat_byte(1),
            assertion_chain: Address::repeat_byte(2),
            bridge: BridgeContracts {
                portal: Address::repeat_byte(7),
                confirmed_games: Address::repeat_byte(8),
                ..BridgeContracts::default()
            },
            sequencer: Address::repeat_byte(3),
            force_delay_secs: 60,
            max_batch_deposit_gas: 20_000_000,
            max_deposit_gas_per_block: 10_000_000,
            chain: ChainConfig {
                chain_id: 4_242,
                block_gas_limit: 30_000_000,
                base_fee_change_denominator: 250,
                elasticity: 6,
                min_base_fee_wei: 1_000,
                initial_base_fee_wei: 1_000_000,
                sequencer_window_secs: 3_600,
                sequencer_drift_secs: 600,
                max_blocks_per_sec: 10,
            },
            assertions: AssertionParams {
                blocks_height: 14,
                spans_height: 20,
                steps_height: 24,
                challenge_period_secs: 60,
                min_interval_secs: 10,
                stake_wei: U256::from(10).pow(U256::from(18)),
                program_hash: B256::repeat_byte(9),
                vm_version: 1,
            },
            genesis: Genesis {
                timestamp: 1_700_000_000,
                alloc: BTreeMap::from([(Address::repeat_byte(4), account)]),
            },
            genesis_hash: B256::repeat_byte(6),
        }
    }

    #[test]
    fn what_was_saved_is_loaded() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("rollup.json");
        config().save(&path).unwrap();
        assert_eq!(RollupConfig::load(&path).unwrap(), config());
        let names: Vec<_> = fs::read_dir(dir.path()).unwrap().collect();
        assert_eq!(names.len(), 1, "no partial file is left");
    }

    #[test]
    fn errors_name_the_file_the_field_and_what_was_expected() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("rollup.json");
        let error = RollupConfig::load(&path).unwrap_err().to_string();
        assert!(error.contains("rollup.json") && error.contains("No such file"), "{error}");

        let mut json = serde_json::to_value(config()).unwrap();
        json.as_object_mut().unwrap().remove("inbox");
        fs::write(&path, json.to_string()).unwrap();
        let error = RollupConfig::load(&path).unwrap_err().to_string();
        assert!(error.contains("missing field `inbox`"), "{error}");

        let mut json = serde_json::to_value(config()).unwrap();
        json["inbocks"] = json["inbox"].clone();
        fs::write(&path, json.to_string()).unwrap();
        let error = RollupConfig::load(&path).unwrap_err().to_string();
        assert!(error.contains("unknown field `inbocks`"), "{error}");

        let mut greedy = config();
        greedy.max_batch_deposit_gas = greedy.chain.block_gas_limit + 1;
        greedy.save(&path).unwrap();
        let error = RollupConfig::load(&path).unwrap_err().to_string();
        assert!(error.contains("30000001") && error.contains("30000000"), "{error}");
    }
}
