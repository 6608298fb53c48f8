//! Where a command finds its signing key: an environment variable, or a keystore file. No option
//! takes a key: arguments are seen by every user of the machine and kept in shell histories.

use std::path::PathBuf;

use gainsay_l1::{KeySource, PasswordSource};

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
    #[must_use]
    pub fn source(&self, variable: &str) -> KeySource {
        let Some(path) = self.keystore.clone() else {
            return KeySource::Env { variable: variable.to_owned() };
        };
        let password = match self.password_file.clone() {
            Some(path) => PasswordSource::File { path },
            None => PasswordSource::Env { variable: PASSWORD_VARIABLE.to_owned() },
        };
        KeySource::Keystore { path, password }
    }
}
