//! The accounts of block 0: predeploys, preinstalls and funded accounts.
//!
//! In: `predeploys.json` and `preinstalls.json` of `contracts/genesis` (which say what their fields
//! mean), the artifacts that forge built, the values of the manifest's parameters. Out: the alloc
//! of `rollup.json`, and block 0 made of it. Every code is compared with its expected hash, and an
//! unknown field or parameter is an error, because a genesis can never be changed.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use anyhow::{Context, bail, ensure};
use gainsay_derivation::ChainConfig;
use gainsay_l1::{Genesis, GenesisAccount};
use gainsay_transition::{GenesisError, SealedBlock, genesis};
use serde::{Deserialize, de::DeserializeOwned};

use super::amount::{Funding, parse_address};

/// Largest JSON file read.
const FILE_BYTES_MAX: u64 = 64 << 20;

/// `predeploys.json`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    #[expect(dead_code, reason = "for human readers of the file")]
    about: Vec<String>,
    parameters: BTreeMap<String, Parameter>,
    predeploys: Vec<Predeploy>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Parameter {
    #[serde(rename = "type")]
    kind: String,
    default: Option<String>,
    is: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Predeploy {
    name: String,
    address: Address,
    artifact: PathBuf,
    storage: Vec<StorageWord>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct StorageWord {
    slot: u64,
    fields: Vec<StorageField>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct StorageField {
    parameter: String,
    offset_bytes: usize,
    size_bytes: usize,
}

/// One entry of `preinstalls.json`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Preinstall {
    name: String,
    address: Address,
    code_hash: B256,
    code: Bytes,
    domain: Option<Domain>,
    #[serde(default)]
    patches: Vec<Patch>,
}

/// EIP-712 domain that a preinstall keeps as an immutable.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Domain {
    type_hash: B256,
    name_hash: B256,
}

/// A word of code that depends on the chain.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Patch {
    offset: usize,
    value: PatchValue,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
enum PatchValue {
    ChainId,
    DomainSeparator,
}

/// The part of forge's artifact that holds the runtime code.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Artifact {
    deployed_bytecode: DeployedBytecode,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct DeployedBytecode {
    object: String,
    #[serde(default)]
    immutable_references: BTreeMap<String, serde_json::Value>,
}

/// Where the accounts of block 0 come from.
#[derive(Clone, Debug)]
pub struct GenesisSources<'a> {
    /// Folder with `predeploys.json` and `preinstalls.json`.
    pub manifest: &'a Path,
    /// Folder with forge's artifacts.
    pub artifacts: &'a Path,
    /// L2 chain id.
    pub chain_id: u64,
    /// Values of the manifest's parameters, where they differ from its defaults.
    pub parameters: BTreeMap<String, U256>,
    /// Accounts with a balance.
    pub funds: &'a [Funding],
}

/// Collects the accounts of block 0.
///
/// # Errors
/// A manifest or an artifact that cannot be read, or does not fit the parameters.
// PROTOCOL.md GENESIS-3
pub fn build_alloc(
    sources: &GenesisSources<'_>,
) -> anyhow::Result<BTreeMap<Address, GenesisAccount>> {
    let manifest_path = sources.manifest.join("predeploys.json");
    let manifest: Manifest = read_json(&manifest_path)?;
    let parameters = resolve_parameters(&manifest.parameters, &sources.parameters)
        .with_context(|| manifest_path.display().to_string())?;
    let mut alloc = BTreeMap::new();
    for predeploy in &manifest.predeploys {
        let what = || format!("predeploy {} ({})", predeploy.name, predeploy.address);
        let code =
            read_artifact(&sources.artifacts.join(&predeploy.artifact)).with_context(what)?;
        let storage = predeploy_storage(predeploy, &parameters).with_context(what)?;
        let account = GenesisAccount { nonce: 1, code, storage, ..Default::default() };
        ensure!(alloc.insert(predeploy.address, account).is_none(), "{}: listed twice", what());
    }
    let preinstalls: Vec<Preinstall> = read_json(&sources.manifest.join("preinstalls.json"))?;
    for preinstall in preinstalls {
        let what = format!("preinstall {} ({})", preinstall.name, preinstall.address);
        let address = preinstall.address;
        let code = preinstall_code(preinstall, sources.chain_id).with_context(|| what.clone())?;
        let account = GenesisAccount { nonce: 1, code, ..Default::default() };
        ensure!(alloc.insert(address, account).is_none(), "{what}: listed twice");
    }
    for funding in sources.funds {
        let account: &mut GenesisAccount = alloc.entry(funding.address).or_default();
        account.balance = account.balance.checked_add(funding.wei).with_context(|| {
            format!("--fund {}: the sum is above 2^256 - 1 wei", funding.address)
        })?;
    }
    Ok(alloc)
}

