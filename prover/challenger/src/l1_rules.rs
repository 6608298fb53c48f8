//! Whether L1's rules are those that the contracts and the program were made for: Ethereum at
//! Osaka.
//!
//! In: an L1 node. Out: what differs, as text. It does not compare the names of forks, because no
//! program can know the names of future forks. It looks at three things:
//!
//! | what | how | sees |
//! |---|---|---|
//! | a *probe*: code that measures its own gas | `eth_call`, and the same code in revm at Osaka | prices and results of precompiles and opcodes, new precompiles |
//! | calldata | `eth_call` with exactly the gas that it costs at Osaka | a higher price of calldata |
//! | `eth_config` ([EIP-7910](https://eips.ethereum.org/EIPS/eip-7910)), where the node has it | precompiles and system contracts of the fork that rules and of the next one | a fork before it comes |
//!
//! A fork that changes none of these, such as one of blob parameters alone, is no finding. No
//! transaction is sent, and no account is needed.

use std::collections::BTreeSet;

use alloy::{
    network::TransactionBuilder, providers::Provider, rpc::types::TransactionRequest,
    transports::TransportResult,
};
use alloy_primitives::{Address, Bytes, TxKind, U256, hex};
use gainsay_l1::{L1Client, L1Error};
use revm::{
    Context, ExecuteEvm, MainBuilder, MainContext,
    context::{TxEnv, result::ExecutionResult},
    database::InMemoryDB,
    precompile::u64_to_address,
    primitives::hardfork::SpecId,
};
use serde_json::Value;

/// The sender of the calls. It has no ether and needs none.
const NOBODY: Address = Address::repeat_byte(0xca);
/// Gas of the probe.
const PROBE_GAS: u64 = 12_000_000;
/// Gas of each measured call: more than the most expensive one takes. A call that fails takes all.
const CALL_GAS: u32 = 300_000;
/// Where the probe keeps its results, above all inputs.
const RESULTS: u16 = 0x1000;
/// Bytes of calldata that are sent to nobody, none of them zero.
const CALLDATA_BYTES: u64 = 1_000;
/// Gas of these bytes at Osaka: [EIP-7623](https://eips.ethereum.org/EIPS/eip-7623).
const CALLDATA_GAS: u64 = 21_000 + 40 * CALLDATA_BYTES;

/// The last of the precompiles that stand in a row from 1 on, and the one that stands alone.
const LAST: u64 = 0x11;
const P256_VERIFY: u64 = 0x100;

/// A point evaluation that is right, of the polynomial 0 at 0: versioned hash, point, value,
/// commitment and proof ([EIP-4844](https://eips.ethereum.org/EIPS/eip-4844)).
const KZG_HASH: [u8; 32] = hex!("010657f37554c781402a22917dee2f75def7ab966d7b770905398eba3c444014");
const INFINITY: u8 = 0xc0;

/// The differences between L1's rules and those that this program knows; empty if there are none.
///
/// # Errors
/// When L1 does not answer. A node that answers, but cannot do what is asked, is a finding.
pub async fn unknown_rules(client: &L1Client) -> Result<Vec<String>, L1Error> {
    let mut findings = Vec::new();
    let probe = probe();
    let request = TransactionRequest::default()
        .with_from(NOBODY)
        .with_gas_limit(PROBE_GAS)
        .with_deploy_code(probe.code.clone());
    let answer: TransportResult<Bytes> = client.provider().call(request).await;
    match refused(answer)? {
        Ok(measured) => findings.extend(probe.differences(&measured)),
        Err(reason) => findings.push(format!("L1 cannot run code of Osaka: {reason}")),
    }
    let calldata = vec![1; usize::try_from(CALLDATA_BYTES).unwrap_or_default()];
    let request = TransactionRequest::default()
        .with_from(NOBODY)
        .with_to(NOBODY)
        .with_gas_limit(CALLDATA_GAS)
        .with_input(calldata);
    if let Err(reason) = refused(client.provider().call(request).await)? {
        findings.push(format!(
            "{CALLDATA_BYTES} bytes of calldata cost more than the {CALLDATA_GAS} gas of Osaka: {reason}"
        ));
    }
    let config = client.provider().raw_request("eth_config".into(), [(); 0]).await;
    if let Ok(config) = refused(config)? {
        findings.extend(unknown_in_config(&config));
    }
    Ok(findings)
}

