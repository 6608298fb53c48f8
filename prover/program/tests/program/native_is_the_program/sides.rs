//! One step of a chain by every implementation, which must agree on the claim.
//!
//! | side | keccak | signatures |
//! |---|---|---|
//! | native, as nodes run it | widest vectors | libsecp256k1 |
//! | native, plain | one lane | k256, through the reader |
//! | program on a host | four lanes | libsecp256k1, through preimages |
//! | program in each engine of the machine | the machine's call | preimages |
//!
//! In: a chain and a step that the first side took. Out: what it costs in the machine. It panics
//! with what was compared when two sides differ, or the machine does not halt with 0.

use std::{env, fs, sync::Arc};

use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use gainsay_derivation::claim;
use gainsay_keccak::set_lanes_max;
use gainsay_oracle::WitnessOracle;
use gainsay_program::run;
use gainsay_transition::{
    ECRECOVER, PrecompileReader, StateReader, run_precompile, transition,
    trie::{Account, Nibbles, NodeReader},
};
use gainsay_vm::{Engine, Machine, Program};
use k256::ecdsa::{RecoveryId, Signature, VerifyingKey};
use object::{Object, ObjectSymbol};

use crate::{
    chain::{Chain, Missing, Native, Step},
    machine::Preimages,
};

/// Instructions up to which slower engines run a step, too.
const FAST_MAX: u64 = 200_000_000;
const REFERENCE_MAX: u64 = 4_000_000;
/// Most steps that a dispute can hold.
pub(crate) const TRACE_MAX: u64 = 1 << 36;
/// The guest's heap.
pub(crate) const HEAP_BYTES_MAX: u64 = 512 << 20;

/// What one step took in the machine.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Cost {
    pub(crate) gas: u64,
    pub(crate) instructions: u64,
    pub(crate) preimages: u64,
    pub(crate) preimage_bytes: u64,
    /// End of all that the heap ever gave out.
    pub(crate) heap_bytes: u64,
}

/// The program, where its heap lies, and how much was compared.
pub(crate) struct Sides {
    program: Arc<Program>,
    heap_state: u64,
    heap_state_bytes: u64,
    heap_start: u64,
    pub(crate) compared: u64,
}

impl Sides {
    pub(crate) fn load() -> Self {
        let path = env::var_os("GAINSAY_PROGRAM_ELF")
            .expect("GAINSAY_PROGRAM_ELF must name the file that scripts/build-program printed");
        let elf = fs::read(path).unwrap();
        let file = object::File::parse(&*elf).unwrap();
        let symbol = |part: &str| {
            let found = file.symbols().find(|it| it.name().is_ok_and(|name| name.ends_with(part)));
            let found = found.unwrap_or_else(|| panic!("the program has no symbol {part}"));
            (found.address(), found.size())
        };
        let ((heap_state, heap_state_bytes), (heap_start, _)) =
            (symbol("4heap4HEAP"), symbol("heap_start"));
        let program = Arc::new(Program::from_elf(&elf).unwrap());
        Self { program, heap_state, heap_state_bytes, heap_start, compared: 0 }
    }