/// Makes block 0 of a chain.
///
/// # Errors
/// Accounts that make no genesis.
pub fn genesis_block(chain: &ChainConfig, from: &Genesis) -> Result<SealedBlock, GenesisError> {
    let account = |account: &GenesisAccount| gainsay_transition::GenesisAccount {
        balance: account.balance,
        nonce: account.nonce,
        code: account.code.clone(),
        storage: account.storage.clone(),
    };
    let alloc = from.alloc.iter().map(|(address, it)| (*address, account(it))).collect();
    genesis(chain, from.timestamp, &alloc)
}

fn resolve_parameters(
    declared: &BTreeMap<String, Parameter>,
    given: &BTreeMap<String, U256>,
) -> anyhow::Result<BTreeMap<String, U256>> {
    if let Some(unknown) = given.keys().find(|name| !declared.contains_key(*name)) {
        let known: Vec<_> = declared.keys().map(String::as_str).collect();
        bail!("it has no parameter {unknown}, expected one of {}", known.join(", "));
    }
    let mut values = BTreeMap::new();
    for (name, parameter) in declared {
        let value = match (given.get(name), &parameter.default) {
            (Some(value), _) => *value,
            (None, Some(default)) => parse_default(parameter, default)
                .with_context(|| format!("default of parameter {name}: found `{default}`"))?,
            (None, None) => bail!("parameter {name} ({}) has no value", parameter.is),
        };
        let size = type_bytes(&parameter.kind).with_context(|| format!("parameter {name}"))?;
        check_size(value, size).with_context(|| format!("parameter {name}"))?;
        values.insert(name.clone(), value);
    }
    Ok(values)
}

fn parse_default(parameter: &Parameter, default: &str) -> anyhow::Result<U256> {
    if parameter.kind == "address" && default.starts_with("0x") {
        return Ok(parse_address(default)?.into_word().into());
    }
    U256::from_str_radix(default, 10).context("expected a decimal number or an address")
}

fn type_bytes(kind: &str) -> anyhow::Result<usize> {
    Ok(match kind {
        "address" => 20,
        "uint8" => 1,
        "uint32" => 4,
        "uint64" => 8,
        "uint256" => 32,
        other => bail!("found type {other}, expected address, uint8, uint32, uint64 or uint256"),
    })
}

fn check_size(value: U256, size_bytes: usize) -> anyhow::Result<()> {
    let found = value.byte_len();
    ensure!(found <= size_bytes, "value {value} has {found} bytes, expected at most {size_bytes}");
    Ok(())
}

fn predeploy_storage(
    predeploy: &Predeploy,
    parameters: &BTreeMap<String, U256>,
) -> anyhow::Result<BTreeMap<B256, B256>> {
    let mut storage = BTreeMap::new();
    for word in &predeploy.storage {
        let slot = word.slot;
        let mut value = U256::ZERO;
        let mut used = U256::ZERO;
        for field in &word.fields {
            let name = &field.parameter;
            let (offset, size) = (field.offset_bytes, field.size_bytes);
            let fits =
                (1..=32).contains(&size) && offset.checked_add(size).is_some_and(|it| it <= 32);
            ensure!(fits, "slot {slot}, {name}: {size} bytes at {offset} are no part of a word");
            let found = parameters.get(name);
            let found = found.with_context(|| format!("slot {slot}: no parameter {name}"))?;
            check_size(*found, size).with_context(|| format!("slot {slot}, {name}"))?;
            let mask = (U256::MAX >> (256 - 8 * size)) << (8 * offset);
            ensure!((used & mask).is_zero(), "slot {slot}: {name} overlaps another field");
            used |= mask;
            value |= *found << (8 * offset);
        }
        let key = B256::from(U256::from(slot));
        ensure!(!storage.contains_key(&key), "slot {slot} is listed twice");
        if !value.is_zero() {
            storage.insert(key, B256::from(value));
        }
    }
    Ok(storage)
}

