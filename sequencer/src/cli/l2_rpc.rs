//! The few questions that commands ask of an L2 node.
//!
//! In: a URL. Out: typed answers, or an error that names the endpoint. Every request is bounded in
//! time; nothing is retried here.

use std::{fmt, time::Duration};

use alloy::{
    providers::{DynProvider, Provider, ProviderBuilder},
    rpc::client::ClientBuilder,
    transports::http::{Http, reqwest},
};
use alloy_primitives::{Address, B256, U64, U256};
use anyhow::{Context, ensure};
use gainsay_l1::http_client;
use serde::{Deserialize, de::DeserializeOwned};

use crate::withdrawal_status::{WithdrawalPage, WithdrawalStatus};

/// Longest time that one request may take.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(20);

/// An L2 node's JSON-RPC endpoint.
#[derive(Clone)]
pub(crate) struct L2Rpc {
    url: String,
    provider: DynProvider,
}

impl fmt::Debug for L2Rpc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("L2Rpc").field("url", &self.url).finish_non_exhaustive()
    }
}

/// What became of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// Block that holds it.
    pub(crate) block_number: u64,
    /// Whether it succeeded.
    pub(crate) success: bool,
    /// Gas that it used.
    pub(crate) gas_used: u64,
    /// Contract that it created.
    pub(crate) contract_address: Option<Address>,
}

/// The fields of a receipt that are read.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Receipt {
    block_number: U64,
    status: U64,
    gas_used: U64,
    contract_address: Option<Address>,
}

impl L2Rpc {
    /// Prepares requests to `url`; asks nothing yet.
    pub(crate) fn connect(url: &str) -> anyhow::Result<Self> {
        let parsed: reqwest::Url =
            url.parse().with_context(|| format!("--l2-rpc `{url}` is no URL"))?;
        ensure!(
            matches!(parsed.scheme(), "http" | "https"),
            "--l2-rpc `{url}`: expected http or https, found {}",
            parsed.scheme()
        );
        let http = http_client(REQUEST_TIMEOUT)?;
        let client = ClientBuilder::default().transport(Http::with_client(http, parsed), false);
        let provider = ProviderBuilder::new().disable_recommended_fillers().connect_client(client);
        Ok(Self { url: url.to_owned(), provider: provider.erased() })
    }

    /// Asks for `method` without parameters.
    pub(crate) async fn get<T: DeserializeOwned>(&self, method: &'static str) -> anyhow::Result<T> {
        self.request(method, serde_json::json!([])).await
    }

    async fn request<T: DeserializeOwned>(
        &self,
        method: &'static str,
        params: serde_json::Value,
    ) -> anyhow::Result<T> {
        // As a value first, so that a wrong answer is not taken for a broken connection.
        let answer: serde_json::Value = self
            .provider
            .raw_request(method.into(), params)
            .await
            .with_context(|| format!("{method} at {}", self.url))?;
        serde_json::from_value(answer)
            .with_context(|| format!("{method} at {}: unexpected answer", self.url))
    }

    /// Fails when the node belongs to another chain.
    pub(crate) async fn check_chain(&self, expected: u64) -> anyhow::Result<()> {
        let found: U64 = self.get("eth_chainId").await?;
        let found = found.to::<u64>();
        ensure!(found == expected, "{} is chain {found}, rollup.json has {expected}", self.url);
        Ok(())
    }

    /// A withdrawal with its proof; `None` while the node knows none of this hash.
    pub(crate) async fn withdrawal(&self, hash: B256) -> anyhow::Result<Option<WithdrawalStatus>> {
        self.request("rollup_getWithdrawal", serde_json::json!([hash])).await
    }

    /// The withdrawals from nonce `from` on: those of an account, or all.
    pub(crate) async fn withdrawals(
        &self,
        account: Option<Address>,
        from: U256,
    ) -> anyhow::Result<WithdrawalPage> {
        let page = serde_json::json!({ "from": from, "limit": 1_000 });
        self.request("rollup_getWithdrawals", serde_json::json!([account, page])).await
    }

    /// What became of a transaction; `None` while no block holds it.
    pub(crate) async fn outcome(&self, hash: B256) -> anyhow::Result<Option<Outcome>> {
        let receipt: Option<Receipt> =
            self.request("eth_getTransactionReceipt", serde_json::json!([hash])).await?;
        Ok(receipt.map(|receipt| Outcome {
            block_number: receipt.block_number.to(),
            success: receipt.status == U64::from(1),
            gas_used: receipt.gas_used.to(),
            contract_address: receipt.contract_address,
        }))
    }
}
