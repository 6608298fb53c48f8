//! What a drill asks of the devnet on which it plays: traffic on L2, so that there is something to
//! lie about; ether for adversaries; and time, which it lets pass on L1. It works on anvil alone.

use std::{borrow::Cow, fs, path::Path, time::Duration};

use alloy::{
    network::{EthereumWallet, TransactionBuilder},
    providers::{Provider, ProviderBuilder},
    rpc::types::TransactionRequest,
    signers::local::PrivateKeySigner,
};
use alloy_primitives::{Address, U256, keccak256};
use anyhow::{Context, bail, ensure};
use gainsay_l1::{
    FeeLimits, L1Client, PendingNonce, Portal, RollupConfig, TxSender, TxSenderConfig,
    bindings::IPortal::depositTransactionCall, http_client,
};
use serde::Deserialize;
use serde_json::{Value, json};

/// Longest wait for a transaction on L2.
const L2_PATIENCE: Duration = Duration::from_secs(60);
/// Waves of transactions, each of which is meant to be a block.
const WAVES: usize = 3;
/// What an adversary gets: 1,000 ether.
const WEALTH: &str = "0x3635c9adc5dea00000";

/// `endpoints.json`, as `scripts/devnet` writes it.
#[derive(Debug, Deserialize)]
struct Endpoints {
    l1_rpc: String,
    l2_rpc: String,
    rollup_config: std::path::PathBuf,
    accounts: Vec<FundedAccount>,
}

#[derive(Debug, Deserialize)]
struct FundedAccount {
    private_key: String,
}

/// A running devnet.
#[derive(Debug)]
pub(super) struct DrillDevnet {
    /// L1.
    pub(super) client: L1Client,
    /// What `rollup.json` says.
    pub(super) rollup: RollupConfig,
    l2_rpc: String,
    users: Vec<PrivateKeySigner>,
}

impl DrillDevnet {
    /// The devnet in a folder.
    ///
    /// # Errors
    /// A folder without `endpoints.json`, or with one that says too little.
    pub(super) fn open(folder: &Path) -> anyhow::Result<Self> {
        let path = folder.join("endpoints.json");
        let name = path.display();
        let text = fs::read(&path)
            .with_context(|| format!("cannot read {name}: is scripts/devnet running?"))?;
        let endpoints: Endpoints =
            serde_json::from_slice(&text).with_context(|| format!("{name} is not as expected"))?;
        let keys = endpoints.accounts.iter().map(|it| it.private_key.parse());
        let users: Vec<PrivateKeySigner> =
            keys.collect::<Result<_, _>>().with_context(|| format!("a key in {name}"))?;
        ensure!(users.len() >= 4, "{name} has {} accounts, expected 4", users.len());
        Ok(Self {
            client: L1Client::connect(&endpoints.l1_rpc, None)?,
            rollup: RollupConfig::load(&endpoints.rollup_config)?,
            l2_rpc: endpoints.l2_rpc,
            users,
        })
    }

    /// A sender with a key of its own, the `number`th of this drill, and with ether. It offers at
    /// least this priority fee, in wei a gas: blocks have the transactions first that pay more.
    pub(super) async fn adversary(
        &self,
        number: u64,
        priority_fee_min: u128,
    ) -> anyhow::Result<TxSender> {
        let seed = [b"gainsay drill".as_slice(), &number.to_be_bytes()].concat();
        let signer = PrivateKeySigner::from_bytes(&keccak256(seed))?;
        self.control("anvil_setBalance", json!([signer.address(), WEALTH])).await?;
        self.sender(signer, PendingNonce::Replace, priority_fee_min).await
    }

    async fn sender(
        &self,
        signer: PrivateKeySigner,
        pending: PendingNonce,
        priority_fee_min: u128,
    ) -> anyhow::Result<TxSender> {
        let poll_interval = Duration::from_millis(50);
        let fee_limits = FeeLimits { priority_fee_min, ..FeeLimits::default() };
        let default = TxSenderConfig::default();
        let config = TxSenderConfig { poll_interval, pending, fee_limits, ..default };
        Ok(TxSender::new(self.client.clone(), signer, config).await?)
    }

    /// Lets time pass on L1.
    pub(super) async fn travel(&self, secs: u64) -> anyhow::Result<()> {
        self.control("evm_increaseTime", json!([secs])).await?;
        self.control("evm_mine", json!([])).await
    }

    async fn control(&self, method: &'static str, params: Value) -> anyhow::Result<()> {
        let provider = self.client.provider();
        let _: Value = provider
            .raw_request(Cow::Borrowed(method), params)
            .await
            .with_context(|| format!("{method}: drills need an anvil as L1"))?;
        Ok(())
    }

    /// Makes some blocks on L2, with transactions of several accounts and a deposit. Returns the
    /// number of the last one.
    pub(super) async fn use_chain(&self) -> anyhow::Result<u64> {
        let mut wallet = EthereumWallet::default();
        for user in &self.users {
            wallet.register_signer(user.clone());
        }
        let http = http_client(L2_PATIENCE)?;
        let l2 = ProviderBuilder::new().wallet(wallet).connect_reqwest(http, self.l2_rpc.parse()?);
        self.deposit().await?;
        let mut sent = Vec::new();
        for _ in 0..WAVES {
            for (from, to) in self.users.iter().zip(self.users.iter().skip(1)).take(3) {
                let request = TransactionRequest::default()
                    .with_from(from.address())
                    .with_to(to.address())
                    .with_value(U256::ONE);
                let pending = l2.send_transaction(request).await.context("sending on L2")?;
                sent.push(*pending.tx_hash());
            }
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
        let started = std::time::Instant::now();
        let mut last = 0;
        for hash in sent {
            loop {
                if let Some(receipt) = l2.get_transaction_receipt(hash).await? {
                    last = last.max(receipt.block_number.unwrap_or_default());
                    break;
                }
                if started.elapsed() > L2_PATIENCE {
                    bail!("L2 did not include {hash}");
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
        Ok(last)
    }

    /// A deposit of one wei by the last account.
    async fn deposit(&self) -> anyhow::Result<()> {
        let Some(user) = self.users.last() else { return Ok(()) };
        let sender = self.sender(user.clone(), PendingNonce::Queue, 0).await?;
        let call = depositTransactionCall {
            to: Address::repeat_byte(0xd0),
            value: U256::ONE,
            gasLimit: 100_000,
            isCreation: false,
            data: Default::default(),
        };
        let portal = Portal::new(&self.client, self.rollup.bridge.portal);
        portal.deposit_transaction(&sender, call, U256::ONE).await.context("depositing")?;
        Ok(())
    }
}
