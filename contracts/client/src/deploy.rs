//! Puts the contracts on L1.
//!
//! In: forge's artifacts (`contracts/out`), parameters, a sender. Out: the addresses, and the L1
//! block from which they are to be read. The parameters cannot be changed afterwards: there are no
//! proxies. It computes no L2 genesis: the AssertionChain takes its output root.

use std::{fs, path::Path};

use alloy::{
    providers::Provider,
    rpc::types::TransactionReceipt,
    sol,
    sol_types::{SolStruct, SolValue},
};
use alloy_primitives::{Address, B256, Bytes, U256};
use serde::Deserialize;
use tracing::info;

use crate::{
    AssertionParams, InboxParams, L1Error, bridge::BridgeContracts, prices, rollup_config::L1Start,
    transaction::L1Call, tx_sender::TxSender,
};

/// A stake on the run of one block, as a part of the stake on an assertion.
const SPANS_STAKE_DIVISOR: u64 = 10;
/// A stake on one span of that run, as a part of the stake on an assertion.
const STEPS_STAKE_DIVISOR: u64 = 100;

sol! {
    /// `Inbox.Parameters`.
    struct InboxParameters {
        address sequencer;
        address portal;
        uint64 forceDelay;
        uint64 maxBatchDepositGas;
        uint64 maxDepositGasPerBlock;
    }

    /// `AssertionChain.Parameters`.
    struct AssertionChainParameters {
        address inbox;
        address stepVerifier;
        bytes32 programHash;
        bytes32 configHash;
        uint64 vmVersion;
        uint64 blocksHeight;
        uint64 spansHeight;
        uint64 stepsHeight;
        uint64 challengePeriod;
        uint64 minInterval;
        uint256 stake;
        uint256 spansStake;
        uint256 stepsStake;
        uint256 gasPrice;
        bytes32 genesisOutputRoot;
    }
}

/// What a new chain's contracts are deployed with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeployParams {
    /// Immutables of the Inbox.
    pub inbox: InboxParams,
    /// Immutables of the AssertionChain.
    pub assertions: AssertionParams,
    /// Wei for each gas of the moves that losers pay. Stakes of openings are high enough to pay
    /// them.
    pub reference_gas_price_wei: u64,
    /// Hash of the L2 chain's parameters, part of the program's input in disputes.
    pub config_hash: B256,
    /// Output root of block 0.
    pub genesis_output_root: B256,
}

/// Where the contracts are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deployment {
    /// The L1 block before the contracts existed.
    pub l1_start: L1Start,
    /// Address of the Inbox.
    pub inbox: Address,
    /// Address of the AssertionChain.
    pub assertion_chain: Address,
    /// Addresses of the bridge.
    pub bridge: BridgeContracts,
}

/// Where the contracts will be: an address follows from the deployer and its nonce. Some contracts
/// name each other, so the address of one must be known before it exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeployPlan {
    deployer: Address,
    first_nonce: u64,
}

impl DeployPlan {
    const INBOX: u64 = 0;
    const ASSERTION_CHAIN: u64 = 3;
    const CONFIRMED_GAMES: u64 = 4;
    const PORTAL: u64 = 5;
    const CROSS_DOMAIN_MESSENGER: u64 = 6;
    const STANDARD_BRIDGE: u64 = 7;
    const ERC721_BRIDGE: u64 = 8;
    const MINTABLE_ERC20_FACTORY: u64 = 9;

    /// What [`deploy`] will create if the account sends nothing else before.
    ///
    /// # Errors
    /// [`L1Error::Transport`] when L1 does not answer.
    pub async fn next(sender: &TxSender) -> Result<Self, L1Error> {
        let deployer = sender.address();
        // Pending transactions count, because the sender queues behind them.
        let count = sender.client().provider().get_transaction_count(deployer).pending().await;
        let first_nonce = count.map_err(L1Error::transport("eth_getTransactionCount"))?;
        Ok(Self { deployer, first_nonce })
    }

    /// Where the bridge will be.
    #[must_use]
    pub fn bridge(&self) -> BridgeContracts {
        BridgeContracts {
            portal: self.at(Self::PORTAL),
            confirmed_games: self.at(Self::CONFIRMED_GAMES),
            cross_domain_messenger: self.at(Self::CROSS_DOMAIN_MESSENGER),
            standard_bridge: self.at(Self::STANDARD_BRIDGE),
            erc721_bridge: self.at(Self::ERC721_BRIDGE),
            mintable_erc20_factory: self.at(Self::MINTABLE_ERC20_FACTORY),
        }
    }