    /// Takes a step on every side.
    pub(crate) fn compare(&mut self, what: &str, chain: &Chain, step: &Step) -> Cost {
        set_lanes_max(1);
        assert_eq!(plain(chain, step), step.claim, "{what}: native, plain");
        set_lanes_max(4);
        let oracle = WitnessOracle::new(|request: &_| chain.preimages.get(request));
        assert_eq!(run(&oracle, step.input).unwrap(), step.claim, "{what}: program on a host");
        set_lanes_max(8);
        let witness = oracle.into_witness();
        let sizes = witness.iter().map(|(_, bytes)| bytes.len() as u64);
        let mut cost = Cost {
            gas: step.gas_used,
            preimages: sizes.len() as u64,
            preimage_bytes: sizes.sum(),
            ..Cost::default()
        };
        let mut host = Preimages(witness.by_key());
        let mut halted: Option<B256> = None;
        for engine in [Engine::Jit, Engine::Fast, Engine::Reference] {
            let instructions_max = match engine {
                Engine::Jit => TRACE_MAX,
                Engine::Fast => FAST_MAX,
                Engine::Reference => REFERENCE_MAX,
            };
            if cost.instructions > instructions_max {
                continue;
            }
            let mut machine = Machine::new(self.program.clone(), step.input).with_engine(engine);
            machine.run(TRACE_MAX, &mut host).unwrap();
            let hart = machine.hart();
            assert!(hart.is_halted(), "{what}: {engine:?} does not halt");
            assert_eq!((hart.exit_code, hart.output()), (0, step.claim), "{what}: {engine:?}");
            cost.instructions = hart.step;
            cost.heap_bytes = self.heap_bytes(&machine);
            let state = machine.state_hash();
            assert_eq!(*halted.get_or_insert(state), state, "{what}: state of {engine:?}");
        }
        self.compared += 1;
        cost
    }

    /// The end of the heap, which lies above every address that the heap's state holds.
    fn heap_bytes(&self, machine: &Machine) -> u64 {
        let state = machine.memory().slice(self.heap_state, self.heap_state_bytes);
        let state = state.unwrap();
        let words = state.as_chunks().0.iter().map(|word| u64::from_le_bytes(*word));
        words.max().unwrap().saturating_sub(self.heap_start)
    }
}

/// The claim by the native transition over [`Plain`].
fn plain(chain: &Chain, step: &Step) -> B256 {
    let state = Plain(Native(&chain.preimages, step.parent.state_root));
    let (hash, block) = (step.parent.hash_slow(), step.block.clone());
    let taken = transition(&chain.config, hash, &step.parent, block, &state, &state).unwrap();
    claim(taken.block.output_root, &taken.cursor)
}

/// A state whose signers are recovered by k256.
struct Plain<'a>(Native<'a>);

impl NodeReader for Plain<'_> {
    type Error = Missing;

    fn node(&self, owner: Option<B256>, path: &Nibbles, hash: &B256) -> Result<Bytes, Missing> {
        self.0.node(owner, path, hash)
    }
}

impl StateReader for Plain<'_> {
    type Error = <Native<'static> as StateReader>::Error;

    fn account(&self, address: Address) -> Result<Option<Account>, Self::Error> {
        self.0.account(address)
    }

    fn storage(&self, address: Address, slot: U256) -> Result<U256, Self::Error> {
        self.0.storage(address, slot)
    }

    fn code(&self, hash: B256) -> Result<Bytes, Self::Error> {
        self.0.code(hash)
    }
}

impl PrecompileReader for Plain<'_> {
    const PROVES_PRECOMPILES: bool = true;

    fn precompile(&self, address: Address, input: &[u8]) -> Result<Option<Bytes>, Self::Error> {
        Ok(match address {
            ECRECOVER => Some(k256_ecrecover(input).unwrap_or_default()),
            _ => run_precompile(address, input),
        })
    }
}

/// What Ethereum's ecrecover returns, by k256; nothing where it returns nothing.
pub(crate) fn k256_ecrecover(input: &[u8]) -> Option<Bytes> {
    let mut padded = [0; 128];
    let len = input.len().min(padded.len());
    padded[..len].copy_from_slice(&input[..len]);
    let [hash, v, r, s] = padded.as_chunks::<32>().0 else { return None };
    let parity = match U256::from_be_bytes(*v) {
        v if v == U256::from(27) => false,
        v if v == U256::from(28) => true,
        _ => return None,
    };
    let signature = Signature::from_scalars(*r, *s).ok()?;
    // A high `s` is that of the other point, negated.
    let low = signature.normalize_s();
    let recovery = RecoveryId::new(parity ^ low.is_some(), false);
    let key = VerifyingKey::recover_from_prehash(hash, &low.unwrap_or(signature), recovery).ok()?;
    let mut word = keccak256(&key.to_encoded_point(false).as_bytes()[1..]);
    word[..12].fill(0);
    Some(word.to_vec().into())
}
