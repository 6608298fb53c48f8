//! From the L1 and the key that a command was given to a sender of transactions.
//!
//! In: a client of L1, and the place of the key, as the options of [`gainsay_l1`]'s key scheme name
//! it. Out: a [`TxSender`] on the right chain whose account can pay for gas.

use alloy::providers::Provider;
use anyhow::{bail, ensure};
use gainsay_l1::{KeySource, L1Client, RollupConfig, TxSender, TxSenderConfig};

/// Stops before anything is paid on the wrong L1.
pub(crate) async fn check_l1_chain(rollup: &RollupConfig, client: &L1Client) -> anyhow::Result<()> {
    let (found, expected) = (client.chain_id().await?, rollup.l1_chain_id);
    ensure!(
        found == expected,
        "--l1-rpc is chain {found}, rollup.json expects L1 chain {expected}"
    );
    Ok(())
}

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
