//! `gainsay-drill`: lies on purpose, to see that a challenger wins.

fn main() -> std::process::ExitCode {
    gainsay_drill::commands::main()
}
