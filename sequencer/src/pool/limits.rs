//! The bounds of the pool. Every queue of it is bounded by one of these.

/// How much the pool holds, and which transactions it never takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolLimits {
    /// Transactions in all.
    pub count_max: usize,
    /// Memory of all transactions, as accounted by `PooledTx::memory_bytes`.
    pub memory_bytes_max: usize,
    /// Transactions of one sender, executable or not: wallets send nonces in any order, so that all
    /// but the first may have to wait for it.
    pub per_sender_max: usize,
    /// Memory of one sender's transactions that wait. In a full pool, who has more loses them
    /// first.
    pub queued_share_bytes: usize,
    /// Bytes of one EIP-2718 encoding; geth's limit, so that wallets see no difference.
    pub tx_bytes_max: usize,
    /// Gas limit of one transaction, [EIP-7825](https://eips.ethereum.org/EIPS/eip-7825).
    pub tx_gas_max: u64,
    /// Lowest `maxPriorityFeePerGas` taken in, in wei.
    pub priority_fee_min_wei: u128,
    /// Percent by which a replacement must raise both fees.
    pub replacement_bump_percent: u128,
    /// Seconds, by the heads' timestamps, that a transaction may wait without being executable.
    pub queued_expiry_secs: u64,
    /// Whether legacy transactions without a chain id are taken. They can be replayed from any
    /// chain; deterministic deployers need them, other users should not send them.
    pub allow_unprotected: bool,
}

impl Default for PoolLimits {
    fn default() -> Self {
        Self {
            count_max: 131_072,
            memory_bytes_max: 256 << 20,
            per_sender_max: 16_384,
            queued_share_bytes: 4 << 20,
            tx_bytes_max: 128 << 10,
            tx_gas_max: 1 << 24,
            priority_fee_min_wei: 0,
            replacement_bump_percent: 10,
            queued_expiry_secs: 3 * 3_600,
            allow_unprotected: false,
        }
    }
}
