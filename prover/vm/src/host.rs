//! What the machine asks of its host. A host cannot change what a program computes: preimages are
//! bound by their keys, and hints and writes return nothing.

use alloy_primitives::{B256, Bytes};

use crate::VmError;

/// Most bytes of one `hint` or `write` that reach the host; the rest is cut off.
pub const HOST_BYTES_MAX: usize = 1 << 20;

/// Longest preimage that a machine takes from its host. It must not be shorter than anything that
/// the program reads: the payload of a deposit with 120,000 bytes of data is the longest. Its proof
/// on L1 fits one transaction.
pub const PREIMAGE_BYTES_MAX: usize = 93 + 120_000;

/// The host of a run.
pub trait Host {
    /// The preimage of `key` (type byte and 31 bytes of hash), or none if this host lacks it: the
    /// run then stops with [`VmError::MissingPreimage`] before the instruction that asked.
    fn preimage(&mut self, key: &B256) -> Option<Bytes>;

    /// What proves the preimage of `key` to the contract `PreimageOracle`, for witnesses.
    fn proof(&mut self, key: &B256) -> Option<Bytes>;

    /// A hint at what the program is going to ask for. At most [`HOST_BYTES_MAX`].
    fn hint(&mut self, hint: &[u8]);

    /// What the program wrote for people to read. At most [`HOST_BYTES_MAX`] at a time.
    fn write(&mut self, text: &[u8]);
}

/// The host of programs that need none: it has no preimages and ignores hints and writes.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoHost;

impl Host for NoHost {
    fn preimage(&mut self, _key: &B256) -> Option<Bytes> {
        None
    }

    fn proof(&mut self, _key: &B256) -> Option<Bytes> {
        None
    }

    fn hint(&mut self, _hint: &[u8]) {}

    fn write(&mut self, _text: &[u8]) {}
}

/// A host as one run uses it: remembers the last preimage, and does not pass on hints and writes of
/// steps that are executed a second time.
pub(crate) struct HostPort<'a> {
    host: &'a mut dyn Host,
    /// The preimage read last: programs read the words of one after the other.
    cached: Option<(B256, Bytes)>,
    /// First step that has never been executed before.
    fresh_from: u64,
}

impl<'a> HostPort<'a> {
    pub(crate) fn new(host: &'a mut dyn Host, fresh_from: u64) -> Self {
        Self { host, cached: None, fresh_from }
    }

    pub(crate) fn preimage(&mut self, key: &B256) -> Result<&Bytes, VmError> {
        if self.cached.as_ref().is_none_or(|(cached, _)| cached != key) {
            let bytes = self.host.preimage(key).ok_or(VmError::MissingPreimage { key: *key })?;
            if bytes.len() > PREIMAGE_BYTES_MAX {
                return Err(VmError::PreimageTooLong { key: *key, bytes: bytes.len() });
            }
            self.cached = Some((*key, bytes));
        }
        let (_, bytes) = self.cached.as_ref().expect("filled above");
        Ok(bytes)
    }

    pub(crate) fn proof(&mut self, key: &B256) -> Result<Bytes, VmError> {
        self.host.proof(key).ok_or(VmError::MissingPreimage { key: *key })
    }

    pub(crate) fn hint(&mut self, step: u64, hint: &[u8]) {
        if step >= self.fresh_from {
            self.host.hint(&hint[..hint.len().min(HOST_BYTES_MAX)]);
        }
    }

    pub(crate) fn write(&mut self, step: u64, text: &[u8]) {
        if step >= self.fresh_from {
            self.host.write(&text[..text.len().min(HOST_BYTES_MAX)]);
        }
    }
}
