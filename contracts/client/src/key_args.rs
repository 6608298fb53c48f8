//! The one scheme by which every command of every binary is given a signing key.
//!
//! For each role, in this order:
//!
//! | where the key is | given by |
//! |---|---|
//! | a keystore, password in a file | `--ROLE-keystore FILE --ROLE-password-file FILE` |
//! | a keystore, password in a variable | `--ROLE-keystore FILE` and `GAINSAY_ROLE_PASSWORD` |
//! | an environment variable | `GAINSAY_ROLE_KEY`, 32 bytes of hex |
//!
//! In: the options of a command. Out: a [`KeySource`]. No option takes a key itself: arguments are
//! seen by every user of the machine and kept in shell histories.

use std::{
    env,
    path::{Path, PathBuf},
};

use crate::{KeySource, L1Error, PasswordSource};

/// Defines the options of each role. `clap` cannot put a prefix before the options of a struct that
/// is flattened, so that each role needs a struct of its own.
macro_rules! key_args {
    ($(
        $(#[doc = $doc:literal])*
        $args:ident = $role:literal, $key:literal $(or $old_key:literal)?, $password:literal;
    )*) => {$(
        $(#[doc = $doc])*
        ///
        /// A struct to `#[command(flatten)]` into the arguments of a command.
        #[derive(Clone, Debug, Default, PartialEq, Eq, clap::Args)]
        pub struct $args {
            /// Keystore file with the key.
            #[arg(
                id = concat!($role, "-keystore"),
                long = concat!($role, "-keystore"),
                value_name = "FILE",
                help = concat!(
                    "Keystore of the ", $role, " key (Web3 secret storage, as `cast wallet import` \
                     writes it). Without it the environment variable ", $key, $(" or ", $old_key,)?
                    " holds the key, 32 bytes of hex"
                )
            )]
            pub keystore: Option<PathBuf>,
            /// File whose first line is the keystore's password.
            #[arg(
                id = concat!($role, "-password-file"),
                long = concat!($role, "-password-file"),
                value_name = "FILE",
                requires = concat!($role, "-keystore"),
                help = concat!(
                    "File whose first line is the password of that keystore. Without it the \
                     environment variable ", $password, " holds the password"
                )
            )]
            pub password_file: Option<PathBuf>,
        }

        impl $args {
            const ROLE: Role = Role {
                name: $role,
                key_variables: &[$key, $($old_key)?],
                password_variable: $password,
            };

            /// Where the key is; `None` when it was given in none of the ways.
            ///
            /// # Errors
            /// [`L1Error::PasswordNotGiven`] for a keystore without a password.
            pub fn find(&self) -> Result<Option<KeySource>, L1Error> {
                let (keystore, password_file) = (self.keystore.as_deref(), self.password_file.as_deref());
                Self::ROLE.find(keystore, password_file, |name| env::var_os(name).is_some())
            }

            /// Where the key is.
            ///
            /// # Errors
            /// [`L1Error::KeyNotGiven`] when the key was given in none of the ways, and
            /// [`L1Error::PasswordNotGiven`] for a keystore without a password.
            pub fn source(&self) -> Result<KeySource, L1Error> {
                self.find()?.ok_or_else(|| Self::ROLE.not_given())
            }
        }
    )*};
}

key_args! {
    /// Options of the key that posts batches.
    PosterKeyArgs = "poster", "GAINSAY_POSTER_KEY", "GAINSAY_POSTER_PASSWORD";
    /// Options of the key that makes claims.
    ProposerKeyArgs = "proposer", "GAINSAY_PROPOSER_KEY", "GAINSAY_PROPOSER_PASSWORD";
    /// Options of the key that plays disputes.
    ChallengerKeyArgs = "challenger", "GAINSAY_CHALLENGER_KEY", "GAINSAY_CHALLENGER_PASSWORD";
    /// Options of the key that deploys a chain.
    DeployerKeyArgs = "deployer", "GAINSAY_DEPLOYER_KEY", "GAINSAY_DEPLOYER_PASSWORD";
    /// Options of the key that finalizes withdrawals of other people.
    RelayerKeyArgs = "relayer", "GAINSAY_RELAYER_KEY", "GAINSAY_RELAYER_PASSWORD";
    /// Options of the key of who uses a chain: deposits, withdraws, and forces deposits in.
    UserKeyArgs = "user", "GAINSAY_USER_KEY" or "GAINSAY_KEY", "GAINSAY_USER_PASSWORD";
}

/// The names of one role's options and variables.
#[derive(Clone, Copy, Debug)]
struct Role {
    /// As the options begin: `poster`.
    name: &'static str,
    /// Variables that may hold the key; the first that is set counts.
    key_variables: &'static [&'static str],
    password_variable: &'static str,
}

impl Role {
    fn find(
        &self,
        keystore: Option<&Path>,
        password_file: Option<&Path>,
        is_set: impl Fn(&str) -> bool,
    ) -> Result<Option<KeySource>, L1Error> {
        let Some(keystore) = keystore else {
            let variable = self.key_variables.iter().find(|name| is_set(name));
            return Ok(variable.map(|name| KeySource::Env { variable: (*name).to_owned() }));
        };
        let password = match password_file {
            Some(path) => PasswordSource::File { path: path.to_owned() },
            None if is_set(self.password_variable) => {
                PasswordSource::Env { variable: self.password_variable.to_owned() }
            }
            None => {
                return Err(L1Error::PasswordNotGiven {
                    keystore: keystore.to_owned(),
                    role: self.name,
                    variable: self.password_variable,
                });
            }
        };
        Ok(Some(KeySource::Keystore { path: keystore.to_owned(), password }))
    }

    fn not_given(&self) -> L1Error {
        L1Error::KeyNotGiven { role: self.name, variables: self.key_variables.join(" or ") }
    }
}

#[cfg(test)]
#[path = "key_args_tests.rs"]
mod tests;
