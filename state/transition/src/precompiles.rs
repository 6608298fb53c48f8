//! The precompiles, each call within what one transaction can prove on L1.
//!
//! In: a call's address, input and gas. Out: its result. Gas and success are decided here, by one
//! rule; the bytes come from a [`PrecompileReader`]: computed by revm's code on a host, read from
//! an oracle in the guest, where L1's own precompile is the proof.
//!
//! Each question to a reader has at most [`PRECOMPILE_INPUT_BYTES_MAX`] bytes and is answered with
//! at most [`PRECOMPILE_GAS_MAX`] gas. Hashes and identity are computed here and ask nothing, long
//! multiplications ask in pieces, and bytes that no answer depends on are not sent. Whatever is
//! still beyond those bounds, and only that, fails as out of gas where Ethereum has an answer.

use alloc::{boxed::Box, string::String};
use alloy_primitives::{Address, B256, Bytes, Signature, U256, address};
use op_revm::OpSpecId;
use revm::{
    context::Cfg,
    context_interface::ContextTr,
    handler::{PrecompileProvider, precompile_output_to_interpreter_result},
    interpreter::{CallInputs, InterpreterResult},
    precompile::{
        Crypto, DefaultCrypto, PrecompileHalt, PrecompileOutput, Precompiles as EthPrecompiles,
        bls12_381_const as bls, bls12_381_utils, calc_linear_cost, modexp, u64_to_address,
    },
};

use crate::{block_state::BlockState, state::StateReader};

/// Most gas of a call that L1 proves: what one of its transactions can spend on it.
pub const PRECOMPILE_GAS_MAX: u64 = 12_000_000;

/// Longest input of a call that L1 proves: what fits the calldata of a proof.
pub const PRECOMPILE_INPUT_BYTES_MAX: usize = 120_000;

/// Address of ecrecover, which also recovers the senders of transactions.
pub const ECRECOVER: Address = address!("0000000000000000000000000000000000000001");

/// Points of a multi-scalar multiplication that L1 proves at once: from so many on, a point costs
/// no less ([EIP-2537](https://eips.ethereum.org/EIPS/eip-2537)).
// PROTOCOL.md PRECOMPILE-3
const MSM_PIECE_POINTS: usize = 128;

/// Number of the last precompile in the row that starts at 1.
const LAST: u64 = 0x11;

/// [RIP-7212](https://eips.ethereum.org/EIPS/eip-7951): P256VERIFY.
const P256_VERIFY: u64 = 0x100;

/// `PAIRING_MAX_INPUT_SIZE_JOVIAN`, [OP's
/// bound](https://specs.optimism.io/protocol/jovian/exec-engine.html).
const BN254_PAIRING_INPUT_BYTES_MAX: usize = 81_984;

/// Longest base, exponent and modulus, [EIP-7823](https://eips.ethereum.org/EIPS/eip-7823).
const MODEXP_OPERAND_BYTES_MAX: usize = 1_024;

/// A state whose blocks can be executed: it also says what precompiles return.
pub trait PrecompileReader: StateReader {
    /// Whether signatures, too, are to be recovered through [`Self::precompile`]: where its
    /// answers are proven rather than computed.
    const PROVES_PRECOMPILES: bool = false;

    /// What a precompile returns; `None` if it fails. Only asked for calls within the bounds of
    /// gas and input. Computed by revm's code unless an implementor says otherwise.
    ///
    /// # Errors
    /// Those of the state: a witness that lacks the answer.
    fn precompile(&self, address: Address, input: &[u8]) -> Result<Option<Bytes>, Self::Error> {
        Ok(run_precompile(address, input))
    }
}

impl<R: PrecompileReader + ?Sized> PrecompileReader for &R {
    const PROVES_PRECOMPILES: bool = R::PROVES_PRECOMPILES;

    fn precompile(&self, address: Address, input: &[u8]) -> Result<Option<Bytes>, Self::Error> {
        (**self).precompile(address, input)
    }
}

/// What revm calls when a transaction calls an address that may be a precompile.
#[derive(Clone, Copy, Debug, Default)]
pub struct Precompiles;

impl Precompiles {
    fn number(address: &Address) -> Option<u64> {
        let (zeros, low) = address.split_last_chunk::<8>()?;
        let number = u64::from_be_bytes(*low);
        let exists = matches!(number, 1..=LAST | P256_VERIFY) && zeros == [0; 12];
        exists.then_some(number)
    }
}

