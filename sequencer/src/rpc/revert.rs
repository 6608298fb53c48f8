//! The message of a revert, from the bytes that the call returned.
//!
//! In: returned bytes. Out: `execution reverted`, with the reason when it is one of Solidity's two.

use alloy::sol_types::{Panic, Revert, SolError};

/// geth's message for a revert with this data.
pub(super) fn revert_message(data: &[u8]) -> String {
    const REVERTED: &str = "execution reverted";
    if let Ok(Revert { reason }) = Revert::abi_decode(data) {
        return if reason.is_empty() { REVERTED.into() } else { format!("{REVERTED}: {reason}") };
    }
    match Panic::abi_decode(data) {
        Ok(panic) => format!("{REVERTED}: {}", panic_reason(panic.code.saturating_to())),
        Err(_) => REVERTED.into(),
    }
}

/// geth's names of [Solidity's panic
/// codes](https://docs.soliditylang.org/en/latest/control-structures.html#panic-via-assert-and-error-via-require).
fn panic_reason(code: u64) -> String {
    match code {
        0x00 => "generic panic",
        0x01 => "assert(false)",
        0x11 => "arithmetic underflow or overflow",
        0x12 => "division or modulo by zero",
        0x21 => "enum overflow",
        0x22 => "invalid encoded storage byte array accessed",
        0x31 => "out-of-bounds array access; popping on an empty array",
        0x32 => "out-of-bounds access of an array or bytesN",
        0x41 => "out of memory",
        0x51 => "uninitialized function",
        unknown => return format!("unknown panic code: {unknown:#x}"),
    }
    .into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::{U256, hex};

    #[test]
    fn names_reasons_as_geth_does() {
        let error = hex!(
            "08c379a00000000000000000000000000000000000000000000000000000000000000020"
            "000000000000000000000000000000000000000000000000000000000000000a"
            "75736572206572726f7200000000000000000000000000000000000000000000"
        );
        assert_eq!(revert_message(&error), "execution reverted: user error");
        let panic = |code: u64| Panic { code: U256::from(code) }.abi_encode();
        assert_eq!(revert_message(&panic(1)), "execution reverted: assert(false)");
        assert_eq!(revert_message(&panic(0x99)), "execution reverted: unknown panic code: 0x99");
        assert_eq!(revert_message(&[]), "execution reverted");
        assert_eq!(revert_message(&error[..40]), "execution reverted");
    }
}