    fn at(&self, place: u64) -> Address {
        self.deployer.create(self.first_nonce.saturating_add(place))
    }

    /// Checks that the contract is where other contracts expect it.
    fn check(&self, what: &'static str, place: u64, found: Address) -> Result<(), L1Error> {
        let expected = self.at(place);
        if expected == found {
            return Ok(());
        }
        let (expected, found) = (expected.to_string(), found.to_string());
        Err(L1Error::ConfigMismatch { what, expected, found })
    }
}

/// Deploys Inbox, PreimageOracle, StepVerifier, AssertionChain, which creates its EdgeGame, and the
/// bridge.
///
/// # Errors
/// [`L1Error::File`] when an artifact is missing or does not fit; [`L1Error::ConfigMismatch`] when
/// the deployer sent something else meanwhile, so that a contract is not where the plan says;
/// otherwise as [`TxSender::send`].
// PROTOCOL.md L1-1
pub async fn deploy(
    sender: &TxSender,
    artifacts: &Path,
    params: &DeployParams,
    plan: &DeployPlan,
) -> Result<Deployment, L1Error> {
    let start = sender.client().latest().await?;
    let l1_start = L1Start { number: start.number, hash: start.hash };
    let bridge = plan.bridge();
    let inbox = deploy_inbox(sender, artifacts, &params.inbox, bridge.portal).await?;
    plan.check("address of the Inbox", DeployPlan::INBOX, inbox)?;
    let step_verifier = deploy_step_verifier(sender, artifacts).await?;
    let assertion_chain =
        deploy_assertion_chain(sender, artifacts, inbox, step_verifier, params).await?;
    plan.check("address of the AssertionChain", DeployPlan::ASSERTION_CHAIN, assertion_chain)?;
    deploy_bridge(sender, artifacts, inbox, assertion_chain, plan).await?;
    Ok(Deployment { l1_start, inbox, assertion_chain, bridge })
}

/// Deploys the Inbox alone, for a Portal at this address, and returns its address.
///
/// # Errors
/// As [`deploy`].
pub async fn deploy_inbox(
    sender: &TxSender,
    artifacts: &Path,
    params: &InboxParams,
    portal: Address,
) -> Result<Address, L1Error> {
    let arguments = InboxParameters {
        sequencer: params.sequencer,
        portal,
        forceDelay: params.force_delay_secs,
        maxBatchDepositGas: params.max_batch_deposit_gas,
        maxDepositGasPerBlock: params.max_deposit_gas_per_block,
    };
    create(sender, artifacts, "Inbox", arguments).await
}

/// Deploys the StepVerifier with its PreimageOracle and returns its address. Neither has an owner
/// or a state, so one serves every chain.
///
/// # Errors
/// As [`deploy`].
pub async fn deploy_step_verifier(sender: &TxSender, artifacts: &Path) -> Result<Address, L1Error> {
    let oracle = create_plain(sender, artifacts, "PreimageOracle", "()", &[]).await?;
    let arguments = oracle.abi_encode();
    create_plain(sender, artifacts, "StepVerifier", "(address oracle)", &arguments).await
}

/// Deploys the AssertionChain alone, with its EdgeGame, and returns its address.
///
/// # Errors
/// As [`deploy`].
// PROTOCOL.md L1-2
pub async fn deploy_assertion_chain(
    sender: &TxSender,
    artifacts: &Path,
    inbox: Address,
    step_verifier: Address,
    params: &DeployParams,
) -> Result<Address, L1Error> {
    let (rules, price) = (&params.assertions, params.reference_gas_price_wei);
    let spans = prices::stake_for(prices::answers_gas(rules.spans_height), price);
    let steps = prices::stake_for(prices::step_answers_gas(rules.steps_height), price);
    let arguments = AssertionChainParameters {
        inbox,
        stepVerifier: step_verifier,
        programHash: rules.program_hash,
        configHash: params.config_hash,
        vmVersion: rules.vm_version,
        blocksHeight: u64::from(rules.blocks_height),
        spansHeight: u64::from(rules.spans_height),
        stepsHeight: u64::from(rules.steps_height),
        challengePeriod: rules.challenge_period_secs,
        minInterval: rules.min_interval_secs,
        stake: rules.stake_wei,
        spansStake: spans.max(part_of(rules.stake_wei, SPANS_STAKE_DIVISOR)),
        stepsStake: steps.max(part_of(rules.stake_wei, STEPS_STAKE_DIVISOR)),
        gasPrice: U256::from(price),
        genesisOutputRoot: params.genesis_output_root,
    };
    create(sender, artifacts, "AssertionChain", arguments).await
}

