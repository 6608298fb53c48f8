//! What an L1 node, or a provider before it, may do to an answer instead of giving it.
//!
//! In: a true answer as JSON, and randomness. Out: the answer that is given. Pure: what is done to
//! a connection (a refusal by HTTP, a hang, a cut) is carried out by the
//! [relay](crate::LyingRelay).

use rand::{Rng, rngs::StdRng};
use serde_json::{Value, json};

/// A part of an answer that can be altered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// 32 bytes anywhere but in topics: hashes, roots, words of contracts.
    Hash,
    /// A topic of a log.
    Topic,
    /// A quantity.
    Number,
    /// Bytes longer than a word: blooms, data, blobs.
    Data,
    /// Any of these.
    Any,
}

/// A fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// `[]`: there is nothing.
    EmptyList,
    /// `null`: it is not known.
    Null,
    /// `0x`: a contract that is not there.
    NoBytes,
    /// One entry of a list is missing: a log, a receipt, a transaction.
    MissingOne,
    /// Some neighbours in a list are missing.
    MissingRange,
    /// One field has another value.
    Altered(Field),
    /// The answer of a node that is so many blocks behind.
    Stale {
        /// How far behind.
        blocks: u64,
    },
    /// A JSON-RPC error; the request does not reach L1.
    Error {
        /// Its code.
        code: i64,
        /// Its words.
        message: &'static str,
    },
    /// An HTTP status instead of an answer; the request does not reach L1.
    Http(u16),
    /// No answer while the fault lasts; the request does not reach L1.
    Hang,
    /// The connection is closed; the request does not reach L1.
    Closed,
    /// The request reaches L1, and the connection is closed before the answer.
    AnswerLost,
    /// The answer ends in the middle.
    Truncated,
}

/// What nodes and providers say when a request asks for too much, or comes too often.
///
/// | words | of |
/// |---|---|
/// | -32005 limit exceeded | Infura, for both |
/// | -32005 Requested range exceeds maximum RPC range limit | Besu, `RpcErrorType` |
/// | -32602 query exceeds max block range | geth, Alchemy, Erigon |
/// | -32600 .. up to a 10 block range | Alchemy's free plan |
/// | -32000 query returned more than 10000 results | geth's old words, QuickNode |
/// | -32601 the method .. does not exist | every client without a method |
/// | -32603 Internal error | every client |
pub const REFUSALS: [Fault; 7] = [
    Fault::Error { code: -32005, message: "limit exceeded" },
    Fault::Error { code: -32005, message: "Requested range exceeds maximum RPC range limit" },
    Fault::Error { code: -32602, message: "query exceeds max block range 1000" },
    Fault::Error {
        code: -32600,
        message: "Under the Free tier plan, you can make requests with up to a 10 block range",
    },
    Fault::Error { code: -32000, message: "query returned more than 10000 results" },
    Fault::Error { code: -32601, message: "the method does not exist/is not available" },
    Fault::Error { code: -32603, message: "Internal error" },
];

impl Fault {
    /// Whether it is done to the connection, not to an answer.
    pub(crate) const fn is_of_connection(self) -> bool {
        matches!(
            self,
            Self::Http(_) | Self::Hang | Self::Closed | Self::AnswerLost | Self::Truncated
        )
    }

    /// Changes the result of a call. Whether it is another one now. A [stale](Self::Stale) answer
    /// is to be asked for: see [`past_params`] and [`hide_later`].
    pub(crate) fn distort(self, result: &mut Value, random: &mut StdRng) -> bool {
        let before = result.clone();
        match self {
            Self::EmptyList => *result = json!([]),
            Self::Null => *result = Value::Null,
            Self::NoBytes => *result = json!("0x"),
            Self::MissingOne => cut(result, random, |_, _| 1),
            Self::MissingRange => cut(result, random, |random, len| random.random_range(1..=len)),
            Self::Altered(field) => alter(result, field, random),
            _ => {}
        }
        *result != before
    }
}

/// Takes neighbours out of one list of the answer, as many as `count` says.
fn cut(result: &mut Value, random: &mut StdRng, count: impl Fn(&mut StdRng, usize) -> usize) {
    let lists = places(result, &|_, value| value.as_array().is_some_and(|list| !list.is_empty()));
    let Some(list) = choose(&lists, random).and_then(|place| result.pointer_mut(place)) else {
        return;
    };
    let list = list.as_array_mut().expect("only lists were looked for");
    let count = count(random, list.len());
    let first = random.random_range(0..=list.len() - count);
    list.drain(first..first + count);
}

/// Gives one field another value of the same shape.
fn alter(result: &mut Value, field: Field, random: &mut StdRng) {
    let fields = places(result, &|place, value| {
        let Some(digits) = value.as_str().and_then(|text| text.strip_prefix("0x")) else {
            return false;
        };
        let is_topic = place.contains("/topics/");
        match field {
            Field::Topic => is_topic,
            Field::Hash => digits.len() == 64 && !is_topic,
            Field::Number => (1..=16).contains(&digits.len()),
            Field::Data => digits.len() > 64,
            Field::Any => !digits.is_empty(),
        }
    });
    let Some(value) = choose(&fields, random).and_then(|place| result.pointer_mut(place)) else {
        return;
    };
    let mut text = value.as_str().expect("only texts were looked for").as_bytes().to_vec();
    let digit = random.random_range(2..text.len());
    let old = char::from(text[digit]).to_digit(16).unwrap_or_default();
    let new = (old + random.random_range(1..16)) % 16;
    text[digit] = b"0123456789abcdef"[new as usize];
    let text = String::from_utf8(text).expect("hex digits");
    // A quantity has no leading zeros.
    *value = match text.trim_start_matches("0x").trim_start_matches('0') {
        _ if text.len() > 18 => json!(text),
        "" => json!("0x0"),
        digits => json!(format!("0x{digits}")),
    };
}

