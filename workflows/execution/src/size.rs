//! How large a value is as JSON text.

use std::io;

use asl::Value;

use crate::event::Failure;

/// Bytes of the value's compact JSON text.
pub(crate) fn json_bytes(value: &Value) -> usize {
    struct Count(usize);
    impl io::Write for Count {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut count = Count(0);
    match serde_json::to_writer(&mut count, value) {
        Ok(()) => count.0,
        Err(_) => usize::MAX,
    }
}

/// The failure of a payload over the quota.
pub(crate) fn too_large(label: &str) -> Failure {
    let cause = format!(
        "The state/task '{label}' returned a result with a size exceeding the maximum number of bytes service limit."
    );
    Failure { error: Some("States.DataLimitExceeded".into()), cause: Some(cause.into()) }
}
