//! A watch says when L1 is not what it was made for: contracts that this repository does not build,
//! and rules of a fork that it does not know. So does `verify-deployment`, which needs no key.

use gainsay_challenger::l1_rules::unknown_rules;
use gainsay_l1::{L1Call, L1Client, RollupConfig};
use gainsay_tests::{Challenger, Devnet, DevnetOptions, L1, Role, wait_until};
use serde_json::json;

/// An address that no precompile has at Osaka, and code that takes gas: what a fork would add.
const NEW_PRECOMPILE: &str = "0x0000000000000000000000000000000000000012";
const CODE_THAT_COSTS: &str = "0x5f5f5f00";

/// Writes 1 to slot 0, and leaves `code`.
fn rigged_init_code(code: &[u8]) -> Vec<u8> {
    let [.., high, low] = code.len().to_be_bytes();
    let mut init_code = vec![0x60, 1, 0x5f, 0x55];
    init_code.extend([0x61, high, low, 0x60, 16, 0x5f, 0x39, 0x61, high, low, 0x5f, 0xf3]);
    init_code.extend(code);
    init_code
}

async fn wait_for_line(challenger: &Challenger, line: &str) -> String {
    wait_until("the challenger to say it", || async {
        let log = challenger.log();
        if log.contains(line) { Ok(log) } else { Err(format!("no '{line}' in\n{log}")) }
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn contracts_and_rules_that_are_not_known_are_alarms() {
    let devnet = Devnet::start(DevnetOptions::default()).await;
    let report = Challenger::new(&devnet, "auditor").verify_deployment().await;
    assert_eq!(report.code, 0, "{}", report.text);
    assert_eq!(report.text.matches("right  ").count(), 11, "{}", report.text);
    let content = Challenger::new(&devnet, "content");
    let _watch = content.watch_only(&["--keep-watching"]);
    let log = wait_for_line(&content, "| no alarm").await;
    assert!(!log.contains("ALARM"), "{log}");

    // The very code of a contract, left by init code that wrote to its storage before.
    let client = L1Client::connect(devnet.l1.rpc.url(), None).unwrap();
    let file = devnet.folder().join("rollup.json");
    let right = RollupConfig::load(&file).unwrap();
    let code = client.code(right.bridge.mintable_erc20_factory).await.unwrap();
    let mut rigged = right.clone();
    let thief = devnet.l1.sender(Role::Deployer).await;
    let created = thief.send(L1Call::create(rigged_init_code(&code))).await.unwrap();
    rigged.bridge.mintable_erc20_factory = created.contract_address.unwrap();
    assert_eq!(client.code(rigged.bridge.mintable_erc20_factory).await.unwrap(), code);
    rigged.save(&file).unwrap();
    let report = Challenger::new(&devnet, "second-auditor").verify_deployment().await;
    assert_eq!(report.code, 1, "{}", report.text);
    assert!(report.text.contains("DIFFERS  L1MintableERC20Factory"), "{}", report.text);
    assert_eq!(report.text.matches("right  ").count(), 10, "{}", report.text);
    let alarmed = Challenger::new(&devnet, "alarmed");
    let _watch = alarmed.watch_only(&["--keep-watching"]);
    let log = wait_for_line(&alarmed, "ALARM deployment: L1MintableERC20Factory").await;
    assert!(!log.contains("ALARM fork"), "{log}");

    right.save(&file).unwrap();
    let set_code = async |address: String, code: String| {
        devnet.l1.rpc.call("anvil_setCode", json!([address, code])).await;
    };
    set_code(NEW_PRECOMPILE.to_owned(), CODE_THAT_COSTS.to_owned()).await;
    let report = Challenger::new(&devnet, "third-auditor").verify_deployment().await;
    assert_eq!(report.code, 1, "{}", report.text);
    assert!(report.text.contains("UNKNOWN  a rule of L1: a call of 0x12"), "{}", report.text);
    let warned = Challenger::new(&devnet, "warned");
    let _watch = warned.watch_only(&["--keep-watching"]);
    let log = wait_for_line(&warned, "ALARM fork: ").await;
    assert!(!log.contains("ALARM deployment"), "{log}");
}

#[tokio::test]
async fn the_rules_of_osaka_are_known_and_those_of_another_fork_are_not() {
    let folder = tempfile::tempdir().unwrap();
    for (hardfork, is_known) in [("osaka", true), ("prague", false)] {
        let l1 = L1::start_at(folder.path(), 32, hardfork).await;
        let client = L1Client::connect(l1.rpc.url(), None).unwrap();
        let findings = unknown_rules(&client).await.unwrap();
        assert_eq!(findings.is_empty(), is_known, "{hardfork}: {findings:?}");
        let says = |text: &str| findings.iter().any(|finding| finding.contains(text));
        // It lacks an opcode, and by its own words a precompile.
        assert!(is_known || says("cannot run code of Osaka"), "{findings:?}");
        assert!(is_known || says("drops"), "{findings:?}");
    }
}
