//! Amounts, addresses and the like, as people write them on a command line.
//!
//! In: text. Out: values, or an error that says what was found and what was expected. It guesses
//! nothing: a number without a unit is wei, and no digit is ever lost by rounding.

use std::str::FromStr;

use alloy_primitives::{Address, Bytes, U256};

/// Units and the number of decimals that each adds to wei.
const UNITS: [(&str, usize); 4] = [("ether", 18), ("eth", 18), ("gwei", 9), ("wei", 0)];

/// Most digits taken before the decimal point: 2^256 has 78.
const DIGITS_MAX: usize = 78;

/// Why text is not a value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseValueError {
    /// Not a number with an optional unit.
    #[error("found `{found}`, expected an amount such as `1000000000`, `30gwei` or `1.5eth`")]
    Amount {
        /// The text.
        found: String,
    },
    /// Not a decimal number of ether.
    #[error("found `{found}`, expected a number of ether such as `1` or `0.25`")]
    Ether {
        /// The text.
        found: String,
    },
    /// Smaller than one wei.
    #[error("`{found}` has {decimals} decimals, expected at most {max}: 1 wei is the least amount")]
    TooFine {
        /// The text.
        found: String,
        /// Its decimals.
        decimals: usize,
        /// Decimals that the unit has.
        max: usize,
    },
    /// Does not fit 256 bits.
    #[error("`{found}` is above the largest amount, 2^256 - 1 wei")]
    TooLarge {
        /// The text.
        found: String,
    },
    /// Not an address.
    #[error("found `{found}`, expected an address: 0x and 40 hex digits")]
    Address {
        /// The text.
        found: String,
    },
    /// An address in mixed case whose case is wrong.
    #[error(
        "`{found}` has a wrong checksum (EIP-55), expected `{expected}`: \
         check the address, or write it in lower case"
    )]
    Checksum {
        /// The text.
        found: String,
        /// The same digits with the right checksum.
        expected: String,
    },
    /// Not hex data.
    #[error("found `{found}`, expected data: 0x and an even number of hex digits")]
    Data {
        /// The text, shortened.
        found: String,
    },
    /// Not `ADDRESS=AMOUNT`.
    #[error("found `{found}`, expected ADDRESS=AMOUNT such as 0x..=10eth")]
    Funding {
        /// The text.
        found: String,
    },
}

/// An account and the wei that genesis gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Funding {
    /// The account.
    pub address: Address,
    /// Wei.
    pub wei: U256,
}

impl FromStr for Funding {
    type Err = ParseValueError;

    fn from_str(text: &str) -> Result<Self, ParseValueError> {
        let funding = || ParseValueError::Funding { found: text.to_owned() };
        let (address, amount) = text.split_once('=').ok_or_else(funding)?;
        Ok(Self { address: parse_address(address)?, wei: parse_amount(amount)? })
    }
}

/// Reads an amount: wei, or a decimal number with a unit behind it.
///
/// # Errors
/// What was found and what was expected.
pub fn parse_amount(text: &str) -> Result<U256, ParseValueError> {
    let trimmed = text.trim();
    let (number, decimals) = UNITS
        .iter()
        .find_map(|(unit, decimals)| Some((trimmed.strip_suffix(unit)?, *decimals)))
        .unwrap_or((trimmed, 0));
    scaled(number.trim_end(), decimals, text)
        .unwrap_or_else(|| Err(ParseValueError::Amount { found: text.to_owned() }))
}

/// Reads a number of ether, without unit.
///
/// # Errors
/// What was found and what was expected.
pub fn parse_ether(text: &str) -> Result<U256, ParseValueError> {
    scaled(text.trim(), 18, text)
        .unwrap_or_else(|| Err(ParseValueError::Ether { found: text.to_owned() }))
}

/// `number * 10^decimals`; `None` when `number` is not a decimal number.
fn scaled(number: &str, decimals: usize, found: &str) -> Option<Result<U256, ParseValueError>> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'_');
    let has_digit = |text: &str| text.bytes().any(|byte| byte.is_ascii_digit());
    let point_without_digits = number.contains('.') && !has_digit(fraction);
    if !is_digits(whole) || !is_digits(fraction) || !has_digit(whole) || point_without_digits {
        return None;
    }
    let whole = whole.replace('_', "");
    let fraction = fraction.replace('_', "");
    let fraction = fraction.trim_end_matches('0');
    let found = found.to_owned();
    if fraction.len() > decimals {
        let (decimals, max) = (fraction.len(), decimals);
        return Some(Err(ParseValueError::TooFine { found, decimals, max }));
    }
    let whole = whole.trim_start_matches('0');
    if whole.len() > DIGITS_MAX {
        return Some(Err(ParseValueError::TooLarge { found }));
    }
    let digits = format!("{whole}{fraction:0<decimals$}");
    let digits = if digits.is_empty() { "0" } else { &digits };
    Some(U256::from_str_radix(digits, 10).map_err(|_| ParseValueError::TooLarge { found }))
}

/// Reads an address. Mixed case must be the EIP-55 checksum.
///
/// # Errors
/// What was found and what was expected.
pub fn parse_address(text: &str) -> Result<Address, ParseValueError> {
    let trimmed = text.trim();
    let found = || ParseValueError::Address { found: text.to_owned() };
    let digits = trimmed.strip_prefix("0x").ok_or_else(found)?;
    let address = Address::from_str(trimmed).map_err(|_| found())?;
    let has = |test: fn(&u8) -> bool| digits.bytes().any(|byte| test(&byte));
    let is_mixed = has(u8::is_ascii_lowercase) && has(u8::is_ascii_uppercase);
    let expected = address.to_checksum(None);
    if is_mixed && expected != trimmed {
        return Err(ParseValueError::Checksum { found: trimmed.to_owned(), expected });
    }
    Ok(address)
}

