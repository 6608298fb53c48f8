//! Whether the contracts on L1 are those that this repository builds.
//!
//! In: forge's artifacts, `rollup.json`, and the code that L1 has. Out: a [`Verdict`] for each
//! contract of the chain. Each constructor runs here, in a new EVM at the contract's address on L1,
//! with the arguments of this chain. The code that it returns is compared byte by byte, with all
//! immutables. Storage is not compared: what nobody but a constructor can write follows from the
//! code, and none of the contracts deletes or upgrades itself.

use std::path::Path;

use alloy_primitives::{Address, Bytes, TxKind, U256, keccak256};
use alloy_sol_types::{SolStruct, SolValue};
use gainsay_l1::{
    AssertionChainParameters, EdgeGame, InboxParameters, L1Client, L1Error, RollupConfig,
    StepVerifier, init_code,
};
use gainsay_transition::genesis;
use revm::{
    Context, Database, ExecuteCommitEvm, MainBuilder, MainContext,
    bytecode::Bytecode,
    context::{TxEnv, result::ExecutionResult},
    database::InMemoryDB,
    primitives::hardfork::SpecId,
    state::AccountInfo,
};

use crate::ChallengerError;

/// Gas of a constructor: a transaction that creates the contract on L1 cannot have more.
const CONSTRUCTOR_GAS: u64 = 1 << 24;

/// The sender that runs the constructors here. It must have no code, so it is no contract's
/// address.
const DEPLOYER: Address = Address::repeat_byte(0xca);

/// The result for one contract.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Name of the contract in `contracts/src`.
    pub contract: &'static str,
    /// Address of the contract on L1.
    pub address: Address,
    /// How its code differs from what this repository builds; `None` if it does not differ.
    pub difference: Option<String>,
}

/// Where the contracts of a chain are, and what L1 alone knows of their parameters.
///
/// A contract that is not ours may answer anything. That is safe: its answers are only arguments of
/// our constructors, whose code is compared with the code on L1.
#[derive(Clone, Copy, Debug)]
struct Places {
    inbox: Address,
    assertion_chain: Address,
    edge_game: Address,
    step_verifier: Address,
    preimage_oracle: Address,
    spans_stake: U256,
    steps_stake: U256,
    gas_price: U256,
}

