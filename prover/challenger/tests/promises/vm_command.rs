//! `gainsay-challenger vm` as its users see it, and the replay behind it: what it prints, what it
//! refuses, and that it tells when machine and contract differ.

use std::{
    fs,
    num::NonZeroU64,
    path::PathBuf,
    process::{Command, Output},
    sync::Arc,
};

use crate::support::*;
use alloy_primitives::B256;
use gainsay_challenger::{
    ChallengerError,
    machine::{FileHost, Sample, WitnessedStep, verify_all, verify_run},
};
use gainsay_vm::{Machine, NoHost, Program};
use rand::Rng;
use tempfile::TempDir;

/// An ELF file with one executable segment, at [`TEXT`].
fn elf(words: &[u32]) -> Vec<u8> {
    const HEADERS: u64 = 64 + 56;
    let text: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    let mut file = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0".to_vec();
    file.extend([2_u16, 243].map(u16::to_le_bytes).concat()); // ET_EXEC, EM_RISCV
    file.extend(1_u32.to_le_bytes());
    file.extend([TEXT, 64, 0].map(u64::to_le_bytes).concat());
    file.extend(0_u32.to_le_bytes());
    file.extend([64_u16, 56, 1, 64, 0, 0].map(u16::to_le_bytes).concat());
    file.extend([1_u32, 5].map(u32::to_le_bytes).concat()); // PT_LOAD, read and execute
    let length = text.len() as u64;
    file.extend([HEADERS, TEXT, TEXT, length, length, 1].map(u64::to_le_bytes).concat());
    [file, text].concat()
}

/// Stores "hi\n", writes it, and halts with an exit code.
fn greeting(exit_code: u64) -> Vec<u32> {
    let mut words = load_immediate(8, 0x2_0000);
    words.extend(load_immediate(5, 0x0a_6968));
    words.push(s_type(2, 8, 5, 0));
    for (register, value) in [(A0 + 1, 0x2_0000), (A0 + 2, 3), (A7, 64)] {
        words.extend(load_immediate(register, value));
    }
    words.push(ECALL);
    for (register, value) in [(A0, exit_code), (A0 + 1, 0xab), (A7, 93)] {
        words.extend(load_immediate(register, value));
    }
    words.push(ECALL);
    words
}

/// A folder with files, and the command run on one of them.
struct Files(TempDir);

impl Files {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn add(&self, name: &str, content: &[u8]) -> PathBuf {
        let path = self.0.path().join(name);
        fs::write(&path, content).unwrap();
        path
    }

    /// Runs `vm` on an ELF file of these words: output, error, success.
    fn run(&self, words: &[u32], options: &[&str]) -> (String, String, bool) {
        let file = self.add("program.elf", &elf(words));
        vm(&[&[file.to_str().unwrap()], options].concat())
    }
}

fn vm(options: &[&str]) -> (String, String, bool) {
    let Output { status, stdout, stderr } = Command::new(env!("CARGO_BIN_EXE_gainsay-challenger"))
        .arg("vm")
        .args(options)
        .arg("--artifacts")
        .arg(artifacts())
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (text(stdout), text(stderr), status.success())
}

#[test]
fn runs_a_program_and_shows_what_it_did() {
    let files = Files::new();
    let words = greeting(0);
    let (output, report, success) = files.run(&words, &[]);
    assert_eq!(output, "hi\n");
    assert!(success && report.contains("exit code  0\n"), "{report}");
    assert!(report.contains(&format!("steps      {}\n", words.len())), "{report}");
    assert!(report.contains("output     0xab000000"), "{report}");
    assert!(report.contains("MIPS"), "{report}");

    let (output, report, success) = files.run(&greeting(3), &["--onchain"]);
    assert_eq!(output, "hi\n", "written once");
    assert!(!success && report.contains("exit code  3\n"), "{report}");
    let steps = words.len() + 1;
    assert!(report.contains(&format!("{steps} of {steps} steps verified")), "{report}");

    let (_, report, success) = files.run(&words, &["--steps-max", "4", "--onchain"]);
    assert!(success && report.contains("still running at pc 0x10010"), "{report}");
    assert!(report.contains("4 of 4 steps verified"), "{report}");

    let (_, report, success) = files.run(&[EBREAK], &[]);
    assert!(!success && report.contains("exit code  0x104: Breakpoint at pc 0x10000"), "{report}");
}

#[test]
fn traces_each_step() {
    let (output, _, _) = Files::new().run(&greeting(0), &["--trace"]);
    let lines: Vec<&str> = output.lines().collect();
    assert_eq!(lines.len(), greeting(0).len() + 1, "one line a step, and the greeting");
    let find = |text: &str| lines.iter().any(|line| line.contains(text));
    assert!(lines[0].contains("       0    10000 04000413 addi s0, zero, 64"), "{}", lines[0]);
    assert!(find("sw t0, 0(s0)") && find("[0x20000]=68690a00"), "{output}");
    assert!(lines.last().unwrap().contains("halted, exit code 0x0"), "{output}");
}

