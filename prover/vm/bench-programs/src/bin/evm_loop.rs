//! See `gainsay_vm_bench_programs::evm_loop`.
#![no_std]
#![no_main]

gainsay_vm_bench_programs::guest!(evm_loop);