/// Compares the code of all contracts of a chain with what forge built.
///
/// # Errors
/// When an artifact is missing or does not fit, or L1 does not answer.
pub async fn verify_deployment(
    client: &L1Client,
    rollup: &RollupConfig,
    artifacts: &Path,
) -> Result<Vec<Verdict>, ChallengerError> {
    let places = Places::find(client, rollup).await?;
    let expected = expected_codes(rollup, &places, artifacts)?;
    let mut verdicts = Vec::new();
    for (contract, address, expected) in expected {
        let found = client.code(address).await?;
        let difference = match expected {
            Ok(expected) => difference(&expected, &found),
            Err(reason) => Some(reason),
        };
        verdicts.push(Verdict { contract, address, difference });
    }
    Ok(verdicts)
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
            edge_game,
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

/// A contract's name, its address, and the code that must be there or why a constructor refuses.
type Expected = (&'static str, Address, Result<Bytes, String>);

fn expected_codes(
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
    let oracle = places.preimage_oracle.abi_encode();
    let inbox_type = InboxParameters::eip712_root_type();
    let chain_type = AssertionChainParameters::eip712_root_type();
    let constructors = [
        ("Inbox", places.inbox, inbox_type.as_ref(), inbox.abi_encode()),
        ("PreimageOracle", places.preimage_oracle, "()", Vec::new()),
        ("StepVerifier", places.step_verifier, "(address oracle)", oracle),
        ("AssertionChain", places.assertion_chain, chain_type.as_ref(), chain.abi_encode()),
    ];
    let mut l1 = InMemoryDB::default();
    let mut expected = Vec::new();
    for (contract, address, parameters, arguments) in constructors {
        let init_code = init_code(artifacts, contract, parameters, &arguments)?;
        expected.push((contract, address, construct(&mut l1, address, init_code)));
    }
    // The constructor of the AssertionChain has created the game.
    let game = l1.basic(places.edge_game).ok().flatten().and_then(|account| account.code);
    let game = game.map(|code| code.original_bytes()).filter(|code| !code.is_empty());
    let game = game.ok_or_else(|| "the AssertionChain creates no game".to_owned());
    expected.push(("EdgeGame", places.edge_game, game));
    // The constructors of the bridge call the contracts above.
    let bridge = &rollup.bridge;
    let messenger = bridge.cross_domain_messenger.abi_encode();
    let inbox_and_games = (places.inbox, bridge.confirmed_games).abi_encode();
    let constructors = [
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
    for (contract, address, parameters, arguments) in constructors {
        let init_code = init_code(artifacts, contract, parameters, &arguments)?;
        expected.push((contract, address, construct(&mut l1, address, init_code)));
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

/// Runs a constructor at an address of `l1`, and leaves there the code that it returns.
///
/// The init code is called as if it was the contract's: it reads its arguments behind its own end,
/// and what it creates has the address that it has on L1.
fn construct(l1: &mut InMemoryDB, address: Address, init_code: Bytes) -> Result<Bytes, String> {
    set_code(l1, address, init_code);
    let mut evm = Context::mainnet()
        .with_db(&mut *l1)
        .modify_cfg_chained(|cfg| {
            cfg.set_spec_and_mainnet_gas_params(SpecId::OSAKA);
            cfg.disable_nonce_check = true;
        })
        .build_mainnet();
    let kind = TxKind::Call(address);
    let result = evm.transact_commit(TxEnv {
        caller: DEPLOYER,
        kind,
        gas_limit: CONSTRUCTOR_GAS,
        ..TxEnv::default()
    });
    drop(evm);
    match result.map_err(|error| format!("its constructor cannot run: {error:?}"))? {
        ExecutionResult::Success { output, .. } => {
            let code = output.into_data();
            set_code(l1, address, code.clone());
            Ok(code)
        }
        refused => Err(format!("its constructor refuses what rollup.json says: {refused:?}")),
    }
}

/// A contract has nonce 1 while its constructor runs, and what it creates is counted from there.
fn set_code(l1: &mut InMemoryDB, address: Address, code: Bytes) {
    let code = Bytecode::new_raw(code);
    let account = AccountInfo { nonce: 1, code_hash: code.hash_slow(), ..AccountInfo::default() };
    l1.insert_account_info(address, account.with_code(code));
}

fn difference(expected: &[u8], found: &[u8]) -> Option<String> {
    if expected == found {
        return None;
    }
    if found.is_empty() {
        return Some("L1 has no code there".to_owned());
    }
    let at = expected.iter().zip(found).position(|(expected, found)| expected != found);
    let at = at.unwrap_or_else(|| expected.len().min(found.len()));
    Some(format!(
        "found code of {} bytes with hash {}, expected {} bytes with hash {}; they part at byte {at}",
        found.len(),
        keccak256(found),
        expected.len(),
        keccak256(expected),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_are_named() {
        assert_eq!(difference(&[1, 2, 3], &[1, 2, 3]), None);
        assert!(difference(&[1], &[]).unwrap().contains("no code"));
        assert!(difference(&[1, 2, 3], &[1, 9, 3]).unwrap().contains("part at byte 1"));
        assert!(difference(&[1, 2], &[1, 2, 3]).unwrap().contains("part at byte 2"));
    }

    /// Init code that creates a contract with the code `fe` and returns its argument.
    #[test]
    fn a_constructor_runs_where_its_contract_is() {
        let mut l1 = InMemoryDB::default();
        let address = Address::repeat_byte(7);
        // The init code of a contract with the code `fe`, to memory 0; then create(0, 0, 8).
        let child: U256 = U256::from(0x60fe_5f53_6001_5ff3_u64) << 192;
        let mut code = vec![0x7f];
        code.extend(child.to_be_bytes::<32>());
        code.extend([0x5f, 0x52, 0x60, 8, 0x5f, 0x5f, 0xf0, 0x50]);
        // The last word of its own code, the argument, is what it returns.
        code.extend([0x60, 32, 0x60, 32, 0x38, 0x03, 0x5f, 0x39, 0x60, 32, 0x5f, 0xf3]);
        code.extend([0x42; 32]);
        assert_eq!(construct(&mut l1, address, code.into()).unwrap().as_ref(), [0x42; 32]);
        let created = l1.basic(address.create(1)).unwrap().unwrap();
        assert_eq!(created.code.unwrap().original_bytes().as_ref(), [0xfe]);
        let refused = construct(&mut l1, address, Bytes::from_static(&[0x5f, 0x5f, 0xfd]));
        assert!(refused.unwrap_err().contains("Revert"));
    }
}