/// The least stake on an assertion: half of it pays for all answers to it, and for a right
/// proposal.
#[must_use]
pub fn stake_min(blocks_height: u8, reference_gas_price_wei: u64) -> U256 {
    let gas = prices::answers_gas(blocks_height).saturating_add(prices::PROPOSAL_GAS);
    prices::stake_for(gas, reference_gas_price_wei)
}

/// Deploys the contracts of the bridge: the Portal, which holds the ether, and those that use it.
async fn deploy_bridge(
    sender: &TxSender,
    artifacts: &Path,
    inbox: Address,
    assertion_chain: Address,
    plan: &DeployPlan,
) -> Result<(), L1Error> {
    let arguments = assertion_chain.abi_encode();
    let takes = "(address assertionChain)";
    let games = create_plain(sender, artifacts, "ConfirmedGames", takes, &arguments).await?;
    plan.check("address of ConfirmedGames", DeployPlan::CONFIRMED_GAMES, games)?;
    let arguments = (inbox, games).abi_encode();
    let takes = "(address inbox,address games)";
    let portal = create_plain(sender, artifacts, "Portal", takes, &arguments).await?;
    plan.check("address of the Portal", DeployPlan::PORTAL, portal)?;
    let (name, takes) = ("L1CrossDomainMessenger", "(address thePortal)");
    let messenger = create_plain(sender, artifacts, name, takes, &portal.abi_encode()).await?;
    plan.check("address of the messenger", DeployPlan::CROSS_DOMAIN_MESSENGER, messenger)?;
    let (name, takes) = ("L1StandardBridge", "(address messengerOnL1)");
    let bridge = create_plain(sender, artifacts, name, takes, &messenger.abi_encode()).await?;
    plan.check("address of the standard bridge", DeployPlan::STANDARD_BRIDGE, bridge)?;
    let name = "L1ERC721Bridge";
    let tokens = create_plain(sender, artifacts, name, takes, &messenger.abi_encode()).await?;
    plan.check("address of the ERC-721 bridge", DeployPlan::ERC721_BRIDGE, tokens)?;
    let (name, takes) = ("L1MintableERC20Factory", "(address bridgeOnL1)");
    let factory = create_plain(sender, artifacts, name, takes, &bridge.abi_encode()).await?;
    plan.check("address of the token factory", DeployPlan::MINTABLE_ERC20_FACTORY, factory)
}

/// A part of a stake, at least one wei: no stake is free.
fn part_of(stake_wei: U256, divisor: u64) -> U256 {
    (stake_wei / U256::from(divisor)).max(U256::ONE)
}

async fn create<T: SolStruct + SolValue>(
    sender: &TxSender,
    artifacts: &Path,
    contract: &str,
    arguments: T,
) -> Result<Address, L1Error> {
    let parameters = T::eip712_root_type();
    create_plain(sender, artifacts, contract, &parameters, &arguments.abi_encode()).await
}

async fn create_plain(
    sender: &TxSender,
    artifacts: &Path,
    contract: &str,
    parameters: &str,
    arguments: &[u8],
) -> Result<Address, L1Error> {
    let code = load_init_code(artifacts, contract, parameters)?;
    let init_code = [code.as_ref(), arguments].concat();
    let receipt = sender.send(L1Call::create(init_code)).await?;
    let address = created(&receipt)?;
    info!(contract, %address, gas = receipt.gas_used, "deployed");
    Ok(address)
}

fn created(receipt: &TransactionReceipt) -> Result<Address, L1Error> {
    receipt.contract_address.ok_or_else(|| L1Error::Missing {
        what: format!("the address of the contract created by {}", receipt.transaction_hash),
    })
}

