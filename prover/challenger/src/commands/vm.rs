//! `gainsay-challenger vm`: runs any static RV64IM ELF file, prints what it does, and with
//! `--onchain` has the contracts take every step as well.

use std::{
    fs,
    io::{self, BufWriter, Write},
    num::NonZeroU64,
    path::{Path, PathBuf},
    sync::Arc,
    time::Instant,
};

use alloy_primitives::{B256, Bytes, hex};
use anyhow::Context;
use gainsay_vm::{Hart, Host, Instruction, Machine, Program, decode};

use crate::machine::{
    FileHost, GasSpent, Sample, VerifierCode, disassemble, register_name, verify_run,
};

/// Run any static RV64IM ELF file in the machine, and each step on the contracts.
///
/// What the program writes goes to the standard output, what is said about the run to the standard
/// error.
#[derive(Clone, Debug, clap::Args)]
pub struct VmArgs {
    /// A static ELF file for RV64IM.
    pub file: PathBuf,
    /// The 32 bytes that `read_input` gives.
    #[arg(long, value_name = "HEX", default_value_t = B256::ZERO)]
    pub input: B256,
    /// A file that the program may read by the keccak hash of its content. May be repeated.
    #[arg(long, value_name = "FILE")]
    pub preimage: Vec<PathBuf>,
    /// Stop after this many steps.
    #[arg(long, value_name = "N", default_value_t = u64::MAX)]
    pub steps_max: u64,
    /// Print a line for each step: number, pc, word, instruction, and what it changed.
    #[arg(long)]
    pub trace: bool,
    /// Have the bytecode of StepVerifier take each step, too, and stop where it differs.
    #[arg(long)]
    pub onchain: bool,
    /// With --onchain: only each N-th step, the first few of each instruction, and all system
    /// calls.
    #[arg(long, value_name = "N", requires = "onchain")]
    pub sample: Option<NonZeroU64>,
    /// Folder with the contracts as forge built them.
    #[arg(long, value_name = "DIR", default_value = "contracts/out")]
    pub artifacts: PathBuf,
}

/// Runs the command. Returns the exit code of the program, none if it still runs.
///
/// # Errors
/// Files that cannot be read or are no programs, a preimage that nobody gave, and a step about
/// which machine and contract differ.
pub fn run(args: &VmArgs) -> anyhow::Result<Option<u16>> {
    let file = read(&args.file)?;
    let program = Program::from_elf(&file)
        .with_context(|| format!("{} is no program for this machine", args.file.display()))?;
    let program = Arc::new(program);
    let mut host = FileHost::default();
    for path in &args.preimage {
        let key = host.add_preimage(Bytes::from(read(path)?));
        eprintln!("preimage   {key}  {}", path.display());
    }
    host.set_output(Some(Box::new(io::stdout())));

    let mut machine = Machine::new(program.clone(), args.input);
    let start = Instant::now();
    let outcome = if args.trace {
        trace(&mut machine, &mut host, args.steps_max)
    } else {
        machine.run(args.steps_max, &mut host).map_err(Into::into)
    };
    let seconds = start.elapsed().as_secs_f64();
    io::stdout().flush()?;
    print_summary(&machine, seconds);
    outcome?;
    if args.onchain {
        host.set_output(None);
        verify(args, &program, &mut host)?;
    }
    let hart = machine.hart();
    Ok(hart.is_halted().then_some(hart.exit_code))
}

fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}

fn print_summary(machine: &Machine, seconds: f64) {
    let hart = machine.hart();
    match (hart.is_halted(), hart.exit_code) {
        (false, _) => eprintln!("state      still running at pc {:#x}", hart.pc),
        (true, code @ 0..0x100) => eprintln!("exit code  {code}"),
        (true, code) => eprintln!("exit code  {code:#x}: {} at pc {:#x}", cause(code), hart.pc),
    }
    if hart.is_halted() && hart.exit_code < 0x100 {
        eprintln!("output     {}", hart.output());
    }
    eprintln!("steps      {}", hart.step);
    let mips = hart.step as f64 / seconds.max(1e-9) / 1e6;
    eprintln!("time       {seconds:.3} s, {mips:.1} MIPS");
}

