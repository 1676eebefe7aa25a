//! Bytes as `fuzzing::input` takes them.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzzing::input(bytes));
