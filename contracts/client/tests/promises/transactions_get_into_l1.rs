//! Promise: a call handed to `TxSender` is included, replaced with higher fees, sent again, or
//! reported with the reason. On a real anvil.

use std::time::Duration;

use crate::anvil::{Anvil, fast};
use alloy::{eips::eip4844::Blob, providers::Provider};
use alloy_primitives::{Address, U256, address, bytes};
use gainsay_l1::{Action, FeeLimits, L1Call, L1Error, PendingNonce, TxSenderConfig};
use serde_json::json;

const SOMEBODY: Address = address!("00000000000000000000000000000000005045e0");
const NEVER: Duration = Duration::from_secs(3_600);

fn transfer(wei: u64) -> L1Call {
    L1Call::new(SOMEBODY, bytes!()).with_value(U256::from(wei))
}

#[tokio::test]
async fn a_call_is_confirmed_and_calls_follow_each_other() {
    let anvil = Anvil::start(&[]);
    let sender = anvil.sender(0, fast(NEVER)).await;
    let other = sender.clone();
    let (first, second) = tokio::join!(sender.send(transfer(1)), other.send(transfer(2)));
    assert!(first.unwrap().status() && second.unwrap().status());
    let balance = anvil.client.provider().get_balance(SOMEBODY).await.unwrap();
    assert_eq!(balance, U256::from(3));
}

#[tokio::test]
async fn blobs_go_with_cell_proofs() {
    let anvil = Anvil::start(&[]);
    let sender = anvil.sender(0, fast(NEVER)).await;
    let blobs = vec![Blob::repeat_byte(1); 2];
    let receipt = sender.send(L1Call::new(SOMEBODY, bytes!()).with_blobs(blobs)).await.unwrap();
    assert_eq!(receipt.blob_gas_used, Some(2 * 131_072));

    let too_many = L1Call::new(SOMEBODY, bytes!()).with_blobs(vec![Blob::ZERO; 7]);
    assert_eq!(sender.send(too_many).await.unwrap_err().action(), Action::Fatal);
}

#[tokio::test]
async fn a_stuck_transaction_is_outbid() {
    let anvil = Anvil::start(&["--no-mining"]);
    for blobs in [Vec::new(), vec![Blob::ZERO]] {
        let sender = anvil.sender(0, fast(Duration::from_secs(1))).await;
        let percent = if blobs.is_empty() { 110 } else { 200 };
        let call = transfer(1).with_blobs(blobs);
        let task = tokio::spawn(async move { sender.send(call).await });
        let first = pending_fee(&anvil, |_| true).await;
        let second = pending_fee(&anvil, |fee| fee > first).await;
        assert!(second * 100 >= first * percent, "{first} then {second}");
        anvil.mine(1).await;
        let receipt = task.await.unwrap().unwrap();
        assert!(receipt.effective_gas_price > 0);
    }
}

