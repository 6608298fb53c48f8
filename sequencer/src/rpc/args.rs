//! The parameters of one request, taken one by one.
//!
//! In: the `params` of a request, a JSON array. Out: typed values, or an error that says which
//! argument is wrong, what is wrong with it and what was found.

use jsonrpsee::core::JsonRawValue;
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, Error as _},
};

use super::error::RpcError;

/// Characters of a bad argument that its error shows.
const SHOWN_CHARS_MAX: usize = 80;

/// Arguments not yet taken.
#[derive(Debug)]
pub(super) struct Args {
    rest: std::vec::IntoIter<Box<JsonRawValue>>,
    index: usize,
}

impl Args {
    /// Splits the parameters of a request.
    pub(super) fn new(params: Option<&str>) -> Result<Self, RpcError> {
        let values = match params.map(str::trim) {
            None | Some("" | "null") => Vec::new(),
            Some(text) => serde_json::from_str(text).map_err(|_| {
                RpcError::params(format!("expected an array of parameters, found {}", shown(text)))
            })?,
        };
        Ok(Self { rest: values.into_iter(), index: 0 })
    }

    /// The next argument, `None` when it is missing or null.
    pub(super) fn optional<T: DeserializeOwned>(&mut self) -> Result<Option<T>, RpcError> {
        let (index, value) = (self.index, self.rest.next());
        self.index = self.index.saturating_add(1);
        let Some(value) = value.filter(|value| value.get() != "null") else { return Ok(None) };
        serde_json::from_str(value.get()).map(Some).map_err(|error| {
            let reason = plain_reason(&error.to_string());
            RpcError::params(format!("invalid argument {index}: {reason}: {}", shown(value.get())))
        })
    }

    /// The next argument.
    pub(super) fn required<T: DeserializeOwned>(&mut self) -> Result<T, RpcError> {
        let index = self.index;
        self.optional()?
            .ok_or_else(|| RpcError::params(format!("missing value for required argument {index}")))
    }
}

/// serde's reason without what only this program's authors understand: names of types, and the
/// position within one argument.
fn plain_reason(error: &str) -> String {
    let reason = error.split(" at line ").next().unwrap_or(error);
    if reason.contains("untagged enum") {
        return "none of the forms that this argument may have".into();
    }
    let reason = match reason.split_once("expected struct ") {
        Some((before, _)) => format!("{before}expected an object"),
        None => reason.into(),
    };
    let words = [
        ("invalid type: map", "invalid type: object"),
        ("invalid type: sequence", "invalid type: array"),
        ("invalid type: unit value", "invalid type: null"),
        ("expected a sequence", "expected an array"),
        ("unknown variant", "unknown value"),
    ];
    words.iter().fold(reason, |reason, (rust, plain)| reason.replace(rust, plain))
}

/// A number that clients send as a hex quantity or as a plain number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Count(pub(super) u64);

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let value = serde_json::Value::deserialize(from)?;
        let found = match &value {
            serde_json::Value::Number(number) => number.as_u64(),
            serde_json::Value::String(text) => {
                let digits = text.strip_prefix("0x").filter(|digits| !digits.starts_with('+'));
                digits.and_then(|digits| u64::from_str_radix(digits, 16).ok())
            }
            _ => None,
        };
        let expected = "expected a number of 64 bits, in hex as \"0x..\" or without quotes";
        found.map(Self).ok_or_else(|| D::Error::custom(expected))
    }
}

/// The beginning of a text.
fn shown(text: &str) -> String {
    let mut chars = text.chars();
    let mut shown: String = chars.by_ref().take(SHOWN_CHARS_MAX).collect();
    if chars.next().is_some() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::Address;

    fn args(text: &'static str) -> Args {
        Args::new(Some(text)).unwrap()
    }

    #[test]
    fn errors_name_the_argument_and_what_was_found() {
        let mut missing = args(r"[1]");
        assert_eq!(missing.required::<u64>().unwrap(), 1);
        let error = missing.required::<u64>().unwrap_err();
        assert_eq!(error.to_string(), "missing value for required argument 1");
        assert_eq!(error.code(), -32602);

        let error = args(r#"["0x12"]"#).required::<Address>().unwrap_err();
        assert!(error.to_string().starts_with("invalid argument 0: "), "{error}");
        assert!(error.to_string().ends_with(r#": "0x12""#), "{error}");

        let error = Args::new(Some(r#"{"a":1}"#)).unwrap_err();
        assert_eq!(error.to_string(), r#"expected an array of parameters, found {"a":1}"#);
    }

    #[test]
    fn counts_are_hex_or_plain() {
        let count = |text| args(text).required::<Count>();
        assert_eq!(count(r#"["0x3e8"]"#).unwrap(), Count(1_000));
        assert_eq!(count("[1000]").unwrap(), Count(1_000));
        assert_eq!(count("[0]").unwrap(), Count(0));
        for bad in ["[-1]", "[1.5]", r#"["1000"]"#, r#"["0x"]"#, r#"["0x+1"]"#, "[{}]", "[[1]]"] {
            let error = count(bad).unwrap_err().to_string();
            assert!(error.starts_with("invalid argument 0: expected a number"), "{bad}: {error}");
        }
        assert!(count(r#"["0x10000000000000000"]"#).is_err());
    }

    #[test]
    fn null_and_missing_are_the_same() {
        let mut args = args("[null]");
        assert_eq!(args.optional::<u64>().unwrap(), None);
        assert_eq!(args.optional::<u64>().unwrap(), None);
        assert!(Args::new(None).unwrap().optional::<u64>().unwrap().is_none());
    }
}
