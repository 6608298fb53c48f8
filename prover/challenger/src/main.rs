//! `gainsay-challenger`: proves wrong claims wrong, down to one instruction.

fn main() -> std::process::ExitCode {
    gainsay_challenger::commands::main()
}
