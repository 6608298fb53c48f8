//! See `gainsay_vm_bench_programs::erc20_transfers`.
#![no_std]
#![no_main]

gainsay_vm_bench_programs::guest!(erc20_transfers);