impl<CTX, R> PrecompileProvider<CTX> for Precompiles
where
    CTX: ContextTr<Cfg: Cfg<Spec = OpSpecId>, Db = BlockState<R>>,
    R: PrecompileReader,
{
    type Output = InterpreterResult;

    fn set_spec(&mut self, _: OpSpecId) -> bool {
        false
    }

    fn run(
        &mut self,
        context: &mut CTX,
        call: &CallInputs,
    ) -> Result<Option<Self::Output>, String> {
        let address = call.bytecode_address;
        let Some(number) = Self::number(&address) else { return Ok(None) };
        let input = call.input.as_bytes(context);
        let output = match gas_cost(number, &input) {
            Some(gas) if gas <= call.gas_limit => {
                let bytes = context.db().precompile(number, &input);
                let bytes =
                    bytes.map_err(|error| alloc::format!("precompile {address}: {error}"))?;
                match bytes {
                    Some(bytes) => PrecompileOutput::new(gas, bytes, call.reservoir),
                    // PROTOCOL.md PRECOMPILE-2
                    None => {
                        let failure = PrecompileHalt::other_static("precompile failed");
                        PrecompileOutput::halt(failure, call.reservoir)
                    }
                }
            }
            _ => PrecompileOutput::halt(PrecompileHalt::OutOfGas, call.reservoir),
        };
        Ok(Some(precompile_output_to_interpreter_result(output, call.gas_limit)))
    }

    fn warm_addresses(&self) -> Box<impl Iterator<Item = Address>> {
        Box::new((1..=LAST).chain([P256_VERIFY]).map(u64_to_address))
    }

    fn contains(&self, address: &Address) -> bool {
        Self::number(address).is_some()
    }
}

impl<R: PrecompileReader> BlockState<R> {
    /// The output of a call whose gas is paid; `None` if the call fails.
    // PROTOCOL.md PRECOMPILE-3
    fn precompile(&self, number: u64, input: &[u8]) -> Result<Option<Bytes>, R::Error> {
        let hash = match number {
            0x02 => DefaultCrypto.sha256(input),
            0x03 => DefaultCrypto.ripemd160(input),
            0x04 => return Ok(Some(Bytes::copy_from_slice(input))),
            0x0c if R::PROVES_PRECOMPILES => {
                return self.multiply_in_pieces(number, 0x0b, bls::G1_MSM_INPUT_LENGTH, input);
            }
            0x0e if R::PROVES_PRECOMPILES => {
                return self.multiply_in_pieces(number, 0x0d, bls::G2_MSM_INPUT_LENGTH, input);
            }
            _ => return self.ask(number, significant(number, input)),
        };
        Ok(Some(hash.into()))
    }

    fn ask(&self, number: u64, input: &[u8]) -> Result<Option<Bytes>, R::Error> {
        self.reader().precompile(u64_to_address(number), input)
    }

    /// A multi-scalar multiplication, as the sum of those of [`MSM_PIECE_POINTS`] each. Points
    /// have one encoding, and each piece checks its points: bytes and failures are those of one
    /// call.
    fn multiply_in_pieces(
        &self,
        multiply: u64,
        add: u64,
        point_bytes: usize,
        input: &[u8],
    ) -> Result<Option<Bytes>, R::Error> {
        let mut sum: Option<Bytes> = None;
        for piece in input.chunks(MSM_PIECE_POINTS.saturating_mul(point_bytes)) {
            let Some(product) = self.ask(multiply, piece)? else { return Ok(None) };
            let next = match sum {
                None => Some(product),
                Some(sum) => self.ask(add, &[sum, product].concat())?,
            };
            let Some(next) = next else { return Ok(None) };
            sum = Some(next);
        }
        Ok(sum)
    }
}

/// The bytes of an input that decide what a call returns.
///
/// Some precompiles ignore the bytes behind their operands. A precompile whose input has one fixed
/// length answers every longer input alike, so one byte more stands for all of them.
// PROTOCOL.md PRECOMPILE-3
fn significant(number: u64, input: &[u8]) -> &[u8] {
    let len = match number {
        0x01 | 0x06 => 128,
        0x07 => 96,
        0x05 => modexp_lengths(input).map_or(usize::MAX, |(base, exponent, modulus)| {
            96_usize.saturating_add(base).saturating_add(exponent).saturating_add(modulus)
        }),
        0x09 => 213 + 1,
        0x0a => 192 + 1,
        0x0b => bls::G1_ADD_INPUT_LENGTH + 1,
        0x0d => bls::G2_ADD_INPUT_LENGTH + 1,
        0x10 => bls::PADDED_FP_LENGTH + 1,
        0x11 => bls::PADDED_FP2_LENGTH + 1,
        P256_VERIFY => 160 + 1,
        _ => return input,
    };
    input.get(..len).unwrap_or(input)
}