/// An answer, or why the node refuses to give one; an error if it could not be reached.
fn refused<T>(answer: TransportResult<T>) -> Result<Result<T, String>, L1Error> {
    match answer {
        Ok(answer) => Ok(Ok(answer)),
        Err(error) if error.is_error_resp() => Ok(Err(error.to_string())),
        Err(source) => Err(L1Error::Transport { what: "asked for its rules", source }),
    }
}

/// What `eth_config` names that this program does not know: precompiles of the fork that rules, and
/// precompiles or system contracts that the next one changes.
fn unknown_in_config(config: &Value) -> Vec<String> {
    let known: BTreeSet<Address> = (1..=LAST).chain([P256_VERIFY]).map(u64_to_address).collect();
    let system = |fork: &Value| fork.get("systemContracts").cloned().unwrap_or_default();
    let mut findings = Vec::new();
    let current = config.get("current").unwrap_or(&Value::Null);
    for (which, fork) in [("current", current), ("next", &config["next"])] {
        let Some(precompiles) = fork.get("precompiles").and_then(Value::as_object) else {
            continue;
        };
        let found: BTreeSet<Address> =
            precompiles.values().filter_map(|address| address.as_str()?.parse().ok()).collect();
        let when = fork.get("activationTime").cloned().unwrap_or_default();
        let id = fork.get("forkId").and_then(Value::as_str).unwrap_or("unknown");
        let fork_name = format!("the {which} fork of L1 (id {id}, from time {when})");
        if found != known {
            let more: Vec<_> = found.difference(&known).collect();
            let less: Vec<_> = known.difference(&found).collect();
            findings.push(format!("{fork_name} adds precompiles {more:?} and drops {less:?}"));
        }
        if which == "next" && system(fork) != system(current) {
            findings.push(format!("{fork_name} changes the system contracts"));
        }
    }
    findings
}

/// Code that measures, and what it measures.
struct Probe {
    /// Init code: what it returns is two words for each name, success and gas.
    code: Vec<u8>,
    names: Vec<String>,
}

impl Probe {
    /// What L1 measured and revm at Osaka did not.
    fn differences(&self, measured: &[u8]) -> Vec<String> {
        let expected = self.at_osaka();
        let read = |bytes: &[u8], index: usize| -> Option<(U256, U256)> {
            let words = bytes.get(64 * index..64 * (index + 1))?;
            Some((U256::from_be_slice(&words[..32]), U256::from_be_slice(&words[32..])))
        };
        let mut findings = Vec::new();
        for (index, name) in self.names.iter().enumerate() {
            let (found, expected) = (read(measured, index), read(&expected, index));
            if found != expected {
                let say = |it: Option<(U256, U256)>| match it {
                    None => "nothing".to_owned(),
                    Some((result, gas)) => format!("{gas} gas and {result}"),
                };
                let (found, expected) = (say(found), say(expected));
                findings.push(format!("{name} gives {found}, expected {expected} as at Osaka"));
            }
        }
        findings
    }

    /// What revm measures at Osaka.
    fn at_osaka(&self) -> Bytes {
        let mut evm = Context::mainnet()
            .with_db(InMemoryDB::default())
            .modify_cfg_chained(|cfg| cfg.set_spec_and_mainnet_gas_params(SpecId::OSAKA))
            .build_mainnet();
        let (data, gas_limit) = (self.code.clone().into(), PROBE_GAS);
        let kind = TxKind::Create;
        match evm.transact_one(TxEnv { caller: NOBODY, kind, data, gas_limit, ..TxEnv::default() })
        {
            Ok(ExecutionResult::Success { output, .. }) => output.into_data(),
            // The tests run it.
            _ => Bytes::new(),
        }
    }