/// Init code, to create a contract elsewhere than on L1: the code that forge built, then the
/// constructor's encoded arguments, whose types are `parameters`, written `(type name,type name)`.
///
/// # Errors
/// [`L1Error::File`] when the artifact is missing or its constructor takes something else.
pub fn init_code(
    artifacts: &Path,
    contract: &str,
    parameters: &str,
    arguments: &[u8],
) -> Result<Bytes, L1Error> {
    let code = load_init_code(artifacts, contract, parameters)?;
    Ok([code.as_ref(), arguments].concat().into())
}

/// The part of forge's artifact that matters here.
#[derive(Debug, Deserialize)]
struct Artifact {
    abi: Vec<AbiItem>,
    bytecode: Bytecode,
}

#[derive(Debug, Deserialize)]
struct AbiItem {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    inputs: Vec<AbiType>,
}

#[derive(Debug, Deserialize)]
struct AbiType {
    #[serde(rename = "type")]
    kind: String,
    name: String,
    #[serde(default)]
    components: Vec<Self>,
}

#[derive(Debug, Deserialize)]
struct Bytecode {
    object: Bytes,
}

impl AbiItem {
    /// `type name,type name` of the arguments, or of the fields of the only one if it is a struct.
    fn fields(&self) -> String {
        let fields = match self.inputs.as_slice() {
            [only] if !only.components.is_empty() => &only.components,
            arguments => arguments,
        };
        let names = fields.iter().map(|field| format!("{} {}", field.kind, field.name));
        names.collect::<Vec<_>>().join(",")
    }
}

/// Init code of a contract whose constructor takes these arguments, or one struct with these
/// fields, written `Name(type name,type name)` as in EIP-712.
fn load_init_code(artifacts: &Path, contract: &str, parameters: &str) -> Result<Bytes, L1Error> {
    let path = artifacts.join(format!("{contract}.sol")).join(format!("{contract}.json"));
    let error = |reason: String| L1Error::File { path: path.clone(), reason };
    let text = fs::read(&path).map_err(|cause| error(format!("{cause}; run forge build")))?;
    // Code with unlinked libraries is not hex and fails here.
    let artifact: Artifact = serde_json::from_slice(&text)
        .map_err(|cause| error(format!("not an artifact: {cause}")))?;
    let constructor = artifact.abi.iter().find(|item| item.kind == "constructor");
    let found = format!("({})", constructor.map(AbiItem::fields).unwrap_or_default());
    let expected = parameters.trim_start_matches(|c| c != '(');
    if found != expected {
        return Err(error(format!("constructor takes {found}, expected {expected}")));
    }
    if artifact.bytecode.object.is_empty() {
        return Err(error("no bytecode: an interface or abstract contract".to_owned()));
    }
    Ok(artifact.bytecode.object)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_artifact_that_does_not_fit_is_refused_with_the_reason() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("Thing.sol");
        fs::create_dir(&folder).unwrap();
        let load = |json: &str| {
            fs::write(folder.join("Thing.json"), json).unwrap();
            load_init_code(dir.path(), "Thing", "Thing(address a,uint64 b)")
        };
        let artifact = |types: [&str; 2], code: &str| {
            format!(
                r#"{{"abi":[{{"type":"constructor","inputs":[{{"type":"tuple","components":
                [{{"type":"{}","name":"a"}},{{"type":"{}","name":"b"}}],"name":"p"}}]}}],
                "bytecode":{{"object":"{code}"}}}}"#,
                types[0], types[1]
            )
        };
        assert_eq!(load(&artifact(["address", "uint64"], "0x6001")).unwrap().as_ref(), [0x60, 1]);
        let flat = r#"{"abi":[{"type":"constructor","inputs":[{"type":"address","name":"a"},
            {"type":"uint64","name":"b"}]}],"bytecode":{"object":"0x6002"}}"#;
        assert_eq!(load(flat).unwrap().as_ref(), [0x60, 2]);
        let reason = |json: &str| load(json).unwrap_err().to_string();
        let error = reason(&artifact(["address", "uint32"], "0x6001"));
        assert!(
            error.contains("takes (address a,uint32 b), expected (address a,uint64 b)"),
            "{error}"
        );
        let error = reason(&artifact(["address", "uint64"], "0x"));
        assert!(error.contains("no bytecode"), "{error}");
        let error = reason(&artifact(["address", "uint64"], "0x60__$lib$__"));
        assert!(error.contains("not an artifact"), "{error}");
        let error = load_init_code(dir.path(), "Other", "").unwrap_err().to_string();
        assert!(error.contains("Other.json") && error.contains("forge build"), "{error}");
    }
}