#[test]
fn takes_input_and_preimages() {
    let files = Files::new();
    let content = [0x11; 40];
    let path = files.add("preimage", &content);
    let mut words = read_preimage(key(1, &content), 32, 0x2_0000);
    words.extend(load_immediate(8, 0x2_0000));
    words.extend(load_immediate(A7, 0x1000));
    words.push(ECALL);
    // Out come the last eight bytes of the preimage and three quarters of the input.
    words.extend([addi(A0 + 4, A0 + 3, 0), i_type(0x03, 3, A0 + 1, 8, 0), addi(A0, 0, 0)]);
    words.extend(load_immediate(A7, 93));
    words.push(ECALL);
    let input = B256::repeat_byte(0x22).to_string();
    let preimage = path.to_str().unwrap();
    let options = ["--input", &input, "--preimage", preimage, "--onchain"];
    let (_, report, success) = files.run(&words, &options);
    assert!(success && report.contains("read_preimage"), "{report}");
    let output = format!("0x{}{}", "11".repeat(8), "22".repeat(24));
    assert!(report.contains(&output), "{report}");

    let (_, report, success) = files.run(&words, &["--input", &input]);
    assert!(!success && report.contains("the host has no preimage of key 0x01"), "{report}");
}

#[test]
fn says_what_is_wrong_with_a_file() {
    let files = Files::new();
    let error_of = |content: &[u8]| {
        let (_, report, success) = vm(&[files.add("bad", content).to_str().unwrap()]);
        assert!(!success);
        report
    };
    assert!(error_of(b"no program").contains("not an ELF file"));
    let mut other = elf(&[EBREAK]);
    other[18] = 62; // x86-64
    assert!(error_of(&other).contains("e_machine is 62, expected 243"));
    assert!(error_of(&elf(&[EBREAK])[..100]).contains("is no program for this machine"));
    let (_, report, success) = vm(&["nowhere.elf"]);
    assert!(!success && report.contains("cannot read nowhere.elf"), "{report}");

    let file = files.add("good", &elf(&[EBREAK]));
    let output = Command::new(env!("CARGO_BIN_EXE_gainsay-challenger"))
        .args(["vm", file.to_str().unwrap(), "--onchain", "--artifacts", "nowhere"])
        .output()
        .unwrap();
    let report = String::from_utf8(output.stderr).unwrap();
    assert!(report.contains("StepVerifier.json") || report.contains("PreimageOracle.json"));
    assert!(report.contains("run forge build"), "{report}");
}

/// Counts down from `rounds`, with a store and a system call in each round.
fn countdown(rounds: u64) -> Vec<u32> {
    let mut words = load_immediate(8, 0x2_0000);
    words.extend(load_immediate(5, rounds));
    words.extend(load_immediate(A7, 64));
    words.extend([s_type(3, 8, 5, 0), ECALL, addi(5, 5, -1), b_type(1, 5, 0, -12), EBREAK]);
    words
}

#[test]
fn a_sample_has_all_that_is_rare() {
    let words = countdown(3_000);
    let program = Arc::new(Program::from_elf(&elf(&words)).unwrap());
    let code = verifier_code();
    let replay = |sample, steps_max| {
        let host = &mut FileHost::default();
        verify_run(&program, B256::ZERO, host, &code, sample, steps_max).unwrap()
    };
    let whole = replay(Sample::Whole, u64::MAX);
    let every = NonZeroU64::new(1_000).unwrap();
    let sample = replay(Sample::Every(every), u64::MAX);
    assert_eq!(whole.hart, sample.hart);
    assert_eq!(whole.total().steps, whole.hart.step + 1);
    for kind in ["system call", "halted"] {
        assert_eq!(sample.gas[kind], whole.gas[kind], "{kind}");
    }
    let (few, all) = (sample.gas["store"], whole.gas["store"]);
    assert!(few.steps >= 16 && few.steps < 40 && all.steps == 3_000, "{few:?}, {all:?}");
    assert!(whole.total().min <= all.min && all.min <= all.mean() && all.mean() <= all.max);
    assert_eq!(replay(Sample::Whole, 10).total().steps, 10);
}

#[test]
fn the_first_difference_is_told() {
    let (seed, mut random) = seeded();
    let code = verifier_code();
    let mut machine = Machine::new(program(&countdown(100)), B256::ZERO);
    let steps: Vec<WitnessedStep> =
        (0..200).map(|_| take_step(&mut machine, &mut NoHost)).collect();
    assert_eq!(verify_all(&code, &steps).unwrap().len(), 200);

    let (first, second) = (random.random_range(0..100), random.random_range(100..200));
    let mut wrong = steps.clone();
    wrong[first].post = B256::repeat_byte(1);
    wrong[second].witness.pop();
    let error = verify_all(&code, &wrong).unwrap_err();
    let ChallengerError::Disagreement { step, pc, pre, rust, contract } = error else {
        panic!("GAINSAY_SEED={seed}: {error}");
    };
    assert_eq!((step, pc, pre), (first as u64, steps[first].pc, steps[first].pre));
    assert_eq!((rust, contract), (B256::repeat_byte(1), steps[first].post));

    wrong[first] = steps[first].clone();
    let error = verify_all(&code, &wrong).unwrap_err();
    assert!(matches!(error, ChallengerError::Refused { step, .. } if step == second as u64));
    assert!(error.to_string().contains("WitnessLength"), "{error}");
}
