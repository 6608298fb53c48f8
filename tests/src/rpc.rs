//! JSON-RPC as a test asks it: answers as JSON, errors as text, every request bounded.

use std::time::Duration;

use alloy::{
    primitives::{Address, B256, Bytes, U256},
    rpc::client::{ClientBuilder, RpcClient},
};
use serde_json::{Value, json};

/// Time for one answer; the machine may be busy.
const REQUEST_LIMIT: Duration = Duration::from_secs(60);

/// A client for HTTP, made as our programs make theirs.
///
/// # Panics
/// When the system allows none.
pub fn http_client() -> reqwest::Client {
    gainsay_l1::http_client(REQUEST_LIMIT).unwrap()
}

/// A JSON-RPC endpoint.
#[derive(Clone, Debug)]
pub struct Rpc {
    url: String,
    client: RpcClient,
}

impl Rpc {
    /// The endpoint at `url`, over HTTP.
    pub fn new(url: &str) -> Self {
        Self {
            url: url.to_owned(),
            client: ClientBuilder::default().http_with_client(http_client(), url.parse().unwrap()),
        }
    }

    /// Its URL.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Asks; an error comes back as its text.
    pub async fn try_call(&self, method: &'static str, params: Value) -> Result<Value, String> {
        let request = self.client.request::<Value, Value>(method, params);
        match tokio::time::timeout(REQUEST_LIMIT, request).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(format!("{method} at {}: {error}", self.url)),
            Err(_) => Err(format!("{method} at {}: no answer", self.url)),
        }
    }

    /// Asks.
    ///
    /// # Panics
    /// On any error.
    pub async fn call(&self, method: &'static str, params: Value) -> Value {
        match self.try_call(method, params.clone()).await {
            Ok(answer) => answer,
            Err(error) => panic!("{error} (params {params})"),
        }
    }

    /// The head's number.
    pub async fn block_number(&self) -> u64 {
        number(&self.call("eth_blockNumber", json!([])).await)
    }

    /// The block with this number or tag, its transactions as hashes; null if there is none.
    pub async fn block(&self, block: impl Into<Value>) -> Value {
        let block = match block.into() {
            Value::Number(height) => json!(format!("{:#x}", height.as_u64().unwrap())),
            tag => tag,
        };
        self.call("eth_getBlockByNumber", json!([block, false])).await
    }

    /// The number of the block with this tag, such as `safe`.
    pub async fn height(&self, tag: &str) -> u64 {
        number(&self.block(tag).await["number"])
    }

    /// A receipt; null while there is none.
    pub async fn receipt(&self, hash: B256) -> Value {
        self.call("eth_getTransactionReceipt", json!([hash])).await
    }

    /// The balance at the head.
    pub async fn balance(&self, address: Address) -> U256 {
        let balance = self.call("eth_getBalance", json!([address, "latest"])).await;
        balance.as_str().and_then(|text| text.parse().ok()).unwrap_or_else(|| {
            panic!("eth_getBalance of {address}: found {balance}, expected a quantity")
        })
    }

    /// The next nonce at the head.
    pub async fn nonce(&self, address: Address) -> u64 {
        number(&self.call("eth_getTransactionCount", json!([address, "latest"])).await)
    }

    /// The word in a storage slot at the head.
    pub async fn storage(&self, address: Address, slot: u64) -> U256 {
        let slot = format!("{slot:#x}");
        let word = self.call("eth_getStorageAt", json!([address, slot, "latest"])).await;
        word.as_str().and_then(|text| text.parse().ok()).unwrap_or_else(|| {
            panic!("eth_getStorageAt of {address}: found {word}, expected a word")
        })
    }

    /// Sends a signed transaction.
    pub async fn send(&self, raw: &Bytes) -> B256 {
        self.try_send(raw).await.unwrap_or_else(|error| panic!("{error}"))
    }

    /// Sends a signed transaction, unless the node refuses it.
    pub async fn try_send(&self, raw: &Bytes) -> Result<B256, String> {
        let hash = self.try_call("eth_sendRawTransaction", json!([raw])).await?;
        hash.as_str().and_then(|text| text.parse().ok()).ok_or(format!("no hash: {hash}"))
    }

    /// `rollup_status`.
    pub async fn status(&self) -> Value {
        self.call("rollup_status", json!([])).await
    }
}

/// A quantity as JSON-RPC (`"0x.."`) or JSON (a number) writes it.
pub fn number(value: &Value) -> u64 {
    let hex = value.as_str().and_then(|text| text.strip_prefix("0x"));
    hex.and_then(|digits| u64::from_str_radix(digits, 16).ok())
        .or_else(|| value.as_u64())
        .unwrap_or_else(|| panic!("found {value}, expected a number"))
}
