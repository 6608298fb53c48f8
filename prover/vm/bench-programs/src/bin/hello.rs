//! Prints hello and halts: the smallest program that does something one can see.
#![no_std]
#![no_main]

#[unsafe(no_mangle)]
extern "C" fn guest_main() -> ! {
    gainsay_vm_bench_programs::write(b"hello\n");
    gainsay_vm_bench_programs::halt([0; 4])
}
