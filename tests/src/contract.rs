//! Two tiny contracts for tests, as init code.

use alloy::primitives::{Bytes, U256, hex};

/// Creates the notebook: `(key, word)` stores the word in slot `key` and logs the key under topic
/// 0x2a.
///
/// | code | does |
/// |---|---|
/// | `6012 80 6009 5f 39 5f f3` | returns the 18 bytes of code that follow |
/// | `6020 35 6000 35 55` | `storage[calldata[0]] = calldata[32]` |
/// | `5f 35 5f 52 602a 6020 5f a1 00` | `log1(calldata[0], 0x2a)`, stop |
pub const CREATE_NOTEBOOK: [u8; 27] =
    hex!("60128060095f395ff3" "60203560003555" "5f355f52602a60205fa100");

/// Creates a contract that reverts every call, with `Error("no")`.
///
/// | code | does |
/// |---|---|
/// | `6020 80 6009 5f 39 5f f3` | returns the 32 bytes of code that follow |
/// | `62461bcd 60e5 1b 5f 52` | the selector of `Error(string)` at 0 |
/// | `6020 6004 52 6002 6024 52 616e6f 60f0 1b 6044 52 6064 5f fd` | its argument, revert |
pub const CREATE_REFUSER: [u8; 41] = hex!(
    "60208060095f395ff3"
    "62461bcd60e51b5f52"
    "6020600452"
    "6002602452"
    "616e6f60f01b604452"
    "60645ffd"
);

/// Call data that has the notebook store `word` in slot `key`.
pub fn note_call(key: u64, word: u64) -> Bytes {
    let mut data = U256::from(key).to_be_bytes_vec();
    data.extend(U256::from(word).to_be_bytes_vec());
    data.into()
}
