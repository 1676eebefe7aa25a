//! Logs in a directory: one file of JSON lines for each log group.
//!
//! A file that has reached its size is set aside as `NAME.jsonl.1`, the one before as `.2`, and so on; the oldest goes.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use super::message::Message;
use crate::trouble::Trouble;

/// Bytes of one file.
const FILE_BYTES: u64 = 64 * 1024 * 1024;
/// Full files that are kept beside the present one.
const KEPT: u32 = 4;

/// The directory, with the files that are open.
#[derive(Debug)]
pub(crate) struct Directory {
    folder: PathBuf,
    files: HashMap<String, Open>,
    file_bytes: u64,
    pub(crate) trouble: Trouble,
}

#[derive(Debug)]
struct Open {
    path: PathBuf,
    writer: BufWriter<File>,
    bytes: u64,
}

impl Directory {
    /// Makes the directory where it is not there.
    ///
    /// # Errors
    /// It cannot be made or written.
    pub(crate) fn open(folder: &Path) -> io::Result<Self> {
        std::fs::create_dir_all(folder)?;
        tempfile_check(folder)?;
        Ok(Self {
            folder: folder.to_owned(),
            files: HashMap::new(),
            file_bytes: FILE_BYTES,
            trouble: Trouble::default(),
        })
    }

    /// Appends messages; what is written is with the operating system when this returns.
    ///
    /// # Errors
    /// The disk refuses.
    pub(crate) fn append(&mut self, messages: &[Message]) -> io::Result<()> {
        for message in messages {
            self.append_one(message)?;
        }
        self.files.values_mut().try_for_each(|open| open.writer.flush())
    }

    fn append_one(&mut self, message: &Message) -> io::Result<()> {
        if !self.files.contains_key(&message.group) {
            let open = Open::at(self.folder.join(file_name(&message.group)))?;
            self.files.insert(message.group.clone(), open);
        }
        let Some(open) = self.files.get_mut(&message.group) else { return Ok(()) };
        if open.bytes >= self.file_bytes {
            open.writer.flush()?;
            set_aside(&open.path)?;
            *open = Open::at(open.path.clone())?;
        }
        open.writer.write_all(message.text.as_bytes())?;
        open.writer.write_all(b"\n")?;
        open.bytes += message.text.len() as u64 + 1;
        Ok(())
    }
}

impl Open {
    fn at(path: PathBuf) -> io::Result<Self> {
        let file = OpenOptions::new().create(true).append(true).open(&path)?;
        let bytes = file.metadata()?.len();
        Ok(Self { path, writer: BufWriter::new(file), bytes })
    }
}

/// Whether files can be made there, before anything depends on it.
fn tempfile_check(folder: &Path) -> io::Result<()> {
    let probe = folder.join(".stepwright-probe");
    File::create(&probe)?;
    std::fs::remove_file(probe)
}

/// The file of a log group. A group's name has slashes and no plus sign.
fn file_name(group: &str) -> String {
    format!("{}.jsonl", group.replace('/', "+"))
}

fn set_aside(path: &Path) -> io::Result<()> {
    let numbered = |number: u32| PathBuf::from(format!("{}.{number}", path.display()));
    for number in (1..KEPT).rev() {
        if numbered(number).exists() {
            std::fs::rename(numbered(number), numbered(number + 1))?;
        }
    }
    std::fs::rename(path, numbered(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(group: &str, text: &str) -> Message {
        Message { group: group.to_owned(), machine: "m".to_owned(), at: 0, text: text.to_owned() }
    }

    #[test]
    fn each_group_has_a_file_that_grows() {
        let folder = tempfile::tempdir().unwrap();
        for text in ["1", "2"] {
            let mut directory = Directory::open(&folder.path().join("logs")).unwrap();
            directory.append(&[message("/aws/vendedlogs/states/m", text), message("../g", text)]).unwrap();
        }
        let read = |name: &str| std::fs::read_to_string(folder.path().join("logs").join(name)).unwrap();
        assert_eq!(read("+aws+vendedlogs+states+m.jsonl"), "1\n2\n");
        assert_eq!(read("..+g.jsonl"), "1\n2\n");
    }

    #[test]
    fn full_files_are_set_aside_and_the_oldest_goes() {
        let folder = tempfile::tempdir().unwrap();
        let mut directory = Directory { file_bytes: 4, ..Directory::open(folder.path()).unwrap() };
        for number in 0..8 {
            directory.append(&[message("g", &format!("{number}--"))]).unwrap();
        }
        let mut names: Vec<_> =
            std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, ["g.jsonl", "g.jsonl.1", "g.jsonl.2", "g.jsonl.3", "g.jsonl.4"]);
        assert_eq!(std::fs::read_to_string(folder.path().join("g.jsonl.4")).unwrap(), "3--\n");
    }
}