fn preinstall_code(preinstall: Preinstall, chain_id: u64) -> anyhow::Result<Bytes> {
    let (found, expected) = (keccak256(&preinstall.code), preinstall.code_hash);
    ensure!(found == expected, "code has hash {found}, expected {expected}");
    let mut code = preinstall.code.to_vec();
    let chain_id = B256::from(U256::from(chain_id));
    for patch in &preinstall.patches {
        let value = match patch.value {
            PatchValue::ChainId => chain_id,
            PatchValue::DomainSeparator => {
                let domain = preinstall.domain.as_ref().context("a patch needs its `domain`")?;
                let address = preinstall.address.into_word();
                let words = [domain.type_hash, domain.name_hash, chain_id, address];
                keccak256(words.concat())
            }
        };
        let end = patch.offset.checked_add(32);
        let place = end.and_then(|end| code.get_mut(patch.offset..end));
        let place =
            place.with_context(|| format!("patch at {} is beyond the code", patch.offset))?;
        ensure!(place.iter().all(|it| *it == 0), "patch at {} would overwrite code", patch.offset);
        place.copy_from_slice(value.as_slice());
    }
    Ok(code.into())
}

fn read_artifact(path: &Path) -> anyhow::Result<Bytes> {
    let artifact: Artifact = read_json(path).context("run forge build in contracts/")?;
    let code = artifact.deployed_bytecode;
    let place = path.display();
    ensure!(
        code.immutable_references.is_empty(),
        "{place}: the contract has immutables, which genesis cannot set"
    );
    let bytes: Bytes = code.object.parse().map_err(|_| {
        anyhow::anyhow!("{place}: its runtime code is not plain hex: is a library not linked?")
    })?;
    ensure!(!bytes.is_empty(), "{place}: no runtime code: an interface or an abstract contract");
    Ok(bytes)
}

