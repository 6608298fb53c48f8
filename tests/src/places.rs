//! Where the programs and files are that a devnet needs; says what to run when one is missing.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use alloy::primitives::B256;

/// A folder of the repository, by its path from the root.
pub fn in_repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

/// The compiled contracts.
pub fn artifacts() -> PathBuf {
    let out = in_repository("contracts/out");
    assert!(
        out.join("Inbox.sol/Inbox.json").is_file(),
        "no compiled contracts in {}: run scripts/test, which builds them",
        out.display()
    );
    out
}

/// The npm packages: foundry, wallet libraries, Uniswap.
pub fn node_modules() -> PathBuf {
    let modules = in_repository("contracts/node_modules");
    assert!(
        modules.is_dir(),
        "no npm packages in {}: run scripts/test, which installs them",
        modules.display()
    );
    modules
}

/// The binary `gainsay`.
pub(crate) fn gainsay_binary() -> PathBuf {
    binary("gainsay")
}

/// The binary `gainsay-challenger`.
pub fn challenger_binary() -> PathBuf {
    binary("gainsay-challenger")
}

/// The binary `gainsay-drill`.
pub fn drill_binary() -> PathBuf {
    binary("gainsay-drill")
}

/// The hash of the program, as it is committed.
pub fn program_hash() -> B256 {
    let path = in_repository("prover/program/program-hash.txt");
    let text = fs::read_to_string(&path).expect("the hash of the program is committed");
    text.trim().parse().expect("it is a hash")
}

/// The ELF file of the program that the machine runs.
pub fn program_elf() -> PathBuf {
    let path = env::var_os("GAINSAY_PROGRAM_ELF")
        .expect("GAINSAY_PROGRAM_ELF must name the ELF file that scripts/build-program printed");
    path.into()
}

/// A binary of the workspace, which cargo puts one folder above the test executable.
fn binary(name: &str) -> PathBuf {
    let test = env::current_exe().expect("a test knows its own path");
    let folder = test.parent().and_then(Path::parent).expect("target/<profile>/deps/<test>");
    let binary = folder.join(name);
    assert!(
        binary.is_file(),
        "no binary at {}: run scripts/test, which builds it (or cargo build --bin {name})",
        binary.display()
    );
    binary
}

/// `GAINSAY_ANVIL`, or anvil of the npm package.
pub fn anvil_binary() -> PathBuf {
    foundry("anvil")
}

/// `GAINSAY_CAST`, or cast of the npm package.
pub fn cast_binary() -> PathBuf {
    foundry("cast")
}

/// The native binary, not npm's wrapper script: a killed wrapper would leave its child running,
/// and it always exits with 0.
fn foundry(name: &str) -> PathBuf {
    if let Some(path) = env::var_os(format!("GAINSAY_{}", name.to_uppercase())) {
        return path.into();
    }
    let packages = node_modules().join("@foundry-rs");
    let mut found = fs::read_dir(&packages)
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|package| {
            let package = package.file_name().unwrap_or_default().to_string_lossy();
            package.starts_with(&format!("{name}-"))
        })
        .map(|package| package.join("bin").join(name))
        .filter(|path| path.is_file());
    found.next().unwrap_or_else(|| {
        panic!("no {name} in {}: run scripts/test, which installs it", packages.display())
    })
}