/// The fee of the only pending transaction once it satisfies the condition. Proofs of blobs wait
/// for everything else on a busy machine.
async fn pending_fee(anvil: &Anvil, wanted: impl Fn(u128) -> bool) -> u128 {
    for _ in 0..6_000 {
        let block = anvil.control("eth_getBlockByNumber", json!(["pending", true])).await;
        if let Some(fee) = block["transactions"][0]["maxFeePerGas"].as_str() {
            let fee = u128::from_str_radix(fee.trim_start_matches("0x"), 16).unwrap();
            if wanted(fee) {
                return fee;
            }
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("no pending transaction with such a fee");
}

#[tokio::test]
async fn a_foreign_transaction_with_the_nonce_is_reported() {
    let anvil = Anvil::start(&["--no-mining"]);
    let sender = anvil.sender(0, fast(NEVER)).await;
    let rich = TxSenderConfig {
        fee_limits: FeeLimits { priority_fee_min: 50_000_000_000, ..FeeLimits::default() },
        ..fast(NEVER)
    };
    let rival = anvil.sender(0, rich).await;
    let ours = tokio::spawn(async move { sender.send(transfer(1)).await });
    let fee = pending_fee(&anvil, |_| true).await;
    let theirs = tokio::spawn(async move { rival.send(transfer(2)).await });
    pending_fee(&anvil, |found| found > fee).await;
    anvil.mine(1).await;
    assert!(theirs.await.unwrap().unwrap().status());
    let error = ours.await.unwrap().unwrap_err();
    assert!(matches!(error, L1Error::Replaced { nonce: 0, .. }), "{error}");
    assert_eq!(error.action(), Action::Reconsider);
}

#[tokio::test]
async fn pending_transactions_are_queued_behind_or_replaced() {
    let anvil = Anvil::start(&["--no-mining"]);
    let sender = anvil.sender(0, fast(NEVER)).await;
    let stale = tokio::spawn(async move { sender.send(transfer(1)).await });
    pending_fee(&anvil, |_| true).await;
    let polite = TxSenderConfig { pending: PendingNonce::Queue, ..fast(NEVER) };
    let sender = anvil.sender(0, polite).await;
    let queued = tokio::spawn(async move { sender.send(transfer(2)).await });
    for _ in 0..500 {
        let provider = anvil.client.provider();
        let address = anvil.signer(0).address();
        if provider.get_transaction_count(address).pending().await.unwrap() == 2 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    anvil.mine(1).await;
    assert!(stale.await.unwrap().unwrap().status());
    assert!(queued.await.unwrap().unwrap().status());
}

#[tokio::test]
async fn a_transaction_that_a_reorg_removed_is_sent_again() {
    let anvil = Anvil::start(&["--no-mining"]);
    let config = TxSenderConfig { confirmations: 3, ..fast(NEVER) };
    let sender = anvil.sender(0, config).await;
    let task = tokio::spawn(async move { sender.send(transfer(1)).await });
    pending_fee(&anvil, |_| true).await;
    anvil.mine(2).await;
    anvil.reorg(2).await;
    let before = anvil.client.provider().get_balance(SOMEBODY).await.unwrap();
    assert_eq!(before, U256::ZERO, "the reorg removed the transfer");
    // It is in the pool again: by anvil, or by the sender that saw it vanish.
    pending_fee(&anvil, |_| true).await;
    assert!(!task.is_finished());
    anvil.mine(3).await;
    let receipt = task.await.unwrap().unwrap();
    assert_eq!(receipt.block_number, Some(3));
}

#[tokio::test]
async fn a_poor_account_is_told_what_is_missing() {
    let anvil = Anvil::start(&[]);
    let sender = anvil.sender(0, fast(NEVER)).await;
    let all = anvil.client.provider().get_balance(sender.address()).await.unwrap();
    let call = L1Call { gas_limit: Some(21_000), ..transfer(0) }.with_value(all);
    let error = sender.send(call).await.unwrap_err();
    assert!(matches!(error, L1Error::InsufficientFunds { .. }), "{error}");
}

#[tokio::test]
async fn a_call_without_inclusion_ends_in_time_and_the_next_one_takes_its_nonce() {
    let anvil = Anvil::start(&["--no-mining"]);
    let config = TxSenderConfig { time_limit: Duration::from_millis(300), ..fast(NEVER) };
    let sender = anvil.sender(0, config).await;
    let error = sender.send(transfer(1)).await.unwrap_err();
    assert!(matches!(error, L1Error::NotIncluded { nonce: 0, .. }), "{error}");
    let error = sender.send(transfer(2)).await.unwrap_err();
    assert!(matches!(error, L1Error::NotIncluded { nonce: 0, .. }), "{error}");
    anvil.mine(1).await;
    let balance = anvil.client.provider().get_balance(SOMEBODY).await.unwrap();
    assert_eq!(balance, U256::from(2), "the second call outbid the first");
}