    /// Adds code that leaves one word, and has its gas measured.
    fn measure(&mut self, name: impl Into<String>, code: &[u8]) {
        let measured = u16::try_from(self.names.len()).unwrap_or_default();
        let place = RESULTS + 64 * measured;
        self.code.push(GAS);
        self.code.extend(code);
        self.code.extend(push(place));
        self.code.push(MSTORE);
        // Gas before minus gas after.
        self.code.extend([GAS, SWAP1, SUB]);
        self.code.extend(push(place + 32));
        self.code.push(MSTORE);
        self.names.push(name.into());
    }

    /// A call of a precompile with the first bytes of memory.
    fn call(&mut self, address: u64, len: u16) {
        let number = u16::try_from(address).unwrap_or_default();
        let mut code = vec![PUSH0, PUSH0];
        code.extend(push(len));
        code.push(PUSH0);
        code.extend(push(number));
        let [_, gas @ ..] = CALL_GAS.to_be_bytes();
        code.push(PUSH3);
        code.extend(gas);
        code.push(STATICCALL);
        self.measure(format!("a call of {address:#x} with {len} bytes"), &code);
    }

    /// Memory becomes these bytes from 0 on.
    fn write(&mut self, bytes: &[u8]) {
        for (offset, word) in (0_u16..).step_by(32).zip(bytes.chunks(32)) {
            let mut padded = [0; 32];
            padded[..word.len()].copy_from_slice(word);
            self.code.push(PUSH32);
            self.code.extend(padded);
            self.code.extend(push(offset));
            self.code.push(MSTORE);
        }
    }
}

const SUB: u8 = 0x03;
const ISZERO: u8 = 0x15;
const CLZ: u8 = 0x1e;
const KECCAK256: u8 = 0x20;
const BALANCE: u8 = 0x31;
const POP: u8 = 0x50;
const MSTORE: u8 = 0x52;
const SLOAD: u8 = 0x54;
const SSTORE: u8 = 0x55;
const GAS: u8 = 0x5a;
const PUSH0: u8 = 0x5f;
const PUSH2: u8 = 0x61;
const PUSH3: u8 = 0x62;
const PUSH32: u8 = 0x7f;
const SWAP1: u8 = 0x90;
const CREATE: u8 = 0xf0;
const RETURN: u8 = 0xf3;
const STATICCALL: u8 = 0xfa;

fn push(number: u16) -> [u8; 3] {
    let [high, low] = number.to_be_bytes();
    [PUSH2, high, low]
}

