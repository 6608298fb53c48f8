//! The EVM of an L2 block: revm with OP's handler at the Osaka rule set.
//!
//! In: the block's environment and a state. Out: an EVM ready to run transactions, used by the
//! block executor and by simulations (`eth_call`). No consensus rule is decided anywhere else.

use alloc::vec::Vec;
use alloy_consensus::Transaction as _;
use alloy_primitives::{Address, B256, U256};
use gainsay_derivation::ChainConfig;
use op_alloy_consensus::OpTxEnvelope;
use op_revm::{
    DefaultOp, L1BlockInfo, OpContext, OpEvm, OpSpecId, OpTransaction,
    transaction::deposit::DepositTransactionParts,
};
use revm::{
    Context,
    context::{BlockEnv, CfgEnv, Evm, FrameStack, TxEnv, either::Either},
    context_interface::block::BlobExcessGasAndPrice,
    handler::instructions::EthInstructions,
    interpreter::interpreter::EthInterpreter,
    primitives::eip4844::BLOB_BASE_FEE_UPDATE_FRACTION_PRAGUE,
};

use crate::{
    block_state::BlockState,
    precompiles::{PrecompileReader, Precompiles},
    predeploys::SEQUENCER_FEE_VAULT,
    state::StateReader,
};

/// The rule set: Osaka, [with OP's fees and deposits](https://specs.optimism.io/).
pub(crate) const SPEC: OpSpecId = OpSpecId::KARST;

/// The EVM over a [`BlockState`].
pub type OpEvmOf<R> = OpEvm<
    OpContext<BlockState<R>>,
    (),
    EthInstructions<EthInterpreter, OpContext<BlockState<R>>>,
    Precompiles,
>;

/// What the EVM may know of the block that it runs in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockContext {
    /// Height of the block.
    pub number: u64,
    /// Seconds since the epoch.
    pub timestamp: u64,
    /// Gas that all its transactions may use.
    pub gas_limit: u64,
    /// Wei for a unit of gas, burnt to the base fee vault.
    pub base_fee: u64,
}

/// L1 prices by which the L1 data fee of a block is charged (OP's Fjord formula).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct L1FeeParams {
    /// L1 base fee, wei.
    pub base_fee: U256,
    /// L1 blob base fee, wei.
    pub blob_base_fee: U256,
    /// Scalar of the base fee, in millionths.
    pub base_fee_scalar: u32,
    /// Scalar of the blob base fee, in millionths.
    pub blob_base_fee_scalar: u32,
}

impl From<&L1BlockInfo> for L1FeeParams {
    fn from(info: &L1BlockInfo) -> Self {
        Self {
            base_fee: info.l1_base_fee,
            blob_base_fee: info.l1_blob_base_fee.unwrap_or_default(),
            base_fee_scalar: info.l1_base_fee_scalar.saturating_to(),
            blob_base_fee_scalar: info.l1_blob_base_fee_scalar.unwrap_or_default().saturating_to(),
        }
    }
}

impl L1FeeParams {
    /// Reads the prices in force from a state's `L1Block` predeploy.
    ///
    /// # Errors
    /// When the state cannot be read.
    // PROTOCOL.md FEE-4
    pub fn read<R: StateReader>(
        state: &mut BlockState<R>,
    ) -> Result<Self, crate::block_state::ReadError<R::Error>> {
        Ok(Self::from(&L1BlockInfo::try_fetch(state, U256::ZERO, SPEC)?))
    }

    /// The L1 data fee, in wei, of a transaction with these EIP-2718 bytes.
    #[must_use]
    pub fn l1_fee(&self, raw: &[u8]) -> U256 {
        self.l1_fee_of_size(op_revm::estimate_tx_compressed_size(raw))
    }

    /// The L1 data fee, in wei, of a transaction of this size ([`RecoveredTx::l1_size`]):
    /// `size * (16 * base_fee_scalar * base_fee + blob_base_fee_scalar * blob_base_fee) / 10^12`.
    ///
    /// [`RecoveredTx::l1_size`]: crate::RecoveredTx::l1_size
    // PROTOCOL.md FEE-3
    #[must_use]
    pub fn l1_fee_of_size(&self, l1_size: u64) -> U256 {
        let calldata = U256::from(self.base_fee_scalar)
            .saturating_mul(self.base_fee)
            .saturating_mul(U256::from(16));
        let blobs = U256::from(self.blob_base_fee_scalar).saturating_mul(self.blob_base_fee);
        let price = calldata.saturating_add(blobs);
        U256::from(l1_size).saturating_mul(price).wrapping_div(U256::from(1_000_000_000_000_u64))
    }
}

/// An EVM for the block `context` over `state`.
// PROTOCOL.md BLOCK-1, FEE-2
#[must_use]
pub fn build_evm<R: PrecompileReader>(
    config: &ChainConfig,
    context: &BlockContext,
    state: BlockState<R>,
) -> OpEvmOf<R> {
    let cfg = CfgEnv::new_with_spec(SPEC).with_chain_id(config.chain_id);
    let block = BlockEnv {
        number: U256::from(context.number),
        beneficiary: SEQUENCER_FEE_VAULT,
        timestamp: U256::from(context.timestamp),
        gas_limit: context.gas_limit,
        basefee: context.base_fee,
        difficulty: U256::ZERO,
        // L1 commits to no randomness that a sequencer could not choose, so there is none.
        prevrandao: Some(B256::ZERO),
        blob_excess_gas_and_price: Some(BlobExcessGasAndPrice::new(
            0,
            BLOB_BASE_FEE_UPDATE_FRACTION_PRAGUE,
        )),
        slot_num: 0,
    };
    let context = Context::op().with_db(state).with_cfg(cfg).with_block(block);
    OpEvm(Evm {
        ctx: context,
        inspector: (),
        instruction: EthInstructions::new_mainnet_with_spec(SPEC.into()),
        precompiles: Precompiles,
        frame_stack: FrameStack::new_prealloc(8),
    })
}

/// The form in which revm takes a transaction.
#[must_use]
pub fn tx_env(tx: &crate::RecoveredTx) -> OpTransaction<TxEnv> {
    let envelope = &tx.envelope;
    let base = TxEnv {
        tx_type: if tx.is_deposit() { 0 } else { envelope.tx_type().into() },
        caller: tx.sender,
        gas_limit: envelope.gas_limit(),
        gas_price: if tx.is_deposit() { 0 } else { envelope.max_fee_per_gas() },
        kind: envelope.kind(),
        value: envelope.value(),
        data: envelope.input().clone(),
        nonce: if tx.is_deposit() { 0 } else { envelope.nonce() },
        chain_id: envelope.chain_id(),
        access_list: envelope.access_list().cloned().unwrap_or_default(),
        gas_priority_fee: envelope.max_priority_fee_per_gas(),
        blob_hashes: Vec::new(),
        max_fee_per_blob_gas: 0,
        authorization_list: envelope
            .authorization_list()
            .map(|list| list.iter().cloned().map(Either::Left).collect())
            .unwrap_or_default(),
    };
    let deposit = match envelope {
        OpTxEnvelope::Deposit(deposit) => DepositTransactionParts {
            source_hash: deposit.source_hash,
            mint: Some(deposit.mint).filter(|mint| *mint > 0),
            is_system_transaction: false,
        },
        _ => DepositTransactionParts::default(),
    };
    OpTransaction { base, enveloped_tx: Some(tx.raw.clone()), deposit }
}

/// The address that a creation by `sender` at `nonce` yields.
pub(crate) fn created_address(sender: Address, nonce: u64) -> Address {
    sender.create(nonce)
}
