//! A backup: everything in a data directory at one moment, as one stream of frames that can be checked by itself.
//!
//! The first line names the format. Then come frames: the length of the payload (4 bytes, little-endian), its checksum
//! (XXH3, 8 bytes), the payload. A payload begins with its kind:
//!
//! - `R`, records of one key space: the length of its name (1 byte), the name; then for each record the lengths of key
//!   and value (4 bytes each), key and value;
//! - `F`, a piece of another file of the directory: its permissions (4 bytes), the length of its path (2 bytes), the
//!   path, the bytes that follow those of its pieces before;
//! - `L`, a symbolic link: the length of its path (2 bytes), the path, where it leads;
//! - `E`, the end: the numbers of records and of bytes of files (8 bytes each).
//!
//! A stream without its end is no backup. Nothing in it is of the storage engine's own making, so that it outlives it.

use std::ffi::OsStr;
use std::fs::Permissions;
use std::io::Read;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Component, Path, PathBuf};

use xxhash_rust::xxh3::xxh3_64;

use super::records::format_of;
use super::{Disk, Space, Store, StoreError, Write};

/// The first line.
const HEAD: &[u8] = b"stepwright backup 1\n";
/// Bytes from which a frame is sent.
const FRAME: usize = 256 * 1024;
/// Bytes that no frame has: one record may be as large as the largest value.
const LARGEST: usize = 1 << 30;
/// Records that are restored in one batch.
const BATCH: usize = 4096;
/// The bits of a file's mode that are kept.
const PERMISSIONS: u32 = 0o777;
/// What a file has at least: its next piece is to be written.
const OWNER_WRITES: u32 = 0o200;
/// What belongs to the storage engine, or to whoever has the directory open.
const OWN: [&str; 2] = ["store", "lock"];

/// What is in a backup.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Contents {
    /// Records of the store.
    pub records: u64,
    /// Executions among them.
    pub executions: u64,
    /// Bytes of other files: packages of functions.
    pub file_bytes: u64,
}

/// Why a backup cannot be made or restored.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The data directory cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The backup, or a file of the directory, cannot be read or written.
    #[error("{}: {source}", .path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the operating system says.
        source: std::io::Error,
    },
    /// The file is no backup of this format, or not all of it is there.
    #[error("the backup cannot be used: {0}; take another one")]
    Unusable(String),
    /// Restoring would mix two directories.
    #[error("{} is not empty; restore into a new directory", .0.display())]
    NotEmpty(PathBuf),
    /// Whoever takes the frames has gone.
    #[error("nobody takes the backup any more")]
    Gone,
}

/// Takes one piece of the stream after the other.
pub(crate) type Sink<'a> = dyn FnMut(Vec<u8>) -> Result<(), BackupError> + 'a;

/// Sends everything in `store`, and the other files of `directory`, to `sink`.
///
/// # Errors
/// The store or a file cannot be read; the sink refuses.
pub(crate) fn send(store: &dyn Store, directory: Option<&Path>, sink: &mut Sink<'_>) -> Result<Contents, BackupError> {
    sink(HEAD.to_vec())?;
    let mut contents = Contents::default();
    let mut gone = None;
    let mut frames = Frames { space: None, payload: Vec::new() };
    store
        .snapshot(&mut |space, key, value| {
            contents.records += 1;
            contents.executions += u64::from(space == Space::Executions);
            frames.add(space, key, value, sink).map_err(|error| {
                gone = Some(error);
                StoreError::Closed
            })
        })
        .map_err(|error| gone.take().unwrap_or(BackupError::Store(error)))?;
    frames.send(sink)?;
    if let Some(directory) = directory {
        send_files(directory, directory, &mut contents, sink)?;
    }
    let end = [&b"E"[..], &contents.records.to_le_bytes(), &contents.file_bytes.to_le_bytes()].concat();
    sink(frame(&end))?;
    Ok(contents)
}

/// Records on their way.
struct Frames {
    space: Option<Space>,
    payload: Vec<u8>,
}