/// Reads hex data; `0x` alone is no bytes.
///
/// # Errors
/// What was found and what was expected.
pub fn parse_data(text: &str) -> Result<Bytes, ParseValueError> {
    let trimmed = text.trim();
    let bytes = trimmed.strip_prefix("0x").and_then(|_| Bytes::from_str(trimmed).ok());
    bytes.ok_or_else(|| {
        let mut found: String = trimmed.chars().take(40).collect();
        if found.len() < trimmed.len() {
            found.push_str("..");
        }
        ParseValueError::Data { found }
    })
}

/// Writes wei as ether, with all decimals that it has: `1.5 ETH`.
#[must_use]
pub fn format_ether(wei: U256) -> String {
    let digits = format!("{wei:0>19}");
    let (whole, fraction) = digits.split_at(digits.len() - 18);
    let fraction = fraction.trim_end_matches('0');
    let point = if fraction.is_empty() { "" } else { "." };
    format!("{whole}{point}{fraction} ETH")
}

/// Writes seconds as people say them, two units at most: `2 h 5 min`.
#[must_use]
pub fn format_secs(secs: u64) -> String {
    let parts =
        [("d", secs / 86_400), ("h", secs / 3_600 % 24), ("min", secs / 60 % 60), ("s", secs % 60)];
    let first = parts.iter().position(|(_, count)| *count > 0).unwrap_or(3);
    let shown = parts[first..].iter().take(2).enumerate();
    let shown = shown.filter(|(index, (_, count))| *index == 0 || *count > 0);
    shown.map(|(_, (unit, count))| format!("{count} {unit}")).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_exact() {
        let ok = |text: &str, wei: &str| {
            assert_eq!(parse_amount(text).unwrap(), U256::from_str(wei).unwrap(), "{text}");
        };
        ok("0", "0");
        ok("1_000", "1000");
        ok("30gwei", "30000000000");
        ok("1.5eth", "1500000000000000000");
        ok("0.000000000000000001 ether", "1");
        ok("1.0", "1");
    }

    #[test]
    fn what_is_no_amount_says_what_was_expected() {
        for text in ["", "eth", "1.5", "-1", "0x10", "1e18", "1.eth", ".5eth", "1.2.3eth", "_"] {
            let error = parse_amount(text).unwrap_err().to_string();
            assert!(error.contains("expected"), "{text}: {error}");
        }
        let error = parse_amount("0.0000000001gwei").unwrap_err();
        assert!(matches!(error, ParseValueError::TooFine { decimals: 10, max: 9, .. }), "{error}");
        let most = U256::MAX.to_string();
        assert_eq!(parse_amount(&most).unwrap(), U256::MAX);
        for text in [format!("{most}0"), format!("{most}eth"), "9".repeat(78), "9".repeat(500)] {
            assert!(matches!(parse_amount(&text), Err(ParseValueError::TooLarge { .. })), "{text}");
        }
        assert_eq!(parse_ether("0.25").unwrap(), U256::from(250_000_000_000_000_000_u64));
        assert!(matches!(parse_ether("1eth"), Err(ParseValueError::Ether { .. })));
    }

    #[test]
    fn addresses_with_a_wrong_checksum_are_refused() {
        let right = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266";
        assert_eq!(parse_address(right).unwrap().to_checksum(None), right);
        assert!(parse_address(&right.to_lowercase()).is_ok());
        let wrong = right.replace("aad8", "aAd8");
        let error = parse_address(&wrong).unwrap_err().to_string();
        assert!(error.contains(&wrong) && error.contains(right), "{error}");
        for text in ["", "0x", &right[2..], &right[..41], "vitalik.eth"] {
            assert!(matches!(parse_address(text), Err(ParseValueError::Address { .. })), "{text}");
        }
        let funding = Funding::from_str(&format!("{right}=10eth")).unwrap();
        assert_eq!(format_ether(funding.wei), "10 ETH");
        assert!(matches!(Funding::from_str(right), Err(ParseValueError::Funding { .. })));
    }

    #[test]
    fn data_is_hex_with_a_prefix() {
        assert_eq!(parse_data("0x").unwrap(), Bytes::new());
        assert_eq!(parse_data("0x00fF").unwrap(), Bytes::from_static(&[0, 255]));
        for text in ["", "00ff", "0x0", "0xzz"] {
            assert!(parse_data(text).is_err(), "{text}");
        }
    }

    #[test]
    fn amounts_and_times_read_well() {
        for (wei, text) in [("0", "0 ETH"), ("1", "0.000000000000000001 ETH")] {
            assert_eq!(format_ether(U256::from_str(wei).unwrap()), text);
        }
        assert_eq!(format_ether(parse_amount("1.5eth").unwrap()), "1.5 ETH");
        let times = [(0, "0 s"), (59, "59 s"), (60, "1 min"), (7_500, "2 h 5 min"), (7_201, "2 h")];
        for (secs, text) in times {
            assert_eq!(format_secs(secs), text);
        }
        assert_eq!(format_secs(7 * 86_400 + 3_600), "7 d 1 h");
    }
}
