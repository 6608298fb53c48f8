//! See `gainsay_vm_bench_programs::keccak`.
#![no_std]
#![no_main]

gainsay_vm_bench_programs::guest!(keccak);