impl Frames {
    fn add(&mut self, space: Space, key: &[u8], value: &[u8], sink: &mut Sink<'_>) -> Result<(), BackupError> {
        if self.space != Some(space) || self.payload.len() >= FRAME {
            self.send(sink)?;
            self.space = Some(space);
            self.payload = vec![b'R', space.name().len() as u8];
            self.payload.extend(space.name().as_bytes());
        }
        for part in [key, value] {
            self.payload.extend(u32::try_from(part.len()).unwrap_or(u32::MAX).to_le_bytes());
        }
        self.payload.extend(key);
        self.payload.extend(value);
        Ok(())
    }

    fn send(&mut self, sink: &mut Sink<'_>) -> Result<(), BackupError> {
        let payload = std::mem::take(&mut self.payload);
        if payload.is_empty() { Ok(()) } else { sink(frame(&payload)) }
    }
}

fn frame(payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap_or(u32::MAX);
    [&length.to_le_bytes()[..], &xxh3_64(payload).to_le_bytes(), payload].concat()
}

/// The files under `folder`, but for what is not theirs to keep.
fn send_files(root: &Path, folder: &Path, contents: &mut Contents, sink: &mut Sink<'_>) -> Result<(), BackupError> {
    let fail = |source| BackupError::File { path: folder.to_owned(), source };
    let mut entries = std::fs::read_dir(folder).map_err(fail)?.collect::<Result<Vec<_>, _>>().map_err(fail)?;
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let kind = entry.file_type().map_err(fail)?;
        let own = folder == root && OWN.iter().any(|own| entry.file_name() == *own);
        if kind.is_dir() && !own {
            send_files(root, &entry.path(), contents, sink)?;
        } else if kind.is_file() && !own {
            send_file(root, &entry.path(), contents, sink)?;
        } else if kind.is_symlink() {
            let target = std::fs::read_link(entry.path()).map_err(fail)?;
            let name = name(root, &entry.path()).map_err(fail)?;
            sink(frame(&[&b"L"[..], &name, target.as_os_str().as_bytes()].concat()))?;
        }
    }
    Ok(())
}

/// A path within the directory, after its length.
fn name(root: &Path, path: &Path) -> std::io::Result<Vec<u8>> {
    let name = path.strip_prefix(root).unwrap_or(path).as_os_str().as_bytes();
    let length = u16::try_from(name.len()).map_err(|_| std::io::ErrorKind::InvalidFilename)?;
    Ok([&length.to_le_bytes()[..], name].concat())
}

fn send_file(root: &Path, path: &Path, contents: &mut Contents, sink: &mut Sink<'_>) -> Result<(), BackupError> {
    let fail = |source| BackupError::File { path: path.to_owned(), source };
    let mut file = match std::fs::File::open(path) {
        Ok(file) => file,
        // It was removed in this moment.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(fail(error)),
    };
    let mode = file.metadata().map_err(fail)?.permissions().mode() & PERMISSIONS;
    let head = [&b"F"[..], &mode.to_le_bytes(), &name(root, path).map_err(fail)?].concat();
    let mut is_first = true;
    loop {
        let mut payload = head.clone();
        let read = (&mut file).take(FRAME as u64).read_to_end(&mut payload).map_err(fail)?;
        // An empty file is a file, too.
        if read > 0 || is_first {
            sink(frame(&payload))?;
        }
        if read == 0 {
            return Ok(());
        }
        is_first = false;
        contents.file_bytes += read as u64;
    }
}

/// What a frame has.
enum Part<'a> {
    Records(Space, Vec<(&'a [u8], &'a [u8])>),
    File { path: &'a Path, mode: u32, bytes: &'a [u8] },
    Link { path: &'a Path, target: &'a Path },
    End { records: u64, file_bytes: u64 },
}

fn unusable(problem: &str) -> BackupError {
    BackupError::Unusable(problem.to_owned())
}