/// Gas of a call; `None` if L1 could not prove it, or if no input of this length succeeds.
// PROTOCOL.md PRECOMPILE-1
fn gas_cost(number: u64, input: &[u8]) -> Option<u64> {
    let len = input.len();
    let items = |size: usize| len.checked_div(size).filter(|_| len > 0 && len.is_multiple_of(size));
    let gas = match number {
        0x01 => 3_000,
        0x02 => calc_linear_cost(len, 60, 12),
        0x03 => calc_linear_cost(len, 600, 120),
        0x04 => calc_linear_cost(len, 15, 3),
        0x05 => modexp_gas(input)?,
        0x06 => 150,
        0x07 => 6_000,
        0x08 if len > BN254_PAIRING_INPUT_BYTES_MAX => return None,
        0x08 => 45_000_u64.saturating_add(34_000_u64.saturating_mul((len / 192) as u64)),
        0x09 => u64::from(u32::from_be_bytes(*input.first_chunk()?)),
        0x0a => 50_000,
        0x0b => bls::G1_ADD_BASE_GAS_FEE,
        0x0c => {
            let (table, gas) = (&bls::DISCOUNT_TABLE_G1_MSM, bls::G1_MSM_BASE_GAS_FEE);
            bls12_381_utils::msm_required_gas(items(bls::G1_MSM_INPUT_LENGTH)?, table, gas)
        }
        0x0d => bls::G2_ADD_BASE_GAS_FEE,
        0x0e => {
            let (table, gas) = (&bls::DISCOUNT_TABLE_G2_MSM, bls::G2_MSM_BASE_GAS_FEE);
            bls12_381_utils::msm_required_gas(items(bls::G2_MSM_INPUT_LENGTH)?, table, gas)
        }
        0x0f if len > PRECOMPILE_INPUT_BYTES_MAX => return None,
        0x0f => {
            let pairs = items(bls::PAIRING_INPUT_LENGTH)? as u64;
            let gas = bls::PAIRING_MULTIPLIER_BASE.saturating_mul(pairs);
            bls::PAIRING_OFFSET_BASE.saturating_add(gas)
        }
        0x10 => bls::MAP_FP_TO_G1_BASE_GAS_FEE,
        0x11 => bls::MAP_FP2_TO_G2_BASE_GAS_FEE,
        P256_VERIFY => 6_900,
        _ => return None,
    };
    let is_proven_whole = !matches!(number, 0x02..=0x04 | 0x0c | 0x0e);
    (gas <= PRECOMPILE_GAS_MAX || !is_proven_whole).then_some(gas)
}

/// Gas of modular exponentiation, [EIP-7883](https://eips.ethereum.org/EIPS/eip-7883).
fn modexp_gas(input: &[u8]) -> Option<u64> {
    let (base, exponent, modulus) = modexp_lengths(input)?;
    // The first 32 bytes of the exponent, or all of it as a number.
    let beyond_head_bits = 32_usize.saturating_sub(exponent).saturating_mul(8);
    let head = word_at(input, base.saturating_add(96)).wrapping_shr(beyond_head_bits);
    Some(modexp::osaka_gas_calc(base as u64, exponent as u64, modulus as u64, &head))
}

/// Bytes of base, exponent and modulus, if all are within EIP-7823's bound.
fn modexp_lengths(input: &[u8]) -> Option<(usize, usize, usize)> {
    let length = |offset| {
        let length = usize::try_from(word_at(input, offset)).ok();
        length.filter(|length| *length <= MODEXP_OPERAND_BYTES_MAX)
    };
    Some((length(0)?, length(32)?, length(64)?))
}

/// The word at an offset, with zeros past the end.
fn word_at(input: &[u8], offset: usize) -> U256 {
    let mut word = [0; 32];
    let bytes = input.get(offset..).unwrap_or_default();
    let len = bytes.len().min(word.len());
    word[..len].copy_from_slice(&bytes[..len]);
    U256::from_be_bytes(word)
}

/// Runs a precompile by revm's code, with all the gas that L1 would give it.
#[must_use]
pub fn run_precompile(address: Address, input: &[u8]) -> Option<Bytes> {
    // A multiplication is proven in pieces, so that OP's bound does not apply to it.
    let is_multiplication = matches!(Precompiles::number(&address), Some(0x0c | 0x0e));
    let precompiles =
        if is_multiplication { EthPrecompiles::osaka() } else { op_revm::precompiles::karst() };
    let precompile = precompiles.get(&address)?;
    let output = precompile.execute(input, u64::MAX, 0).ok()?;
    output.is_success().then_some(output.bytes)
}

/// The input from which ecrecover recovers the signer of `hash`.
// PROTOCOL.md PROGRAM-4
pub(crate) fn ecrecover_input(hash: B256, signature: &Signature) -> [u8; 128] {
    let mut input = [0; 128];
    input[..32].copy_from_slice(hash.as_slice());
    input[63] = if signature.v() { 28 } else { 27 };
    input[64..96].copy_from_slice(&signature.r().to_be_bytes::<32>());
    input[96..].copy_from_slice(&signature.s().to_be_bytes::<32>());
    input
}

/// The signer of `hash` through the reader's ecrecover. It accepts any `s`: the caller checks
/// [EIP-2].
///
/// [EIP-2]: https://eips.ethereum.org/EIPS/eip-2
pub(crate) fn recover_signer<R: PrecompileReader>(
    reader: &R,
    hash: B256,
    signature: &Signature,
) -> Result<Option<Address>, R::Error> {
    let output = reader.precompile(ECRECOVER, &ecrecover_input(hash, signature))?;
    Ok(output.and_then(|word| Some(Address::from_slice(word.first_chunk::<32>()?.get(12..)?))))
}

#[cfg(test)]
#[path = "precompile_tests.rs"]
mod tests;
