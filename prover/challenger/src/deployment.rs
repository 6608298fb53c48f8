//! Whether the contracts on L1 are those that this repository builds.
//!
//! In: forge's artifacts, `rollup.json`, and the transactions by which L1 created the contracts. Out:
//! a [`Verdict`] for each contract. Its init code on L1 must be ours with the arguments of this
//! chain, byte by byte: code, immutables, what it creates itself, and the storage that it begins
//! with all follow from that. Code alone would not do: other init code can leave the same code,
//! and a withdrawal in storage that L2 never made. No contract here is behind a proxy, deletes itself
//! or upgrades.

use std::{collections::BTreeMap, path::Path};

use alloy::{
    consensus::Transaction as _, network::TransactionResponse as _, providers::Provider as _,
};
use alloy_primitives::{Address, BlockNumber, Bytes, U256, keccak256};
use alloy_sol_types::{SolStruct, SolValue};
use gainsay_l1::{
    AssertionChainParameters, EdgeGame, InboxParameters, L1Client, L1Error, RollupConfig,
    StepVerifier, init_code,
};
use gainsay_transition::genesis;

use crate::ChallengerError;

/// L1 blocks after `l1Start` within which the contracts must have been created: three hours and more.
const CREATED_WITHIN: u64 = 1_024;

/// The result for one contract.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Name of the contract in `contracts/src`.
    pub contract: &'static str,
    /// Address of the contract on L1.
    pub address: Address,
    /// How its creation differs from what this repository would do; `None` if it does not.
    pub difference: Option<String>,
}

/// Where the contracts of a chain are, and what L1 alone knows of their parameters.
///
/// A contract that is not ours may answer anything. That is safe: its answers are only arguments of
/// our constructors, which are compared with those on L1.
#[derive(Clone, Copy, Debug)]
struct Places {
    inbox: Address,
    assertion_chain: Address,
    step_verifier: Address,
    preimage_oracle: Address,
    spans_stake: U256,
    steps_stake: U256,
    gas_price: U256,
}

/// Compares the init code of all contracts of a chain with what forge built.
///
/// # Errors
/// When an artifact is missing or does not fit, or L1 does not answer.
pub async fn verify_deployment(
    client: &L1Client,
    rollup: &RollupConfig,
    artifacts: &Path,
) -> Result<Vec<Verdict>, ChallengerError> {
    let places = Places::find(client, rollup).await?;
    let expected = expected_creations(rollup, &places, artifacts)?;
    let addresses = expected.iter().map(|(_, address, _)| *address);
    let found = creations(client, rollup.l1_start.number, addresses).await?;
    let mut verdicts = Vec::new();
    for (contract, address, expected) in expected {
        let has_code = !client.code(address).await?.is_empty();
        let found = found.get(&address);
        let difference = difference(&expected, found.map(|it| it.as_ref()), has_code);
        verdicts.push(Verdict { contract, address, difference });
    }
    Ok(verdicts)
}

/// The init code that L1 created accounts with, after the block `start`. Those are missing that
/// were created later than a deployment takes, or not by an account's own transaction.
async fn creations(
    client: &L1Client,
    start: BlockNumber,
    addresses: impl Iterator<Item = Address>,
) -> Result<BTreeMap<Address, Bytes>, ChallengerError> {
    let mut missing: Vec<Address> = addresses.collect();
    let mut found = BTreeMap::new();
    let last = client.latest().await?.number.min(start.saturating_add(CREATED_WITHIN));
    let mut number = start;
    while number < last && !missing.is_empty() {
        number += 1;
        let block = client.provider().get_block_by_number(number.into()).full().await;
        let block =
            block.map_err(|source| L1Error::Transport { what: "eth_getBlockByNumber", source })?;
        let block = block.ok_or_else(|| L1Error::Missing { what: format!("block {number}") })?;
        for transaction in block.transactions.txns() {
            let created = transaction.from().create(transaction.nonce());
            let is_creation = transaction.kind().is_create();
            if let Some(place) = missing.iter().position(|it| is_creation && *it == created) {
                missing.swap_remove(place);
                found.insert(created, transaction.input().clone());
            }
        }
    }
    Ok(found)
}

impl Places {
    async fn find(client: &L1Client, rollup: &RollupConfig) -> Result<Self, ChallengerError> {
        let (inbox, assertion_chain) = (rollup.inbox, rollup.assertion_chain);
        // Its constructor creates the game: the first thing that it creates.
        let edge_game = assertion_chain.create(1);
        let game = EdgeGame::new(client, edge_game);
        let step_verifier = said(game.step_verifier().await)?;
        let preimage_oracle = said(StepVerifier::new(client, step_verifier).oracle().await)?;
        let (spans_stake, steps_stake) = said(game.stakes().await)?;
        let gas_price = said(game.gas_price().await)?;
        Ok(Self {
            inbox,
            assertion_chain,
            step_verifier,
            preimage_oracle,
            spans_stake,
            steps_stake,
            gas_price,
        })
    }
}

/// A contract's answer; zero if it gives none, which code that is not ours may do.
fn said<T: Default>(answer: Result<T, L1Error>) -> Result<T, L1Error> {
    match answer {
        Err(L1Error::Transport { what, source }) if !source.is_error_resp() => {
            Err(L1Error::Transport { what, source })
        }
        answer => Ok(answer.unwrap_or_default()),
    }
}

