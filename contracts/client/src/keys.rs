//! Signing keys from where secrets may live: an environment variable or an encrypted keystore.
//!
//! In: the *name* of a variable, or the path of a keystore file and where its password is. Out: a
//! local signer. A key or password is never taken from a command line argument and never printed.

use std::{env, fmt, fs, path::PathBuf, str::FromStr};

use alloy::signers::local::PrivateKeySigner;

use crate::L1Error;

/// Where a signing key is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeySource {
    /// An environment variable that holds the key as 32 bytes of hex, with or without `0x`.
    Env {
        /// Name of the variable.
        variable: String,
    },
    /// A Web3 secret storage (version 3) JSON file, as written by `cast wallet` or geth.
    Keystore {
        /// The JSON file.
        path: PathBuf,
        /// Where its password is.
        password: PasswordSource,
    },
}

/// Where the password of a keystore is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PasswordSource {
    /// An environment variable that holds the password.
    Env {
        /// Name of the variable.
        variable: String,
    },
    /// A file whose first line is the password.
    File {
        /// The file.
        path: PathBuf,
    },
}

impl KeySource {
    /// Reads the key and returns its signer.
    ///
    /// # Errors
    /// [`L1Error::Key`] when the variable is unset, the hex is not a secp256k1 key, or the keystore
    /// does not open with the password. The message names the place, never the secret.
    pub fn load(&self) -> Result<PrivateKeySigner, L1Error> {
        match self {
            Self::Env { variable } => {
                let secret = read_env(variable)?;
                PrivateKeySigner::from_str(secret.trim()).map_err(|_| L1Error::Key {
                    place: format!("environment variable {variable}"),
                    reason: "expected 32 bytes of hex that are a secp256k1 key".to_owned(),
                })
            }
            Self::Keystore { path, password } => {
                let password = password.load()?;
                PrivateKeySigner::decrypt_keystore(path, password.as_bytes()).map_err(|error| {
                    L1Error::Key {
                        place: format!("keystore {}", path.display()),
                        reason: error.to_string(),
                    }
                })
            }
        }
    }
}

impl PasswordSource {
    fn load(&self) -> Result<String, L1Error> {
        match self {
            Self::Env { variable } => read_env(variable),
            Self::File { path } => {
                let text = fs::read_to_string(path).map_err(|error| L1Error::Key {
                    place: format!("password file {}", path.display()),
                    reason: error.to_string(),
                })?;
                Ok(text.lines().next().unwrap_or_default().to_owned())
            }
        }
    }
}

impl fmt::Display for KeySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env { variable } => write!(f, "environment variable {variable}"),
            Self::Keystore { path, .. } => write!(f, "keystore {}", path.display()),
        }
    }
}

fn read_env(variable: &str) -> Result<String, L1Error> {
    env::var(variable).map_err(|error| L1Error::Key {
        place: format!("environment variable {variable}"),
        reason: match error {
            env::VarError::NotPresent => "not set".to_owned(),
            // The error's own text quotes the value.
            env::VarError::NotUnicode(_) => "not valid text".to_owned(),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    // Published by geth and anvil for tests; worthless.
    const KEY: &str = "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";
    const ADDRESS: &str = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266";

    #[test]
    fn keystore_opens_with_password_file_and_not_with_another() {
        let dir = tempfile::tempdir().unwrap();
        let key = alloy_primitives::hex::decode(KEY).unwrap();
        PrivateKeySigner::encrypt_keystore(
            dir.path(),
            &mut alloy::signers::k256::elliptic_curve::rand_core::OsRng,
            key,
            "a password",
            Some("key.json"),
        )
        .unwrap();
        let password = dir.path().join("password");
        fs::write(&password, "a password\n").unwrap();
        let source = |path: &PathBuf| KeySource::Keystore {
            path: dir.path().join("key.json"),
            password: PasswordSource::File { path: path.clone() },
        };
        assert_eq!(source(&password).load().unwrap().address().to_string(), ADDRESS);

        let wrong = dir.path().join("wrong");
        fs::write(&wrong, "another\n").unwrap();
        let error = source(&wrong).load().unwrap_err().to_string();
        assert!(error.contains("key.json") && !error.contains("another"), "{error}");
    }

    #[test]
    fn a_missing_variable_is_named() {
        let source = KeySource::Env { variable: "GAINSAY_TEST_NO_SUCH_KEY".to_owned() };
        let error = source.load().unwrap_err().to_string();
        assert!(error.contains("GAINSAY_TEST_NO_SUCH_KEY") && error.contains("not set"), "{error}");
    }
}