/// Reads a whole backup, shows its parts to `take`, and checks that all of it is there.
fn receive(
    from: &mut dyn Read,
    take: &mut dyn FnMut(&Part<'_>) -> Result<(), BackupError>,
) -> Result<Contents, BackupError> {
    let mut head = vec![0; HEAD.len()];
    from.read_exact(&mut head).map_err(|_| unusable("it is too short"))?;
    if head != HEAD {
        return Err(unusable("it is none, or of a format that this server does not read"));
    }
    let mut contents = Contents::default();
    loop {
        let payload = next_frame(from)?;
        let part = part(&payload)?;
        match &part {
            Part::Records(space, records) => {
                contents.records += records.len() as u64;
                contents.executions += if *space == Space::Executions { records.len() as u64 } else { 0 };
            }
            Part::File { bytes, .. } => contents.file_bytes += bytes.len() as u64,
            Part::Link { .. } => {}
            Part::End { records, file_bytes } => {
                let all = (*records, *file_bytes) == (contents.records, contents.file_bytes);
                let more = from.read(&mut [0]).map_err(|_| unusable("it cannot be read to its end"))? > 0;
                return if all && !more { Ok(contents) } else { Err(unusable("its parts are not those of its end")) };
            }
        }
        take(&part)?;
    }
}

fn next_frame(from: &mut dyn Read) -> Result<Vec<u8>, BackupError> {
    let (mut length, mut checksum) = ([0; 4], [0; 8]);
    from.read_exact(&mut length)
        .and_then(|()| from.read_exact(&mut checksum))
        .map_err(|_| unusable("it has no end"))?;
    let length = u32::from_le_bytes(length) as usize;
    if length > LARGEST {
        return Err(unusable("a part of it is damaged"));
    }
    let mut payload = Vec::new();
    let read = from.take(length as u64).read_to_end(&mut payload).map_err(|error| unusable(&error.to_string()))?;
    if read < length {
        return Err(unusable("it has no end"));
    }
    if xxh3_64(&payload) != u64::from_le_bytes(checksum) {
        return Err(unusable("a part of it is damaged: its checksum does not match"));
    }
    Ok(payload)
}

fn part(payload: &[u8]) -> Result<Part<'_>, BackupError> {
    parse(payload).ok_or_else(|| unusable("a part of it is of no known form: it was made by another version"))
}

fn parse(payload: &[u8]) -> Option<Part<'_>> {
    let (kind, rest) = payload.split_first()?;
    match kind {
        b'R' => {
            let (length, rest) = rest.split_first()?;
            let (name, mut rest) = rest.split_at_checked(usize::from(*length))?;
            let space = Space::ALL.into_iter().find(|space| space.name().as_bytes() == name)?;
            let mut records = Vec::new();
            while !rest.is_empty() {
                let (lengths, after) = rest.split_at_checked(8)?;
                let length = |bytes: &[u8]| Some(u32::from_le_bytes(bytes.try_into().ok()?) as usize);
                let (key, after) = after.split_at_checked(length(&lengths[..4])?)?;
                let (value, after) = after.split_at_checked(length(&lengths[4..])?)?;
                records.push((key, value));
                rest = after;
            }
            Some(Part::Records(space, records))
        }
        b'F' => {
            let (mode, rest) = rest.split_at_checked(4)?;
            let (path, bytes) = named(rest)?;
            Some(Part::File { path, mode: u32::from_le_bytes(mode.try_into().ok()?) & PERMISSIONS, bytes })
        }
        b'L' => {
            let (path, target) = named(rest)?;
            Some(Part::Link { path, target: Path::new(OsStr::from_bytes(target)) })
        }
        b'E' => {
            let (records, file_bytes) = rest.split_at_checked(8)?;
            let number = |bytes: &[u8]| Some(u64::from_le_bytes(bytes.try_into().ok()?));
            Some(Part::End { records: number(records)?, file_bytes: number(file_bytes)? })
        }
        _ => None,
    }
}

/// A path, which must be within the directory, and what follows it.
fn named(rest: &[u8]) -> Option<(&Path, &[u8])> {
    let (length, rest) = rest.split_at_checked(2)?;
    let (path, rest) = rest.split_at_checked(usize::from(u16::from_le_bytes(length.try_into().ok()?)))?;
    let path = Path::new(OsStr::from_bytes(path));
    path.components().all(|part| matches!(part, Component::Normal(_))).then_some((path, rest))
}

/// Reads a whole backup and says what is in it.
///
/// # Errors
/// It is damaged, or not all of it is there.
pub fn verify_backup(from: &mut dyn Read) -> Result<Contents, BackupError> {
    receive(from, &mut |_| Ok(()))
}