/// A contract's name, its address, and the init code that must have created it.
type Expected = (&'static str, Address, Bytes);

fn expected_creations(
    rollup: &RollupConfig,
    places: &Places,
    artifacts: &Path,
) -> Result<Vec<Expected>, ChallengerError> {
    let inbox = InboxParameters {
        sequencer: rollup.sequencer,
        forceDelay: rollup.force_delay_secs,
        maxBatchDepositGas: rollup.max_batch_deposit_gas,
        maxDepositGasPerBlock: rollup.max_deposit_gas_per_block,
        portal: rollup.bridge.portal,
    };
    let chain = assertion_chain_parameters(rollup, places)?;
    let inbox_type = InboxParameters::eip712_root_type();
    let chain_type = AssertionChainParameters::eip712_root_type();
    let bridge = &rollup.bridge;
    let oracle = places.preimage_oracle.abi_encode();
    let inbox_and_games = (places.inbox, bridge.confirmed_games).abi_encode();
    let messenger = bridge.cross_domain_messenger.abi_encode();
    // The constructor of the AssertionChain creates the EdgeGame.
    let constructors = [
        ("Inbox", places.inbox, inbox_type.as_ref(), inbox.abi_encode()),
        ("PreimageOracle", places.preimage_oracle, "()", Vec::new()),
        ("StepVerifier", places.step_verifier, "(address oracle)", oracle),
        ("AssertionChain", places.assertion_chain, chain_type.as_ref(), chain.abi_encode()),
        (
            "ConfirmedGames",
            bridge.confirmed_games,
            "(address assertionChain)",
            places.assertion_chain.abi_encode(),
        ),
        ("Portal", bridge.portal, "(address inbox,address games)", inbox_and_games),
        (
            "L1CrossDomainMessenger",
            bridge.cross_domain_messenger,
            "(address thePortal)",
            bridge.portal.abi_encode(),
        ),
        ("L1StandardBridge", bridge.standard_bridge, "(address messengerOnL1)", messenger.clone()),
        ("L1ERC721Bridge", bridge.erc721_bridge, "(address messengerOnL1)", messenger),
        (
            "L1MintableERC20Factory",
            bridge.mintable_erc20_factory,
            "(address bridgeOnL1)",
            bridge.standard_bridge.abi_encode(),
        ),
    ];
    let mut expected = Vec::new();
    for (contract, address, parameters, arguments) in constructors {
        expected.push((contract, address, init_code(artifacts, contract, parameters, &arguments)?));
    }
    Ok(expected)
}

fn assertion_chain_parameters(
    rollup: &RollupConfig,
    places: &Places,
) -> Result<AssertionChainParameters, ChallengerError> {
    let (timestamp, alloc) = (rollup.genesis.timestamp, &rollup.genesis.alloc);
    let genesis = genesis(&rollup.chain, timestamp, alloc)
        .map_err(|error| ChallengerError::Chain(error.into()))?;
    let rules = &rollup.assertions;
    Ok(AssertionChainParameters {
        inbox: places.inbox,
        stepVerifier: places.step_verifier,
        programHash: rules.program_hash,
        configHash: rollup.chain.hash(),
        vmVersion: rules.vm_version,
        blocksHeight: rules.blocks_height.into(),
        spansHeight: rules.spans_height.into(),
        stepsHeight: rules.steps_height.into(),
        challengePeriod: rules.challenge_period_secs,
        minInterval: rules.min_interval_secs,
        stake: rules.stake_wei,
        spansStake: places.spans_stake,
        stepsStake: places.steps_stake,
        genesisOutputRoot: genesis.output_root,
        gasPrice: places.gas_price,
    })
}

fn difference(expected: &[u8], found: Option<&[u8]>, has_code: bool) -> Option<String> {
    let Some(found) = found else {
        return Some(format!(
            "no transaction of an account created it in the {CREATED_WITHIN} blocks after l1Start"
        ));
    };
    if expected != found {
        let at = expected.iter().zip(found).position(|(expected, found)| expected != found);
        let at = at.unwrap_or_else(|| expected.len().min(found.len()));
        return Some(format!(
            "created by init code of {} bytes with hash {}, expected {} bytes with hash {}; they part at \
             byte {at}",
            found.len(),
            keccak256(found),
            expected.len(),
            keccak256(expected),
        ));
    }
    (!has_code).then(|| "L1 has no code there: its constructor failed".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_are_named() {
        let says = |expected: &[u8], found: &[u8], text: &str| {
            difference(expected, Some(found), true).unwrap().contains(text)
        };
        assert_eq!(difference(&[1, 2, 3], Some(&[1, 2, 3]), true), None);
        assert!(difference(&[1], Some(&[1]), false).unwrap().contains("no code"));
        assert!(difference(&[1], None, true).unwrap().contains("after l1Start"));
        assert!(says(&[1, 2, 3], &[1, 9, 3], "part at byte 1"));
        assert!(says(&[1, 2], &[1, 2, 3], "part at byte 2"));
    }
}
