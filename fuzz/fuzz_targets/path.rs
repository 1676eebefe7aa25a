//! Bytes as `fuzzing::path` takes them.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzzing::path(bytes));
