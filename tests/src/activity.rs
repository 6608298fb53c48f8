//! What users do on a chain: every kind of transaction, successes and failures, and deposits.

use alloy::primitives::{Address, B256, U256, address};

use crate::{CREATE_NOTEBOOK, CREATE_REFUSER, Call, Devnet, Kind, Node, note_call, number};

/// Nobody's account.
const STRANGER: Address = address!("00000000000000000000000000000000deadbea7");

/// What was done, and must be on every node.
#[derive(Clone, Debug)]
pub struct Activity {
    /// Hashes of the signed transactions, in the order they were sent.
    pub signed: Vec<B256>,
    /// L2 hash of the deposit.
    pub deposit: B256,
    /// Number of the block that holds the last of them.
    pub last_block: u64,
}

/// Sends transfers, deployments, calls and a failing call of all types, and a deposit; waits until
/// all are executed, and checks what they did.
pub async fn use_chain(devnet: &mut Devnet) -> Activity {
    let (wallet, rpc) = (devnet.wallet(0), devnet.sequencer.rpc.clone());
    let mut nonce = rpc.nonce(wallet.address()).await;
    let (notebook, refuser) = (wallet.address().create(nonce), wallet.address().create(nonce + 1));
    let stranger_before = rpc.balance(STRANGER).await;
    let eth = U256::from(10).pow(U256::from(18));
    let calls = [
        (Kind::Legacy, Call::create(&CREATE_NOTEBOOK)),
        (Kind::Eip1559, Call::create(&CREATE_REFUSER)),
        (Kind::Legacy, Call::transfer(STRANGER, eth)),
        (Kind::Eip2930, Call::transfer(STRANGER, eth)),
        (Kind::Eip1559, Call::transfer(STRANGER, eth)),
        (Kind::Legacy, Call::to(notebook, note_call(1, 11))),
        (Kind::Eip2930, Call::to(notebook, note_call(2, 22))),
        (Kind::Eip1559, Call::to(notebook, note_call(3, 33))),
        (Kind::Eip1559, Call::to(refuser, note_call(0, 0))),
        (Kind::Eip7702, Call::to(notebook, note_call(4, 44))),
    ];
    let failing = 8;
    let mut signed = Vec::new();
    for (kind, call) in calls {
        signed.push(rpc.send(&wallet.sign(kind, nonce, call)).await);
        // An authorization raises the nonce once more.
        nonce += if kind == Kind::Eip7702 { 2 } else { 1 };
    }
    // After the authorization the account itself is a notebook.
    let own = Call::to(wallet.address(), note_call(5, 55));
    signed.push(rpc.send(&wallet.sign(Kind::Eip1559, nonce, own)).await);
    let to = STRANGER.to_string();
    let deposit = devnet.deposit(1, &["--to", &to, "--value-eth", "2"]).await;

    let mut last_block = 0;
    for (index, hash) in signed.iter().chain([&deposit]).enumerate() {
        let receipt = wait_for_receipt(&mut devnet.sequencer, *hash).await;
        let expected = if index == failing { "0x0" } else { "0x1" };
        assert_eq!(receipt["status"], expected, "status of transaction {index}: {receipt:#}");
        last_block = last_block.max(number(&receipt["blockNumber"]));
    }
    let received = rpc.balance(STRANGER).await - stranger_before;
    assert_eq!(received, U256::from(5) * eth, "three transfers and a deposit of 2 ether");
    for (contract, key) in
        [(notebook, 1), (notebook, 2), (notebook, 3), (notebook, 4), (wallet.address(), 5)]
    {
        let word = rpc.storage(contract, key).await;
        assert_eq!(word, U256::from(key * 11), "slot {key} of {contract}");
    }
    Activity { signed, deposit, last_block }
}

/// Waits until a transaction is in a block; its receipt.
pub async fn wait_for_receipt(node: &mut Node, hash: B256) -> serde_json::Value {
    let rpc = node.rpc.clone();
    node.wait(&format!("to execute {hash}"), || async {
        let receipt = rpc.receipt(hash).await;
        match receipt.is_null() {
            false => Ok(receipt),
            true => Err(format!("no receipt at block {}", rpc.block_number().await)),
        }
    })
    .await
}
