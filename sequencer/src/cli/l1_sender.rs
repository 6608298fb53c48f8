//! From the key that a command was given to a sender of L1 transactions.
//!
//! In: the place of the key, as the options of [`gainsay_l1`]'s key scheme name it. Out: a
//! [`TxSender`] whose account can pay for gas. It never sees the key itself.

use alloy::providers::Provider;
use anyhow::bail;
use gainsay_l1::{KeySource, L1Client, TxSender, TxSenderConfig};

/// A sender of L1 transactions with the key of `source`.
///
/// # Errors
/// A key that cannot be read, an L1 that does not answer, an account without ether.
pub(crate) async fn sender(source: &KeySource, client: &L1Client) -> anyhow::Result<TxSender> {
    let sender = TxSender::new(client.clone(), source.load()?, TxSenderConfig::default()).await?;
    let address = sender.address();
    let balance = client.provider().get_balance(address).await?;
    if balance.is_zero() {
        bail!("{address} ({source}) has no ether on L1 to pay for gas");
    }
    Ok(sender)
}
