//! See `gainsay_vm_bench_programs::uint256`.
#![no_std]
#![no_main]

gainsay_vm_bench_programs::guest!(uint256);