/// JSON pointers to all values that `wanted` wants.
fn places(value: &Value, wanted: &dyn Fn(&str, &Value) -> bool) -> Vec<String> {
    fn walk(
        value: &Value,
        place: &str,
        wanted: &dyn Fn(&str, &Value) -> bool,
        found: &mut Vec<String>,
    ) {
        if wanted(place, value) {
            found.push(place.to_owned());
        }
        match value {
            Value::Array(list) => {
                for (index, item) in list.iter().enumerate() {
                    walk(item, &format!("{place}/{index}"), wanted, found);
                }
            }
            Value::Object(fields) => {
                for (name, item) in fields {
                    walk(item, &format!("{place}/{name}"), wanted, found);
                }
            }
            _ => {}
        }
    }
    let mut found = Vec::new();
    walk(value, "", wanted, &mut found);
    found
}

fn choose<'a>(places: &'a [String], random: &mut StdRng) -> Option<&'a String> {
    (!places.is_empty()).then(|| &places[random.random_range(0..places.len())])
}

/// Names of heads, which a node that is behind reads as its own. What is safe or final lies further
/// back than it is.
const HEADS: [&str; 2] = ["latest", "pending"];

/// The parameters of a call as a node at block `past` reads them.
pub(crate) fn past_params(params: &mut Value, past: u64) {
    for param in params.as_array_mut().into_iter().flatten() {
        if param.as_str().is_some_and(|text| HEADS.contains(&text)) {
            *param = json!(format!("{past:#x}"));
        }
    }
}

/// Takes out of a result what a node at block `past` does not know.
pub(crate) fn hide_later(method: &str, result: &mut Value, past: u64) {
    let is_later = |value: &Value| {
        let number = value.get("blockNumber").or_else(|| value.get("number"));
        let digits = number.and_then(Value::as_str).map(|text| text.trim_start_matches("0x"));
        digits.and_then(|it| u64::from_str_radix(it, 16).ok()).is_some_and(|it| it > past)
    };
    match result {
        _ if method == "eth_blockNumber" => *result = json!(format!("{past:#x}")),
        Value::Array(list) if list.iter().any(is_later) => *result = Value::Null,
        Value::Object(_) if is_later(result) => *result = Value::Null,
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    fn receipts() -> Value {
        let log = |topic: &str| {
            json!({ "topics": [topic], "data": "0x", "blockNumber": "0x7",
                "transactionHash": format!("0x{}", "a".repeat(64)) })
        };
        let receipt = |topic| json!({ "logs": [log(topic), log(topic)], "blockNumber": "0x7" });
        let topic = format!("0x{}", "b".repeat(64));
        json!([receipt(&topic), receipt(&topic), receipt(&topic)])
    }

    fn logs(receipts: &Value) -> usize {
        let of_one = |receipt: &Value| receipt["logs"].as_array().unwrap().len();
        receipts.as_array().unwrap().iter().map(of_one).sum()
    }

    #[test]
    fn each_distortion_makes_another_answer_of_the_kind_it_says() {
        let mut random = StdRng::seed_from_u64(7);
        let distorted = |fault: Fault, random: &mut StdRng| {
            let mut result = receipts();
            assert!(fault.distort(&mut result, random), "{fault:?}");
            result
        };
        assert_eq!(distorted(Fault::EmptyList, &mut random), json!([]));
        assert_eq!(distorted(Fault::Null, &mut random), Value::Null);
        assert_eq!(distorted(Fault::NoBytes, &mut random), json!("0x"));
        let (mut fewer_logs, mut fewer_receipts) = (0, 0);
        for _ in 0..100 {
            let found = distorted(Fault::MissingOne, &mut random);
            match found.as_array().unwrap().len() {
                3 => fewer_logs += 1,
                2 => fewer_receipts += 1,
                len => panic!("{len} receipts"),
            }
            assert!(distorted(Fault::MissingRange, &mut random).as_array().unwrap().len() <= 3);
            let field = Fault::Altered(Field::Topic);
            let found = distorted(field, &mut random);
            assert_eq!((found.as_array().unwrap().len(), logs(&found)), (3, 6));
            let found = distorted(Fault::Altered(Field::Number), &mut random);
            assert_eq!(logs(&found), 6);
        }
        assert!(fewer_logs > 0 && fewer_receipts > 0, "{fewer_logs} {fewer_receipts}");
    }

    #[test]
    fn what_has_no_such_part_stays_true() {
        let mut random = StdRng::seed_from_u64(7);
        for fault in [Fault::MissingOne, Fault::MissingRange, Fault::Altered(Field::Data)] {
            let mut result = json!("0x7");
            assert!(!fault.distort(&mut result, &mut random), "{fault:?}");
            assert_eq!(result, json!("0x7"));
        }
    }

    #[test]
    fn a_node_that_is_behind_knows_nothing_later() {
        let mut params = json!([{ "to": "0x1" }, "latest"]);
        past_params(&mut params, 5);
        assert_eq!(params, json!([{ "to": "0x1" }, "0x5"]));
        for mut later in [json!({ "number": "0x6" }), receipts(), json!({ "blockNumber": "0x6" })] {
            hide_later("any", &mut later, 5);
            assert_eq!(later, Value::Null);
        }
        let mut known = receipts();
        hide_later("any", &mut known, 7);
        assert_eq!(known, receipts());
        let mut head = json!("0x9");
        hide_later("eth_blockNumber", &mut head, 5);
        assert_eq!(head, json!("0x5"));
    }
}
