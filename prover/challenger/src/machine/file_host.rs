//! The host of a program that is run from a file: keccak preimages of given bytes, and a place for
//! what the program writes. It ignores hints.

use std::{collections::HashMap, fmt, io::Write};

use alloy_primitives::{B256, Bytes, keccak256};
use gainsay_vm::Host;

/// The type byte of keys whose rest is the keccak hash of the preimage.
const KECCAK_KEY: u8 = 1;

/// Preimages by key, and where `write` goes.
#[derive(Default)]
pub struct FileHost {
    preimages: HashMap<B256, Bytes>,
    output: Option<Box<dyn Write>>,
}

impl fmt::Debug for FileHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileHost").field("preimages", &self.preimages).finish_non_exhaustive()
    }
}

impl FileHost {
    /// Adds a preimage under its keccak key, and returns the key.
    pub fn add_preimage(&mut self, preimage: Bytes) -> B256 {
        let mut key = keccak256(&preimage);
        key[0] = KECCAK_KEY;
        self.preimages.insert(key, preimage);
        key
    }

    /// Where the program's `write` goes from now on; nowhere with `None`.
    pub fn set_output(&mut self, output: Option<Box<dyn Write>>) {
        self.output = output;
    }
}

impl Host for FileHost {
    fn preimage(&mut self, key: &B256) -> Option<Bytes> {
        self.preimages.get(key).cloned()
    }

    fn proof(&mut self, key: &B256) -> Option<Bytes> {
        self.preimages.get(key).cloned()
    }

    fn hint(&mut self, _hint: &[u8]) {}

    fn write(&mut self, text: &[u8]) {
        // A reader that has gone away must not change what the program computes.
        let written = self.output.as_mut().map(|output| output.write_all(text));
        if matches!(written, Some(Err(_))) {
            self.output = None;
        }
    }
}