/// Each precompile with an input that it takes, the two addresses behind them, and the opcodes by
/// which the contracts read, write and hash.
fn probe() -> Probe {
    let mut probe = Probe { code: Vec::new(), names: Vec::new() };
    // Zeros are right inputs: points at infinity, a signature of nobody, the number 0.
    let lens = [
        (0x01, 128),
        (0x02, 320),
        (0x03, 320),
        (0x04, 320),
        (0x06, 128),
        (0x07, 96),
        (0x08, 0),
        (0x08, 192),
        (0x09, 213),
        (0x0b, 256),
        (0x0c, 160),
        (0x0c, 320),
        (0x0d, 512),
        (0x0e, 288),
        (0x0f, 384),
        (0x10, 64),
        (0x11, 128),
        (P256_VERIFY, 160),
        (LAST + 1, 32),
        (P256_VERIFY + 1, 32),
    ];
    for (address, len) in lens {
        probe.call(address, len);
    }
    let mut kzg = [&KZG_HASH[..], &[0; 64]].concat();
    let infinity = [&[INFINITY][..], &[0; 47]].concat();
    kzg.extend(infinity.repeat(2));
    probe.write(&kzg);
    probe.call(0x0a, 192);
    // Operands of 64 bytes, all ones.
    let lengths = U256::from(64).to_be_bytes::<32>().repeat(3);
    probe.write(&[lengths, vec![0xff; 192]].concat());
    probe.call(0x05, 288);
    // Rounds of BLAKE2 are those of its first four bytes.
    probe.write(&[&[0, 0, 0, 12][..], &[0; 284]].concat());
    probe.call(0x09, 213);
    probe.measure("KECCAK256 of 1,024 bytes", &[&push(1_024)[..], &[PUSH0, KECCAK256]].concat());
    probe.measure("SLOAD of a cold slot", &[PUSH0, SLOAD]);
    let store = [&push(1)[..], &push(2), &[SSTORE, PUSH0]].concat();
    probe.measure("SSTORE to a new slot", &store);
    // Balances and created addresses differ between chains.
    let balance = [&push(0xbeef)[..], &[BALANCE, POP, PUSH0]].concat();
    probe.measure("BALANCE of a cold account", &balance);
    probe.measure("CLZ", &[PUSH0, CLZ]);
    probe.measure("CREATE of nothing", &[PUSH0, PUSH0, PUSH0, CREATE, ISZERO]);
    let len = u16::try_from(64 * probe.names.len()).unwrap_or_default();
    probe.code.extend(push(len));
    probe.code.extend(push(RESULTS));
    probe.code.push(RETURN);
    probe
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_probe_runs_at_osaka_and_each_call_in_it_succeeds() {
        let probe = probe();
        let measured = probe.at_osaka();
        assert_eq!(measured.len(), 64 * probe.names.len());
        assert_eq!(probe.differences(&measured), Vec::<String>::new());
        for (index, name) in probe.names.iter().enumerate().filter(|(_, it)| it.contains("call")) {
            assert_eq!(measured[64 * index + 31], 1, "{name}");
            assert!(measured[64 * index + 32..64 * index + 56].iter().all(|byte| *byte == 0));
        }
    }

    #[test]
    fn each_difference_has_a_name() {
        let probe = probe();
        let osaka = probe.at_osaka();
        for (index, name) in probe.names.iter().enumerate() {
            let mut measured = osaka.to_vec();
            measured[64 * index + 63] ^= 1;
            let findings = probe.differences(&measured);
            assert!(findings.len() == 1 && findings[0].starts_with(name), "{findings:?}");
        }
        assert_eq!(probe.differences(&[]).len(), probe.names.len());
    }

    /// `eth_config` of a chain with these precompiles now and then.
    fn config(current: &[u64], next: Option<&[u64]>, system: &str) -> Value {
        let fork = |numbers: &[u64], system: &str| {
            let precompiles = numbers
                .iter()
                .map(|number| (format!("P{number}"), u64_to_address(*number).to_string().into()));
            json!({
                "activationTime": 1_800_000_000, "forkId": "0x07c9462e",
                "precompiles": precompiles.collect::<serde_json::Map<String, Value>>(),
                "systemContracts": { "HISTORY_STORAGE_ADDRESS": system },
            })
        };
        let next = next.map(|next| fork(next, system));
        json!({ "current": fork(current, "0x01"), "next": next, "last": null })
    }

    #[test]
    fn a_fork_is_known_by_its_precompiles_and_system_contracts() {
        let osaka: Vec<u64> = (1..=LAST).chain([P256_VERIFY]).collect();
        let more = [&osaka[..], &[0x12]].concat();
        let nothing = Vec::<String>::new();
        assert_eq!(unknown_in_config(&config(&osaka, None, "0x01")), nothing);
        assert_eq!(unknown_in_config(&config(&osaka, Some(&osaka), "0x01")), nothing);
        let found = unknown_in_config(&config(&osaka, Some(&more), "0x01"));
        assert!(found.len() == 1 && found[0].contains("next") && found[0].contains("0012"));
        assert_eq!(unknown_in_config(&config(&more, Some(&more), "0x01")).len(), 2);
        assert_eq!(unknown_in_config(&config(&osaka[1..], None, "0x01")).len(), 1);
        let found = unknown_in_config(&config(&osaka, Some(&osaka), "0x02"));
        assert!(found.len() == 1 && found[0].contains("system contracts"), "{found:?}");
        // What a node may leave out or say otherwise is nothing to be alarmed about.
        assert_eq!(unknown_in_config(&json!({})), nothing);
    }
}
