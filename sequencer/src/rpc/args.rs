//! The parameters of one request, taken one by one.
//!
//! In: the `params` of a request, a JSON array. Out: typed values, or an error that says which
//! argument is wrong, what is wrong with it and what was found.

use jsonrpsee::core::JsonRawValue;
use serde::de::DeserializeOwned;

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
            // serde_json's position within one argument does not help a caller.
            let error = error.to_string();
            let reason = error.split(" at line ").next().unwrap_or(&error);
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
    fn null_and_missing_are_the_same() {
        let mut args = args("[null]");
        assert_eq!(args.optional::<u64>().unwrap(), None);
        assert_eq!(args.optional::<u64>().unwrap(), None);
        assert!(Args::new(None).unwrap().optional::<u64>().unwrap().is_none());
    }
}
