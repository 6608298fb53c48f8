//! Every way to give a key, their order, and what is said when a way fails.

use std::{collections::BTreeMap, env::VarError, fs};

use alloy::signers::{k256::elliptic_curve::rand_core::OsRng, local::PrivateKeySigner};
use clap::Parser;

use super::*;

// Published by anvil for tests; worthless.
const KEY: &str = "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";
const ADDRESS: &str = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266";
const OTHER_KEY: &str = "59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d";
const PASSWORD: &str = "a password";

/// As a command with two roles flattens them.
#[derive(Debug, Parser)]
struct Command {
    #[command(flatten)]
    poster: PosterKeyArgs,
    #[command(flatten)]
    user: UserKeyArgs,
}

fn parse(arguments: &[&str]) -> Result<Command, clap::Error> {
    Command::try_parse_from([&["command"], arguments].concat())
}

/// An environment without the process's own.
#[derive(Default)]
struct Variables(BTreeMap<&'static str, &'static str>);

impl Variables {
    fn new<const N: usize>(variables: [(&'static str, &'static str); N]) -> Self {
        Self(variables.into())
    }

    fn signer(
        &self,
        role: Role,
        keystore: Option<&Path>,
        password_file: Option<&Path>,
    ) -> Result<String, L1Error> {
        let source = role.find(keystore, password_file, |name| self.0.contains_key(name))?;
        let read = |name: &str| {
            self.0.get(name).map(|value| (*value).to_owned()).ok_or(VarError::NotPresent)
        };
        let signer = source.ok_or_else(|| role.not_given())?.load_with(read)?;
        Ok(signer.address().to_string())
    }

    fn fault(&self, keystore: Option<&Path>, password_file: Option<&Path>) -> String {
        let text = self.signer(POSTER, keystore, password_file).unwrap_err().to_string();
        for secret in [KEY, OTHER_KEY, PASSWORD] {
            assert!(!text.contains(secret), "a secret is printed: {text}");
        }
        text
    }
}

const POSTER: Role = PosterKeyArgs::ROLE;

/// A folder with `key.json`, which holds [`KEY`] and opens with [`PASSWORD`].
fn keystore() -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let key = alloy_primitives::hex::decode(KEY).unwrap();
    PrivateKeySigner::encrypt_keystore(dir.path(), &mut OsRng, key, PASSWORD, Some("key.json"))
        .unwrap();
    let path = dir.path().join("key.json");
    (dir, path)
}

#[test]
fn options_have_the_names_of_their_role() {
    let command =
        parse(&["--poster-keystore", "a", "--poster-password-file", "b", "--user-keystore", "c"])
            .unwrap();
    assert_eq!(command.poster.keystore.as_deref(), Some(Path::new("a")));
    assert_eq!(command.poster.password_file.as_deref(), Some(Path::new("b")));
    assert_eq!(command.user.keystore.as_deref(), Some(Path::new("c")));
    assert_eq!(command.user.password_file, None);
    // A password file alone is a mistake, also when the other role has a keystore.
    assert!(parse(&["--poster-password-file", "b", "--user-keystore", "c"]).is_err());
    assert!(parse(&["--poster-key", KEY]).is_err());
}

#[test]
fn a_key_in_a_variable_may_have_a_prefix_and_a_line_end() {
    for key in
        [KEY, concat!("0x", "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80\n")]
    {
        let variables = Variables::new([("GAINSAY_POSTER_KEY", key)]);
        assert_eq!(variables.signer(POSTER, None, None).unwrap(), ADDRESS);
    }
}

#[test]
fn the_older_variable_of_a_user_works_behind_the_newer_one() {
    let role = UserKeyArgs::ROLE;
    let old = Variables::new([("GAINSAY_KEY", KEY)]);
    assert_eq!(old.signer(role, None, None).unwrap(), ADDRESS);
    let both = Variables::new([("GAINSAY_KEY", OTHER_KEY), ("GAINSAY_USER_KEY", KEY)]);
    assert_eq!(both.signer(role, None, None).unwrap(), ADDRESS);
}

#[test]
fn a_keystore_opens_by_password_file_or_variable_and_goes_before_a_key() {
    let (dir, path) = keystore();
    let right =
        Variables::new([("GAINSAY_POSTER_PASSWORD", PASSWORD), ("GAINSAY_POSTER_KEY", OTHER_KEY)]);
    assert_eq!(right.signer(POSTER, Some(&path), None).unwrap(), ADDRESS);

    // The file goes before the variable; what ends its line does not belong to the password.
    let wrong = Variables::new([("GAINSAY_POSTER_PASSWORD", "another")]);
    let password_file = dir.path().join("password");
    for line_end in ["", "\n", "\r\n", "\nwhat follows\n"] {
        fs::write(&password_file, format!("{PASSWORD}{line_end}")).unwrap();
        assert_eq!(wrong.signer(POSTER, Some(&path), Some(&password_file)).unwrap(), ADDRESS);
    }
}

#[test]
fn every_fault_names_its_place_what_was_found_and_what_was_expected() {
    let (dir, path) = keystore();
    let none = Variables::default();
    let expect = |found: String, parts: &[&str]| {
        for part in parts {
            assert!(found.contains(part), "'{part}' is not in: {found}");
        }
    };
    // No way was given.
    expect(
        none.fault(None, None),
        &[
            "--poster-keystore",
            "--poster-password-file",
            "GAINSAY_POSTER_PASSWORD",
            "GAINSAY_POSTER_KEY",
        ],
    );
    expect(
        none.fault(Some(&path), None),
        &["key.json", "--poster-password-file", "GAINSAY_POSTER_PASSWORD"],
    );
    // The key in a variable.
    let fault = |key| Variables::new([("GAINSAY_POSTER_KEY", key)]).fault(None, None);
    expect(fault(&KEY[..62]), &["GAINSAY_POSTER_KEY", "31 bytes", "expected 32"]);
    expect(fault(&KEY[..63]), &["GAINSAY_POSTER_KEY", "63 characters", "expected 64"]);
    expect(fault(""), &["GAINSAY_POSTER_KEY", "0 bytes", "expected 32"]);
    let zero = "0000000000000000000000000000000000000000000000000000000000000000";
    expect(fault(zero), &["GAINSAY_POSTER_KEY", "found 0", "secp256k1"]);
    // The keystore.
    let variables = Variables::new([("GAINSAY_POSTER_PASSWORD", PASSWORD)]);
    let absent = dir.path().join("absent");
    expect(variables.fault(Some(&absent), None), &["absent", "cannot read"]);
    let bare = dir.path().join("bare");
    // A parser's error would quote it as a number.
    fs::write(&bare, "1111111111111111111111111111111111111111111111111111111111111111").unwrap();
    let text = variables.fault(Some(&bare), None);
    assert!(!text.contains("11") && text.contains("expected JSON"), "{text}");
    let wrong = Variables::new([("GAINSAY_POSTER_PASSWORD", "another")]);
    expect(wrong.fault(Some(&path), None), &["key.json", "password is wrong"]);
    expect(none.fault(Some(&path), Some(&absent)), &["password file", "absent", "cannot read"]);
}
