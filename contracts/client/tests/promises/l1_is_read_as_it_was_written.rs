//! Promise: what was deposited and posted on L1 is read back from L1 alone, complete, in order and
//! verified, across L1 reorgs and restarts. Real contracts on a real anvil.

use std::num::NonZeroUsize;

use crate::chain::{Chain, FORCE_DELAY_SECS, catch_up};
use alloy::{eips::eip4844::Blob, providers::Provider};
use alloy_primitives::{B256, Bytes};
use gainsay_derivation::{BatchIndex, BatchKind, DepositKind};
use gainsay_l1::{
    Action, BatchData, DataLocation, L1Call, L1Client, L1Error, L1News, LogReader, PostedBatch,
    ReaderConfig, TxSender,
};
use serde_json::json;

#[tokio::test]
async fn deposits_and_batches_of_all_kinds_are_read_back() {
    let chain = Chain::deploy().await;
    chain.deposit(b"first").await;
    chain.post(b"calldata of a batch").await.unwrap();
    let mut blobs = vec![Blob::ZERO; 2];
    blobs[0][1] = 1;
    blobs[1][131_071] = 2;
    let at = chain.position().await;
    chain.inbox.post_batch_blobs(&chain.sequencer, at, blobs.clone()).await.unwrap();
    chain.deposit(b"forced").await;
    chain.anvil.control("evm_increaseTime", json!([FORCE_DELAY_SECS + 10])).await;
    chain.anvil.mine(1).await;
    let count = chain.inbox.deposit_count().await.unwrap();
    chain.inbox.force_include(&chain.user, count).await.unwrap();

    // Near the head, then all at once below the finalized head.
    let mut near = chain.reader().await;
    let seen = catch_up(&mut near).await.unwrap();
    chain.anvil.mine(100).await;
    let mut far = chain.reader().await;
    let again = catch_up(&mut far).await.unwrap();
    assert_eq!(
        (&seen.deposits, &seen.batches, &seen.events),
        (&again.deposits, &again.batches, &again.events)
    );
    catch_up(&mut near).await.unwrap();
    assert_eq!(near.tip(), far.tip());

    let kinds: Vec<_> = seen.deposits.iter().map(|record| record.deposit.kind).collect();
    let (user, fees) = (DepositKind::Transaction, DepositKind::FeeReport);
    assert_eq!(kinds, [user, fees, fees, user]);
    let kinds: Vec<_> = seen.batches.iter().map(|batch| batch.header.kind).collect();
    assert_eq!(kinds, [BatchKind::Calldata, BatchKind::Blobs, BatchKind::Forced]);
    let tip = far.tip();
    assert_eq!((tip.deposit_count, tip.deposits_read, tip.batch_count), (4, 4, 3));
    let acc = chain.inbox.batch_acc(3, Default::default()).await.unwrap();
    assert_eq!(tip.batch_acc, acc);

    let client = &chain.anvil.client;
    let data = client.fetch_batch_data(&seen.batches[0]).await.unwrap();
    assert_eq!(data, BatchData::Calldata(Bytes::from_static(b"calldata of a batch")));
    let data = client.fetch_batch_data(&seen.batches[1]).await.unwrap();
    assert!(data == BatchData::Blobs(blobs), "blobs differ");
    let data = client.fetch_batch_data(&seen.batches[2]).await.unwrap();
    assert_eq!(data, BatchData::Forced);

    // Data that is not what was committed to is refused.
    let mut other = seen.batches[0].clone();
    other.header.data_hash = B256::ZERO;
    let error = client.fetch_batch_data(&other).await.unwrap_err();
    assert!(matches!(error, L1Error::FalseAnswer { .. }), "{error}");
    assert_eq!(error.action(), Action::Retry, "L1 holds the right data: who served it errs");
    let mut other = seen.batches[1].clone();
    let DataLocation::Blobs { versioned_hashes } = &mut other.location else { panic!() };
    versioned_hashes[1] = B256::with_last_byte(1);
    let error = client.fetch_batch_data(&other).await.unwrap_err();
    assert_eq!(error.action(), Action::Retry, "{error}");
}

#[tokio::test]
async fn a_reorg_is_seen_rewound_and_followed() {
    let chain = Chain::deploy().await;
    chain.deposit(b"stays").await;
    let mut reader = chain.reader().await;
    catch_up(&mut reader).await.unwrap();
    let before = reader.tip().clone();
    chain.deposit(b"goes").await;
    chain.post(b"goes too").await.unwrap();
    assert_eq!(catch_up(&mut reader).await.unwrap().batches.len(), 1);

    chain.anvil.reorg(2).await;
    let updates = reader.poll().await.unwrap();
    assert_eq!(updates, [L1News::Reorged { to: before.block }]);
    assert_eq!(reader.tip(), &before, "the accumulators are rewound too");

    // The removed transactions are gone for good: the user deposits again, and it is read.
    catch_up(&mut reader).await;
    assert_eq!(reader.tip().deposit_count, chain.inbox.deposit_count().await.unwrap());
    chain.deposit(b"comes").await;
    chain.post(b"comes too").await.unwrap();
    let after = catch_up(&mut reader).await.unwrap();
    assert_eq!(after.deposits[0].deposit.payload.as_ref()[93..], *b"comes");
    assert_eq!(after.batches[0].header.index, BatchIndex(0));
    let data = chain.anvil.client.fetch_batch_data(&after.batches[0]).await.unwrap();
    assert_eq!(data, BatchData::Calldata(Bytes::from_static(b"comes too")));
}

