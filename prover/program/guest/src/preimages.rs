//! The program's oracle in the guest. The machine vouches for every word that it gives.

use alloc::vec::Vec;
use core::{cell::RefCell, convert::Infallible};

use alloy_primitives::{B256, Bytes, map::B256Map};
use gainsay_oracle::{Oracle, Request};

use crate::machine::read_preimage;

const WORD: usize = 32;

/// Longest preimage that is kept: a branch of 16 children, and no node of a trie is longer. What is
/// longer is code or data of L1, which the program asks for once or keeps itself: 24 KiB for 2,600
/// gas would fill the heap twice.
const KEPT_BYTES_MAX: usize = 532;

/// Reads preimages from the machine; those of hashes that may be trie nodes once.
#[derive(Default)]
pub(crate) struct MachineOracle(RefCell<B256Map<Bytes>>);

// SAFETY: the machine has one hart and no interrupts.
unsafe impl Sync for MachineOracle {}

impl Oracle for MachineOracle {
    type Error = Infallible;

    fn read(&self, request: &Request) -> Result<Bytes, Infallible> {
        let Request::Keccak(hash) = request else { return Ok(read(&request.key())) };
        if let Some(bytes) = self.0.borrow().get(hash) {
            return Ok(bytes.clone());
        }
        let bytes = read(&request.key());
        if bytes.len() <= KEPT_BYTES_MAX {
            self.0.borrow_mut().insert(*hash, bytes.clone());
        }
        Ok(bytes)
    }
}

fn read(key: &B256) -> Bytes {
    let mut first = Word([0; WORD]);
    // SAFETY: `Word` is aligned and as long as a word.
    let len = unsafe { read_preimage(key, 0, first.0.as_mut_ptr()) };
    if len <= WORD {
        return Bytes::copy_from_slice(&first.0[..len]);
    }
    // The heap aligns blocks of this size to a word at least.
    let mut bytes = Vec::<u8>::with_capacity(len.next_multiple_of(WORD));
    let start = bytes.as_mut_ptr();
    assert!(start.addr() % WORD == 0, "the heap aligns to words");
    // SAFETY: the capacity holds all words, of which `len` bytes are the preimage.
    unsafe {
        start.cast::<Word>().write(first);
        for offset in (WORD..len).step_by(WORD) {
            read_preimage(key, offset, start.add(offset));
        }
        bytes.set_len(len);
    }
    bytes.into()
}

/// What one read gives.
#[repr(align(32))]
struct Word([u8; WORD]);