/// Makes a data directory of a backup, in a directory that is empty or not there. What is there after a crash in the
/// middle is no data directory.
///
/// # Errors
/// The backup is damaged, of a newer format, or not all of it is there; the directory is not empty or cannot be written.
pub fn restore_backup(from: &mut dyn Read, directory: &Path) -> Result<Contents, BackupError> {
    let fail = |path: &Path| {
        let path = path.to_owned();
        move |source| BackupError::File { path, source }
    };
    std::fs::create_dir_all(directory).map_err(fail(directory))?;
    if std::fs::read_dir(directory).map_err(fail(directory))?.next().is_some() {
        return Err(BackupError::NotEmpty(directory.to_owned()));
    }
    let parts = directory.join("restoring");
    let store = Disk::open(&parts)?;
    let mut links = Vec::new();
    let contents = receive(from, &mut |part| {
        match part {
            Part::Records(space, records) => put(&store, *space, records)?,
            Part::File { path, mode, bytes } => append(&parts.join(path), *mode, bytes)?,
            Part::Link { path, target } => links.push((parts.join(path), target.to_path_buf())),
            Part::End { .. } => {}
        }
        Ok(())
    })?;
    // After all files: none is written through a link.
    links.iter().try_for_each(|(path, target)| link(&parts, path, target))?;
    format_of(&store, directory)?;
    drop(store);
    // The store last: without it there is nothing to open.
    let mut names: Vec<_> = std::fs::read_dir(&parts)
        .and_then(|entries| entries.map(|entry| entry.map(|entry| entry.file_name())).collect::<Result<_, _>>())
        .map_err(fail(&parts))?;
    names.sort_by_key(|name| name == "store");
    for name in names.iter().filter(|name| *name != "lock") {
        std::fs::rename(parts.join(name), directory.join(name)).map_err(fail(&parts))?;
    }
    std::fs::remove_dir_all(&parts).map_err(fail(&parts))?;
    std::fs::File::open(directory).and_then(|folder| folder.sync_all()).map_err(fail(directory))?;
    Ok(contents)
}

fn put(store: &Disk, space: Space, records: &[(&[u8], &[u8])]) -> Result<(), BackupError> {
    for records in records.chunks(BATCH) {
        let write = |(key, value): &(&[u8], &[u8])| Write { space, key: key.to_vec(), value: Some(value.to_vec()) };
        store.commit(records.iter().map(write).collect())?;
    }
    Ok(())
}

fn link(root: &Path, path: &Path, target: &Path) -> Result<(), BackupError> {
    let fail = |source| BackupError::File { path: path.to_owned(), source };
    let folder = path.parent().unwrap_or(root);
    std::fs::create_dir_all(folder).map_err(fail)?;
    // Nor is a link made through another one.
    let (inside, root) = (folder.canonicalize().map_err(fail)?, root.canonicalize().map_err(fail)?);
    if !inside.starts_with(root) {
        return Err(unusable("a link in it leads out of the directory"));
    }
    std::os::unix::fs::symlink(target, path).map_err(fail)
}

fn append(path: &Path, mode: u32, bytes: &[u8]) -> Result<(), BackupError> {
    let fail = |source| BackupError::File { path: path.to_owned(), source };
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(fail)?;
    }
    let mut file = std::fs::OpenOptions::new().create(true).append(true).open(path).map_err(fail)?;
    std::io::Write::write_all(&mut file, bytes)
        .and_then(|()| file.set_permissions(Permissions::from_mode(mode | OWNER_WRITES)))
        .and_then(|()| file.sync_all())
        .map_err(fail)
}

/// Sends everything in a data directory that no server has open.
///
/// # Errors
/// The directory cannot be read, is damaged or in use; the sink refuses.
pub fn backup_directory(directory: &Path, sink: &mut Sink<'_>) -> Result<Contents, BackupError> {
    if !directory.join("store").is_dir() {
        let source = std::io::ErrorKind::NotFound.into();
        return Err(BackupError::File { path: directory.join("store"), source });
    }
    let store = Disk::open(directory)?;
    format_of(&store, directory)?;
    send(&store, Some(directory), sink)
}

#[cfg(test)]
mod tests;
