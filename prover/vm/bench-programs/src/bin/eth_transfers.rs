//! See `gainsay_vm_bench_programs::eth_transfers`.
#![no_std]
#![no_main]

gainsay_vm_bench_programs::guest!(eth_transfers);
