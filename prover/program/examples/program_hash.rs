//! Prints the hash of a program and what it costs on L1: `program_hash FILE.elf`.

use std::process::ExitCode;

use gainsay_vm::Program;

fn main() -> ExitCode {
    let Some(path) = std::env::args().nth(1) else {
        eprintln!("expected the path of an ELF file");
        return ExitCode::from(2);
    };
    let report = std::fs::read(&path)
        .map_err(|error| error.to_string())
        .and_then(|elf| Program::from_elf(&elf).map_err(|error| error.to_string()));
    match report {
        Ok(program) => {
            let bytes = program.code().end() - program.code().start();
            let levels = bytes.div_ceil(32).next_power_of_two().trailing_zeros();
            println!("{}\n{bytes} bytes of code, a tree of {levels} levels", program.hash());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{path}: {error}");
            ExitCode::FAILURE
        }
    }
}
