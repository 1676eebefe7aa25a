//! Bytes as `fuzzing::definition` takes them.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzzing::definition(bytes));
