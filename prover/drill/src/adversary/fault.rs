//! What an adversary lies about, by name.

use std::{fmt, str::FromStr};

use gainsay_challenger::machine::StepKind;

/// One way to be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// Another state root after the first block of the assertion.
    FirstBlock,
    /// Another state root after a block in the middle.
    MiddleBlock,
    /// Another state root after the last block.
    LastBlock,
    /// The right state, with other receipts in the header.
    Receipts,
    /// The transactions of a batch are left out.
    DroppedBatch,
    /// They are executed in another order.
    ReorderedBatch,
    /// One of them is left out.
    AlteredBatch,
    /// A deposit is not executed.
    IgnoredDeposit,
    /// A deposit is executed that nobody made.
    InventedDeposit,
    /// The right state, at another place in the Inbox.
    Cursor,
    /// A wrong claim on the way to the right end.
    Interior,
    /// A claim after the right end, where no batch is left.
    AfterEnd,
    /// Right claims, with a wrong machine state between two spans of a block that is disputed.
    Spans,
    /// Right spans, with a wrong machine state inside a span that is disputed.
    Steps,
    /// A wrong result of arithmetic.
    Alu,
    /// A wrong result of a load.
    Load,
    /// A wrong effect of a store.
    Store,
    /// A wrong result of a system call: keccak.
    Syscall,
    /// A wrong word of a keccak preimage.
    Preimage,
    /// A wrong word of a blob.
    Blob,
    /// A wrong word of what a precompile returned.
    Precompile,
    /// The machine halts with another output than the program gave.
    Halt,
    /// The machine changes after it has halted.
    Padding,
}

impl Fault {
    /// All of them.
    pub const ALL: [Self; 23] = [
        Self::FirstBlock,
        Self::MiddleBlock,
        Self::LastBlock,
        Self::Receipts,
        Self::DroppedBatch,
        Self::ReorderedBatch,
        Self::AlteredBatch,
        Self::IgnoredDeposit,
        Self::InventedDeposit,
        Self::Cursor,
        Self::Interior,
        Self::AfterEnd,
        Self::Spans,
        Self::Steps,
        Self::Alu,
        Self::Load,
        Self::Store,
        Self::Syscall,
        Self::Preimage,
        Self::Blob,
        Self::Precompile,
        Self::Halt,
        Self::Padding,
    ];

    /// Its name on a command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::FirstBlock => "first-block",
            Self::MiddleBlock => "middle-block",
            Self::LastBlock => "last-block",
            Self::Receipts => "receipts",
            Self::DroppedBatch => "dropped-batch",
            Self::ReorderedBatch => "reordered-batch",
            Self::AlteredBatch => "altered-batch",
            Self::IgnoredDeposit => "ignored-deposit",
            Self::InventedDeposit => "invented-deposit",
            Self::Cursor => "cursor",
            Self::Interior => "interior",
            Self::AfterEnd => "after-end",
            Self::Spans => "spans",
            Self::Steps => "steps",
            Self::Alu => "alu",
            Self::Load => "load",
            Self::Store => "store",
            Self::Syscall => "syscall",
            Self::Preimage => "preimage",
            Self::Blob => "blob",
            Self::Precompile => "precompile",
            Self::Halt => "halt",
            Self::Padding => "padding",
        }
    }

    /// The instruction that it lies about, if it is about one kind.
    #[must_use]
    pub const fn step_kind(self) -> Option<StepKind> {
        Some(match self {
            Self::Alu => StepKind::Alu,
            Self::Load => StepKind::Load,
            Self::Store => StepKind::Store,
            Self::Syscall => StepKind::Keccak,
            Self::Preimage => StepKind::Preimage,
            Self::Blob => StepKind::Blob,
            Self::Precompile => StepKind::Precompile,
            _ => return None,
        })
    }

    /// Whether its claims are right: it needs another adversary to bring a dispute about.
    #[must_use]
    pub const fn has_right_claims(self) -> bool {
        matches!(self, Self::Spans | Self::Steps)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Fault {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|fault| fault.name() == text);
        found.ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            format!("found '{text}', expected one of {names}")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_has_a_name_of_its_own() {
        for fault in Fault::ALL {
            assert_eq!(fault.name().parse(), Ok(fault));
        }
        assert!("none".parse::<Fault>().unwrap_err().contains("found 'none'"));
    }
}