#[tokio::test]
async fn a_lower_head_is_waited_for_and_another_chain_is_not() {
    let chain = Chain::deploy().await;
    chain.anvil.mine(5).await;
    let mut reader = chain.reader().await;
    catch_up(&mut reader).await.unwrap();
    let tip = reader.tip().clone();
    chain.anvil.control("anvil_rollback", json!([3])).await;
    assert_eq!(reader.poll().await.unwrap(), [], "the node lags on the same chain");
    assert_eq!(reader.tip(), &tip);
    // Other blocks at the same height: now it is another chain.
    chain.anvil.control("evm_increaseTime", json!([1_000])).await;
    chain.anvil.mine(1).await;
    let updates = reader.poll().await.unwrap();
    let [L1News::Reorged { to }] = updates[..] else { panic!("{updates:?}") };
    assert_eq!(to.number, tip.block.number - 3);
    catch_up(&mut reader).await.unwrap();
}

#[tokio::test]
async fn a_reorg_below_the_window_is_an_error_to_reset() {
    let chain = Chain::deploy().await;
    let start = chain.reader().await.state().clone();
    let window = NonZeroUsize::new(4).unwrap();
    let config = ReaderConfig { window, ..chain.reader_config().await };
    let client = chain.anvil.client.clone();
    // Where there are several nodes: no node has the block any more that was read last before it.
    let twice = L1Client::connect(&format!("{0},{0}", chain.anvil.url()), None).unwrap();
    let mut of_several = LogReader::new(twice, config.clone(), start.clone()).unwrap();
    let mut reader = LogReader::new(client, config, start).unwrap();
    chain.anvil.mine(10).await;
    catch_up(&mut reader).await.unwrap();
    catch_up(&mut of_several).await.unwrap();
    let stored = reader.state().clone();
    chain.anvil.reorg(8).await;
    let error = reader.poll().await.unwrap_err();
    assert!(matches!(error, L1Error::ReorgTooDeep { .. }), "{error}");
    assert_eq!(error.action(), Action::Reset);
    let error = of_several.poll().await.unwrap_err();
    assert!(matches!(error, L1Error::ReorgTooDeep { .. }), "{error}");
    assert_eq!(reader.state(), &stored, "an error changes nothing");
}

#[tokio::test]
async fn a_stored_state_goes_on_and_a_false_one_is_refused() {
    let chain = Chain::deploy().await;
    chain.deposit(b"one").await;
    chain.post(b"batch").await.unwrap();
    chain.deposit(b"two").await;
    let mut reader = chain.reader().await;
    catch_up(&mut reader).await.unwrap();
    let stored = reader.state().clone();
    let restore = || stored.clone();
    chain.deposit(b"three").await;
    chain.post(b"another").await.unwrap();

    let config = chain.reader_config().await;
    let open = |state| LogReader::new(chain.anvil.client.clone(), config.clone(), state);
    let mut restored = open(restore()).unwrap();
    let seen = catch_up(&mut restored).await.unwrap();
    assert_eq!((seen.deposits.len(), seen.batches.len()), (2, 1));

    let mut wrong = restore();
    wrong.checkpoints.back_mut().unwrap().batch_acc = B256::repeat_byte(1);
    let error = open(wrong).unwrap().poll().await.unwrap_err();
    assert!(matches!(error, L1Error::AccumulatorMismatch { what: "batch", .. }), "{error}");
    assert_eq!(error.action(), Action::Fatal);

    let mut wrong = restore();
    *wrong.deposit_accs.accs.back_mut().unwrap() = B256::repeat_byte(1);
    let error = open(wrong).unwrap().poll().await.unwrap_err();
    assert!(matches!(error, L1Error::AccumulatorMismatch { what: "deposit", .. }), "{error}");

    let mut wrong = restore();
    wrong.checkpoints.back_mut().unwrap().batch_count += 1;
    let error = open(wrong).unwrap().poll().await.unwrap_err();
    assert!(matches!(error, L1Error::IndexGap { what: "batch", .. }), "{error}");

    let mut wrong = restore();
    wrong.deposit_accs.accs.pop_back();
    assert_eq!(open(wrong).unwrap_err().action(), Action::Fatal);
}

#[tokio::test]
async fn heads_are_in_order() {
    let chain = Chain::deploy().await;
    chain.anvil.mine(80).await;
    let heads = chain.anvil.client.heads().await.unwrap();
    let (safe, finalized) = (heads.safe.unwrap(), heads.finalized.unwrap());
    assert!(finalized.number < safe.number && safe.number < heads.latest.number);
    let number = chain.anvil.client.provider().get_block_number().await.unwrap();
    assert_eq!(heads.latest.number, number);
}

/// Callers spawn these; a future that is not `Send` would only fail there.
#[test]
fn futures_may_move_between_threads() {
    fn reads(reader: &mut LogReader) -> impl Send + '_ {
        reader.poll()
    }
    fn fetches<'a>(client: &'a L1Client, batch: &'a PostedBatch) -> impl Send + 'a {
        client.fetch_batch_data(batch)
    }
    fn sends(sender: &TxSender, call: L1Call) -> impl Send + '_ {
        sender.send(call)
    }
    let _ = (reads, fetches, sends);
}
