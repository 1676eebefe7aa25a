//! Bytes as `fuzzing::expression` takes them.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzzing::expression(bytes));