/// The name of a halt that the program did not ask for.
fn cause(exit_code: u16) -> String {
    use gainsay_vm::HaltCause::*;
    let causes = [
        MisalignedFetch,
        FetchOutOfRange,
        IllegalInstruction,
        Breakpoint,
        Csr,
        MisalignedLoad,
        MisalignedStore,
        LoadOutOfRange,
        StoreOutOfRange,
        MisalignedPreimage,
        PreimageOutOfRange,
        UnknownKeyType,
        KeccakTooLong,
        MisalignedKeccak,
        KeccakOutOfRange,
        UnknownSyscall,
    ];
    let found = causes.into_iter().find(|cause| *cause as u16 == exit_code);
    found.map_or_else(|| "no cause has this number".to_owned(), |cause| format!("{cause:?}"))
}

/// Has the contracts take the steps.
fn verify(args: &VmArgs, program: &Arc<Program>, host: &mut dyn Host) -> anyhow::Result<()> {
    let code = VerifierCode::load(&args.artifacts)?;
    let sample = args.sample.map_or(Sample::Whole, Sample::Every);
    let start = Instant::now();
    let report = verify_run(program, args.input, host, &code, sample, args.steps_max)?;
    let seconds = start.elapsed().as_secs_f64();
    let total = report.total();
    eprintln!(
        "on chain   {} of {} steps verified, the same state hash after each: {seconds:.3} s, \
         {:.0} steps/s on {} cores",
        total.steps,
        // The step of the halted machine does not count, but is verified.
        report.hart.step + u64::from(report.hart.is_halted()),
        total.steps as f64 / seconds.max(1e-9),
        rayon::current_num_threads(),
    );
    eprintln!("gas of a step as a whole transaction:  steps        min       mean        max");
    let line = |kind: &str, spent: &GasSpent| {
        let GasSpent { steps, min, max, .. } = *spent;
        eprintln!("  {kind:<30} {steps:>12} {min:>10} {:>10} {max:>10}", spent.mean());
    };
    report.gas.iter().for_each(|(kind, spent)| line(kind, spent));
    line("all", &total);
    Ok(())
}

/// Runs step by step and prints each.
fn trace(machine: &mut Machine, host: &mut dyn Host, steps_max: u64) -> anyhow::Result<()> {
    let mut out = BufWriter::new(io::stdout());
    while machine.hart().step < steps_max && !machine.hart().is_halted() {
        let before = machine.hart().clone();
        let word = machine.program().code().fetch(before.pc);
        // A program's own lines come before the line of the step that wrote them.
        out.flush()?;
        machine.run(before.step + 1, host)?;
        writeln!(out, "{}", trace_line(&before, machine, word))?;
    }
    Ok(out.flush()?)
}

fn trace_line(before: &Hart, machine: &Machine, word: Option<u32>) -> String {
    let after = machine.hart();
    let mut line = match word {
        Some(word) => {
            let instruction = disassemble(word, before.pc);
            format!("{:>8} {:8x} {word:08x} {instruction:<30}", before.step, before.pc)
        }
        None => format!("{:>8} {:8x} {:8} {:<30}", before.step, before.pc, "", "no instruction"),
    };
    for (register, (old, new)) in (0..).zip(before.x.iter().zip(&after.x)) {
        if old != new {
            line += &format!(" {}={new:#x}", register_name(register));
        }
    }
    if after.is_halted() {
        line += &format!(" halted, exit code {:#x}", after.exit_code);
    } else if let Some(store) = word.and_then(|word| stored(before, machine, word)) {
        line += &store;
    }
    line
}

/// What a store or `read_preimage` put into memory.
fn stored(before: &Hart, machine: &Machine, word: u32) -> Option<String> {
    let (address, size) = match decode(word)? {
        Instruction::Store { kind, rs1, offset, .. } => {
            (before.x[usize::from(rs1)].wrapping_add_signed(offset), kind.size())
        }
        Instruction::Ecall if before.x[17] == gainsay_vm::syscall_number::READ_PREIMAGE => {
            (before.x[15], 32)
        }
        _ => return None,
    };
    let bytes = machine.memory().slice(address, size)?;
    Some(format!(" [{address:#x}]={}", hex::encode(bytes)))
}