fn read_json<T: DeserializeOwned>(path: &Path) -> anyhow::Result<T> {
    let place = path.display();
    let size = fs::metadata(path).with_context(|| format!("{place}"))?.len();
    ensure!(size <= FILE_BYTES_MAX, "{place}: {size} bytes, expected at most {FILE_BYTES_MAX}");
    let text = fs::read(path).with_context(|| format!("{place}"))?;
    serde_json::from_slice(&text)
        .with_context(|| format!("{place}: not the JSON that was expected"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::address;
    use gainsay_store::{Store, StoreOptions};
    use gainsay_transition::{BlockState, L1FeeParams};

    const PERMIT2: Address = address!("000000000022D473030F116dDEE9F6B43aC78BA3");
    /// Hash of Permit2's code on Ethereum.
    const PERMIT2_ON_ETHEREUM: &str =
        "0xc67d1657868aa5146eaf24fb879fb1fdec3d2d493b3683a61c9c2f4fb2851131";

    fn manifest() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../contracts/genesis")
    }

    /// Artifacts for every predeploy: code is what the EVM stops at.
    fn artifacts() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        let manifest: Manifest = read_json(&manifest().join("predeploys.json")).unwrap();
        for predeploy in manifest.predeploys {
            let path = dir.path().join(predeploy.artifact);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, r#"{"deployedBytecode":{"object":"0x00"}}"#).unwrap();
        }
        dir
    }

    fn parameters() -> BTreeMap<String, U256> {
        let values = [
            ("l1BlockNumber", 7_u64),
            ("l1Timestamp", 1_700_000_000),
            ("l1BaseFee", 20_000_000_000),
            ("l1BlobBaseFee", 3_000_000_000),
            ("feeRecipient", 0x1234),
        ];
        values.map(|(name, value)| (name.to_owned(), U256::from(value))).into()
    }

    fn sources<'a>(manifest: &'a Path, artifacts: &'a Path) -> GenesisSources<'a> {
        GenesisSources { manifest, artifacts, chain_id: 1, parameters: parameters(), funds: &[] }
    }

    #[test]
    fn the_manifest_gives_the_genesis_that_the_transition_reads() {
        let (manifest, artifacts) = (manifest(), artifacts());
        let user = address!("00000000000000000000000000000000000000aa");
        let funds = [Funding { address: user, wei: U256::from(5) }; 2];
        let sources = GenesisSources { funds: &funds, ..sources(&manifest, artifacts.path()) };
        let alloc = build_alloc(&sources).unwrap();
        assert_eq!(alloc[&user].balance, U256::from(10));
        assert_eq!(keccak256(&alloc[&PERMIT2].code).to_string(), PERMIT2_ON_ETHEREUM);
        assert!(alloc.values().all(|it| it.nonce == 1 || it.code.is_empty()));

        let chain = ChainConfig {
            chain_id: 1,
            block_gas_limit: 30_000_000,
            base_fee_change_denominator: 250,
            elasticity: 6,
            min_base_fee_wei: 1,
            initial_base_fee_wei: 1,
            sequencer_window_secs: 1,
            sequencer_drift_secs: 1,
            max_blocks_per_sec: 1,
        };
        let genesis = Genesis { timestamp: 9, alloc };
        let block = genesis_block(&chain, &genesis).unwrap();
        assert_eq!(block.header.timestamp, 9);
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path(), &StoreOptions::default()).unwrap();
        store.init_genesis(&block).unwrap();
        let mut state = BlockState::new(store.state(), 1, Box::new(|| B256::ZERO));
        let expected = L1FeeParams {
            base_fee: U256::from(20_000_000_000_u64),
            blob_base_fee: U256::from(3_000_000_000_u64),
            base_fee_scalar: 5_227,
            blob_base_fee_scalar: 1_014_213,
        };
        assert_eq!(L1FeeParams::read(&mut state).unwrap(), expected);
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let (manifest, artifacts) = (manifest(), artifacts());
        let error = |change: &dyn Fn(&mut GenesisSources<'_>)| {
            let mut sources = sources(&manifest, artifacts.path());
            change(&mut sources);
            format!("{:#}", build_alloc(&sources).unwrap_err())
        };
        let found = error(&|it| {
            it.parameters.remove("feeRecipient");
        });
        assert!(found.contains("parameter feeRecipient") && found.contains("no value"), "{found}");
        let found = error(&|it| {
            it.parameters.insert("feeRecipent".into(), U256::ONE);
        });
        assert!(found.contains("no parameter feeRecipent, expected one of"), "{found}");
        let found = error(&|it| {
            it.parameters.insert("l1Timestamp".into(), U256::MAX);
        });
        assert!(found.contains("l1Timestamp") && found.contains("expected at most 8"), "{found}");

        let l1_block = artifacts.path().join("L1Block.sol/L1Block.json");
        for (json, reason) in [
            (r#"{"deployedBytecode":{"object":"0x"}}"#, "no runtime code"),
            (r#"{"deployedBytecode":{"object":"0x60__$ab$__"}}"#, "a library not linked"),
            (
                r#"{"deployedBytecode":{"object":"0x00","immutableReferences":{"1":[]}}}"#,
                "has immutables",
            ),
            ("{}", "deployedBytecode"),
        ] {
            fs::write(&l1_block, json).unwrap();
            let found = error(&|_| {});
            assert!(found.contains("predeploy L1Block") && found.contains(reason), "{found}");
        }
        fs::remove_file(&l1_block).unwrap();
        let found = error(&|_| {});
        assert!(found.contains("L1Block.json") && found.contains("forge build"), "{found}");
    }

    #[test]
    fn a_preinstall_is_what_its_hash_says() {
        let path = manifest().join("preinstalls.json");
        let load = || read_json::<Vec<Preinstall>>(&path).unwrap();
        let permit2 = || load().into_iter().find(|it| it.address == PERMIT2).unwrap();
        let mut changed = permit2();
        changed.code_hash = B256::ZERO;
        assert!(preinstall_code(changed, 1).unwrap_err().to_string().contains("expected 0x0000"));
        let mut changed = permit2();
        changed.patches[0].offset = 0;
        assert!(preinstall_code(changed, 1).unwrap_err().to_string().contains("overwrite"));
        let mut changed = permit2();
        changed.patches[0].offset = usize::MAX;
        assert!(preinstall_code(changed, 1).unwrap_err().to_string().contains("beyond"));
        assert_ne!(preinstall_code(permit2(), 1).unwrap(), preinstall_code(permit2(), 2).unwrap());
    }
}
