//! See `gainsay_vm_bench_programs::sha256`.
#![no_std]
#![no_main]

gainsay_vm_bench_programs::guest!(sha256);
