//! Bytes as `fuzzing::definition` takes them.
#![no_main]

// A panic that is caught, of the evaluator of JSONata, is no finding; one that gets here is.
libfuzzer_sys::fuzz_target!(
    init: {
        std::panic::set_hook(Box::new(|_| {}));
    },
    |bytes: &[u8]| fuzzing::definition(bytes)
);
