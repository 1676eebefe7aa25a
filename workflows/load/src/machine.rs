//! The machine: what it is, and its own floors, which no service on it can pass.

use std::fs::File;
use std::io::Write;
use std::path::Path;

use serde_json::{Value as Json, json};

use crate::clock;
use crate::failure::{During, Failure};
use crate::sample::Sample;

/// Bytes of one write before a sync: about what a start of an execution is.
const RECORD: usize = 512;

/// What it is, and the load on it now.
pub(crate) fn describe() -> Json {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let after = |text: &str, name: &str| {
        let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_default();
        line.split_once(':').map(|(_, value)| value.trim().to_owned()).unwrap_or_default()
    };
    json!({
        "processor": after(&read("/proc/cpuinfo"), "model name"),
        "cores": std::thread::available_parallelism().map_or(1, usize::from),
        "memory": after(&read("/proc/meminfo"), "MemTotal"),
        "kernel": read("/proc/sys/kernel/osrelease").trim(),
        "load": load(),
    })
}

/// The load average of the last minute; none where the system tells none.
pub(crate) fn load() -> Option<f64> {
    std::fs::read_to_string("/proc/loadavg").ok()?.split(' ').next()?.parse().ok()
}

/// One write and one fdatasync at a time on the disk of `folder`.
pub(crate) fn syncs(folder: &Path, count: usize) -> Result<Sample, Failure> {
    let what = || format!("a file in {}", folder.display());
    let mut file = tempfile::tempfile_in(folder).during(what)?;
    let mut millis = Vec::with_capacity(count);
    for _ in 0..count {
        let begin = clock::now();
        sync(&mut file).during(what)?;
        millis.push(begin.millis());
    }
    Ok(Sample::new(millis))
}

fn sync(file: &mut File) -> std::io::Result<()> {
    file.write_all(&[b'x'; RECORD])?;
    file.sync_data()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sync_is_measured() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(syncs(folder.path(), 3).unwrap().len(), 3);
    }
}
