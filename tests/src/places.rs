//! Where the programs and files are that a devnet needs; says what to run when one is missing.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

/// A folder of the repository, by its path from the root.
pub fn room(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

/// The compiled contracts.
pub fn artifacts() -> PathBuf {
    let out = room("contracts/out");
    assert!(
        out.join("Inbox.sol/Inbox.json").is_file(),
        "no compiled contracts in {}: run scripts/test, which builds them",
        out.display()
    );
    out
}

/// The npm packages: foundry, wallet libraries, Uniswap.
pub fn node_modules() -> PathBuf {
    let modules = room("contracts/node_modules");
    assert!(
        modules.is_dir(),
        "no npm packages in {}: run scripts/test, which installs them",
        modules.display()
    );
    modules
}

/// The binary `gainsay`, which cargo puts one folder above the test executable.
pub(crate) fn gainsay_binary() -> PathBuf {
    let test = env::current_exe().expect("a test knows its own path");
    let folder = test.parent().and_then(Path::parent).expect("target/<profile>/deps/<test>");
    let binary = folder.join("gainsay");
    assert!(
        binary.is_file(),
        "no binary at {}: run scripts/test, which builds it (or cargo build --bin gainsay)",
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
