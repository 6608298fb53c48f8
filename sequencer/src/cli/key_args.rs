//! Where a command finds its signing key: an environment variable, or a keystore file.
//!
//! In: the name of the command's variable, and the keystore options. Out: a [`KeySource`]. There is
//! no option that takes a key: arguments are seen by every user of the machine and kept in shell
//! histories.

use std::path::PathBuf;

use alloy::providers::Provider;
use anyhow::{Context, bail};
use gainsay_l1::{KeySource, L1Client, PasswordSource, TxSender, TxSenderConfig};

/// Variable with the password of a keystore.
const PASSWORD_VARIABLE: &str = "GAINSAY_KEYSTORE_PASSWORD";

/// Options of commands that sign. Without them the key comes from an environment variable.
#[derive(Clone, Debug, Default, PartialEq, Eq, clap::Args)]
pub struct KeyArgs {
    /// Keystore file (Web3 secret storage, as `cast wallet` writes it) instead of the environment
    /// variable. Its password is read from GAINSAY_KEYSTORE_PASSWORD or --password-file.
    #[arg(long, value_name = "FILE")]
    pub keystore: Option<PathBuf>,
    /// File whose first line is the keystore's password.
    #[arg(long, value_name = "FILE", requires = "keystore")]
    pub password_file: Option<PathBuf>,
}

impl KeyArgs {
    /// Where the key is; `variable` is the environment variable of this command.
    pub fn source(&self, variable: &str) -> KeySource {
        match &self.keystore {
            None => KeySource::Env { variable: variable.to_owned() },
            Some(path) => KeySource::Keystore {
                path: path.clone(),
                password: match &self.password_file {
                    Some(path) => PasswordSource::File { path: path.clone() },
                    None => PasswordSource::Env { variable: PASSWORD_VARIABLE.to_owned() },
                },
            },
        }
    }

    /// A sender of L1 transactions with the key.
    pub(crate) async fn sender(
        &self,
        variable: &str,
        client: &L1Client,
    ) -> anyhow::Result<TxSender> {
        let source = self.source(variable);
        let signer = source.load().with_context(|| {
            format!("no key to sign with: set {variable} (32 bytes of hex) or give --keystore FILE")
        })?;
        let config = TxSenderConfig::default();
        let sender = TxSender::new(client.clone(), signer, config).await?;
        let address = sender.address();
        let balance = client.provider().get_balance(address).await?;
        if balance.is_zero() {
            bail!("{address} ({source}) has no ether on L1 to pay for gas");
        }
        Ok(sender)
    }
}
