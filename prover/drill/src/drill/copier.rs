//! A player with no opinion: it copies the moves of others while they wait to be included, and pays
//! more, so that its copies come first. It asks anvil for the pool, as a builder of blocks sees it.

use std::{borrow::Cow, collections::HashSet, time::Duration};

use alloy::providers::Provider;
use alloy_primitives::{Address, Bytes, U256};
use gainsay_l1::{L1Call, TxSender};
use serde_json::{Value, json};

/// Pause between two looks at the pool.
const PAUSE: Duration = Duration::from_millis(20);
/// Copies that are remembered.
const SEEN_MAX: usize = 4_096;

/// Copies what others send to `targets`, until it is dropped.
pub(super) async fn copy_moves(sender: TxSender, targets: [Address; 2], spared: Vec<Address>) {
    let mut seen: HashSet<Bytes> = HashSet::new();
    loop {
        for call in pending_calls(&sender, &targets, &spared).await {
            if seen.len() >= SEEN_MAX {
                seen.clear();
            }
            if seen.insert(call.data.clone()) {
                // Where the first transaction was quicker the copy is refused, or pays for nothing.
                if let Err(error) = sender.send(call).await {
                    tracing::debug!(%error, "a copy was refused");
                }
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// What waits in the pool for these contracts, but for what these accounts sent.
async fn pending_calls(
    sender: &TxSender,
    targets: &[Address; 2],
    spared: &[Address],
) -> Vec<L1Call> {
    let provider = sender.client().provider();
    let pool: Result<Value, _> =
        provider.raw_request(Cow::Borrowed("txpool_content"), json!([])).await;
    let Ok(pool) = pool else { return Vec::new() };
    let by_account = pool["pending"].as_object().into_iter().flatten();
    let all = by_account.flat_map(|(_, by_nonce)| by_nonce.as_object().into_iter().flatten());
    all.filter_map(|(_, it)| {
        let from: Address = it["from"].as_str()?.parse().ok()?;
        let to: Address = it["to"].as_str()?.parse().ok()?;
        let data: Bytes = it["input"].as_str()?.parse().ok()?;
        let value: U256 = it["value"].as_str()?.parse().ok()?;
        // Estimated behind the original, it would be the gas of a call that does nothing.
        let gas_limit = it["gas"].as_str()?.parse::<U256>().ok()?.try_into().ok();
        let is_wanted =
            targets.contains(&to) && !spared.contains(&from) && from != sender.address();
        let call = L1Call { gas_limit, ..L1Call::new(to, data).with_value(value) };
        is_wanted.then_some(call)
    })
    .collect()
}
