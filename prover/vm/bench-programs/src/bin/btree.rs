//! See `gainsay_vm_bench_programs::btree`.
#![no_std]
#![no_main]

gainsay_vm_bench_programs::guest!(btree);
