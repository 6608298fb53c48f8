//! JSON-RPC messages as clients write them.
//!
//! In: JSON. Out: calls with their ids, or what is wrong with them. An id is kept as text, so that
//! it comes back digit by digit: `-1`, `1.50` and `1e400` are ids like any other.
//! [Specification](https://www.jsonrpc.org/specification).

use jsonrpsee::{
    core::JsonRawValue,
    types::{ErrorObject, ErrorObjectOwned, error::INVALID_REQUEST_CODE},
};
use serde::{Deserialize, Deserializer};

/// The id of a call, as the client wrote it.
#[derive(Clone, Debug, Default)]
pub(super) struct Id(Option<Box<JsonRawValue>>);

impl Id {
    /// The id of an answer to what has none.
    pub(super) const fn null() -> Self {
        Self(None)
    }

    /// The id as JSON.
    pub(super) fn text(&self) -> &str {
        self.0.as_ref().map_or("null", |raw| raw.get())
    }

    /// Numbers and texts are ids, and null, which clients should not use.
    fn is_valid(&self) -> bool {
        !self.text().starts_with(['{', '[', 't', 'f'])
    }
}

/// A call.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) id: Id,
    pub(super) method: String,
    pub(super) params: Option<Box<JsonRawValue>>,
}

/// What stands in a message, or in one place of a batch.
#[derive(Debug)]
pub(super) enum Entry {
    /// Something that is answered.
    Call(Call),
    /// A call without an id: its answer is not wanted, and nothing here does anything else.
    Notification,
    /// No call.
    Invalid(Id, ErrorObjectOwned),
}

/// The fields of a call, present or not, of whatever type.
#[derive(Deserialize)]
struct Fields<'a> {
    #[serde(borrow, default, deserialize_with = "present")]
    jsonrpc: Option<&'a JsonRawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    id: Option<&'a JsonRawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    method: Option<&'a JsonRawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    params: Option<&'a JsonRawValue>,
}

/// A field that is there, even if it is null.
fn present<'de, D: Deserializer<'de>>(from: D) -> Result<Option<&'de JsonRawValue>, D::Error> {
    <&JsonRawValue>::deserialize(from).map(Some)
}

/// The entries of a batch, unread.
pub(super) fn parse_entries(message: &[u8]) -> Result<Vec<&JsonRawValue>, serde_json::Error> {
    serde_json::from_slice(message)
}

/// Reads one call.
pub(super) fn parse_entry(raw: &JsonRawValue) -> Entry {
    let fields: Fields<'_> = match serde_json::from_str(raw.get()) {
        Ok(fields) => fields,
        Err(_) => return invalid(Id::null(), "a call is an object without repeated fields"),
    };
    let id = Id(fields.id.map(ToOwned::to_owned));
    let text = |raw: Option<&JsonRawValue>| {
        raw.and_then(|raw| serde_json::from_str::<String>(raw.get()).ok())
    };
    if !id.is_valid() {
        return invalid(id, "an id is a number or a text");
    }
    if text(fields.jsonrpc).as_deref() != Some("2.0") {
        return invalid(id, "\"jsonrpc\" must be \"2.0\"");
    }
    let Some(method) = text(fields.method) else {
        return invalid(id, "\"method\" must be a text");
    };
    if fields.id.is_none() {
        return Entry::Notification;
    }
    Entry::Call(Call { id, method, params: fields.params.map(ToOwned::to_owned) })
}

fn invalid(id: Id, reason: &str) -> Entry {
    let message = format!("Invalid request: {reason}");
    Entry::Invalid(id, ErrorObject::owned(INVALID_REQUEST_CODE, message, None::<()>))
}

/// An error answer.
pub(super) fn error_text(id: &Id, error: &ErrorObjectOwned) -> String {
    let error = serde_json::to_string(error).unwrap_or_else(|_| {
        // An error object is made of a number and texts, which can always be written.
        r#"{"code":-32603,"message":"Internal error"}"#.into()
    });
    format!(r#"{{"jsonrpc":"2.0","id":{},"error":{error}}}"#, id.text())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Entry {
        parse_entry(serde_json::from_str(text).unwrap())
    }

    #[test]
    fn ids_are_kept_as_they_were_written() {
        let large = "1".repeat(400);
        for id in ["1", "-1", "0", "-0", "1.5", "1.50", "1e400", "18446744073709551616", &large] {
            let entry = parse(&format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"a"}}"#));
            let Entry::Call(call) = entry else { panic!("{id}: {entry:?}") };
            assert_eq!(call.id.text(), id);
        }
        for id in [r#""a""#, r#""é""#, r#""\u0000\"""#, "null"] {
            let entry =
                parse(&format!(r#"{{"method":"a","params":null,"id": {id} ,"jsonrpc":"2.0"}}"#));
            let Entry::Call(call) = entry else { panic!("{id}: {entry:?}") };
            assert_eq!(call.id.text(), id);
        }
    }

    #[test]
    fn what_is_no_call_is_told_with_its_id() {
        for (text, id) in [
            (r#"{"jsonrpc":"2.0","id":{"a":1},"method":"a"}"#, r#"{"a":1}"#),
            (r#"{"jsonrpc":"2.0","id":[],"method":"a"}"#, "[]"),
            (r#"{"jsonrpc":"2.0","id":true,"method":"a"}"#, "true"),
            (r#"{"jsonrpc":"1.0","id":-7,"method":"a"}"#, "-7"),
            (r#"{"jsonrpc":2.0,"id":-7,"method":"a"}"#, "-7"),
            (r#"{"id":-7,"method":"a"}"#, "-7"),
            (r#"{"jsonrpc":"2.0","id":-7}"#, "-7"),
            (r#"{"jsonrpc":"2.0","id":-7,"method":5}"#, "-7"),
            (r#"{"jsonrpc":"2.0"}"#, "null"),
            (r#"{"jsonrpc":"2.0","id":1,"id":2,"method":"a"}"#, "null"),
            ("[]", "null"),
            ("1", "null"),
        ] {
            let entry = parse(text);
            let Entry::Invalid(found, error) = entry else { panic!("{text}: {entry:?}") };
            assert_eq!((found.text(), error.code()), (id, -32600), "{text}");
        }
        assert!(matches!(parse(r#"{"jsonrpc":"2.0","method":"a"}"#), Entry::Notification));
    }
}
