//! Signing keys from where secrets may live: an environment variable or an encrypted keystore.
//!
//! In: the *name* of a variable, or the path of a keystore file and where its password is (see
//! `key_args` for how a command is given them). Out: a local signer. A key or a password is never
//! taken from a command line argument and never printed, not even a part of it.

use std::{
    env::{self, VarError},
    fmt, fs,
    path::{Path, PathBuf},
};

use alloy::signers::local::PrivateKeySigner;
use alloy_primitives::hex;
use eth_keystore::KeystoreError;

use crate::L1Error;

/// Bytes of a secp256k1 key.
const KEY_BYTES: usize = 32;

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
    /// A file whose first line is the password; what ends the line is no part of it.
    File {
        /// The file.
        path: PathBuf,
    },
}

impl KeySource {
    /// Reads the key and returns its signer.
    ///
    /// # Errors
    /// [`L1Error::Key`] when the variable is unset, a file cannot be read, the keystore does not
    /// open with the password, or what is found is not a secp256k1 key. The message names the
    /// place, what was found and what was expected, never the secret.
    pub fn load(&self) -> Result<PrivateKeySigner, L1Error> {
        self.load_with(|variable| env::var(variable))
    }

    /// [`load`](Self::load) with the environment as an argument, so that tests need not change it.
    pub(crate) fn load_with(
        &self,
        variable: impl Fn(&str) -> Result<String, VarError>,
    ) -> Result<PrivateKeySigner, L1Error> {
        let secret = match self {
            Self::Env { variable: name } => self.decode_hex(&read_variable(name, variable)?)?,
            Self::Keystore { path, password } => {
                let password = password.load(variable)?;
                self.decrypt(path, password)?
            }
        };
        if secret.len() != KEY_BYTES {
            return Err(
                self.fault(format!("found a key of {} bytes, expected {KEY_BYTES}", secret.len()))
            );
        }
        PrivateKeySigner::from_slice(&secret).map_err(|_| {
            self.fault("found 0 or a number above the curve's order, expected a secp256k1 key")
        })
    }

    fn decode_hex(&self, text: &str) -> Result<Vec<u8>, L1Error> {
        let text = text.trim();
        // The decoder's own error quotes a character of the key.
        hex::decode(text).map_err(|_| {
            let digits = text.strip_prefix("0x").unwrap_or(text).chars().count();
            self.fault(format!(
                "found {digits} characters that are not whole bytes of hex, expected {} hex digits",
                2 * KEY_BYTES
            ))
        })
    }

    fn decrypt(&self, path: &Path, password: String) -> Result<Vec<u8>, L1Error> {
        eth_keystore::decrypt_key(path, password).map_err(|error| match error {
            KeystoreError::MacMismatch => self.fault("the password is wrong"),
            KeystoreError::StdIo(reason) => self.fault(format!("cannot read it: {reason}")),
            // The parser's own error quotes what it found, and that may be a bare key.
            KeystoreError::SerdeJson(_) => {
                self.fault("found other contents, expected JSON of Web3 secret storage, version 3")
            }
            other => self.fault(format!("cannot decrypt it: {other}")),
        })
    }

    fn fault(&self, reason: impl Into<String>) -> L1Error {
        L1Error::Key { place: self.to_string(), reason: reason.into() }
    }
}

impl PasswordSource {
    fn load(&self, variable: impl Fn(&str) -> Result<String, VarError>) -> Result<String, L1Error> {
        match self {
            Self::Env { variable: name } => read_variable(name, variable),
            Self::File { path } => {
                let text = fs::read_to_string(path).map_err(|error| L1Error::Key {
                    place: format!("password file {}", path.display()),
                    reason: format!("cannot read it: {error}"),
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

fn read_variable(
    name: &str,
    variable: impl Fn(&str) -> Result<String, VarError>,
) -> Result<String, L1Error> {
    variable(name).map_err(|error| L1Error::Key {
        place: format!("environment variable {name}"),
        reason: match error {
            VarError::NotPresent => "not set".to_owned(),
            // The error's own text quotes the value.
            VarError::NotUnicode(_) => "not valid text".to_owned(),
        },
    })
}
