//! Damage in the journal of the storage engine, found before the storage engine reads it.
//!
//! What fjall 3 and lsm-tree 3 check by themselves, found by reading them and by the tests beside this:
//!
//! - **Tables and manifests**: each block has a checksum, verified when it is read, so damage comes up as an error of
//!   that read. The table of contents at the end of each file has one too, but its length is trusted before: a flipped
//!   bit there asks for 40 GiB of memory, and the process ends without a word of what was wrong. A manifest's checksum
//!   is written beside it and never looked at: **a flipped bit can put a table's values before newer ones**.
//! - **Journal**: each batch has a checksum over its items, and a wrong one is an error. But what cannot be parsed at
//!   all (a wrong tag, a length that leads beyond the end, a broken end marker) ends the journal as a torn last write
//!   would: **everything after it is cut off without a word**, though it was acknowledged. The batch's number, which
//!   orders it among the others, is in no checksum.
//!
//! So manifests and tables of contents are checked, and the journal is read, here first. Where something cannot be read, what follows decides: a write that a crash has cut
//! off ends the file, but for zeros, or has a whole sector of zeros in it that never reached the disk (no value, key or
//! number of ours is that); it was not acknowledged, and is cut off. Anything else is damage, is named with file and
//! offset, and nothing is served.

use std::fs::OpenOptions;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use xxhash_rust::xxh3::{Xxh3, xxh3_128};

use super::StoreError;

const START: u8 = 1;
const ITEM: u8 = 2;
const END: u8 = 3;
const CLEAR: u8 = 4;
/// The last bytes of an end marker.
const MAGIC: &[u8; 4] = b"FJL\x03";
/// Bytes from an end marker's tag to its last.
const END_BYTES: usize = 13;
/// What a disk writes whole or not at all.
const SECTOR: usize = 512;
/// A file is looked at from its end in pieces of this size.
const PIECE: usize = 4096;

/// Bytes at the end of a table or a manifest: magic, version, kind of checksum, checksum, place and length.
const TRAILER: usize = 38;
const TRAILER_MAGIC: &[u8; 4] = b"SFA!";
/// The file that says which manifest of its folder holds.
const CURRENT: &str = "current";

/// Why a batch cannot be read.
#[derive(Debug, PartialEq, Eq)]
enum Flaw {
    /// It goes on beyond what was ever written.
    Cut,
    /// It says what cannot be.
    Wrong(&'static str),
}

/// Where the whole batches of a journal end, and what is behind them.
#[derive(Debug, PartialEq, Eq)]
enum Rest {
    /// Nothing.
    Nothing,
    /// A write that a crash has cut off.
    Torn,
    /// What was written there is not there any more.
    Damaged(&'static str),
}

/// Looks at the journals in the storage engine's folder, oldest first, and cuts off a torn last write.
///
/// # Errors
/// A journal is damaged, or cannot be read.
pub(super) fn journals(folder: &Path) -> Result<(), StoreError> {
    let mut last = 0;
    for file in files(folder)? {
        let bytes = std::fs::read(&file).map_err(|error| unreadable(&file, &error))?;
        let (end, rest) = examine(written(&bytes), &mut last);
        match rest {
            Rest::Nothing => {}
            Rest::Torn => cut_off(&file, end)?,
            Rest::Damaged(reason) => {
                return Err(StoreError::Damaged { file, offset: end as u64, reason: reason.to_owned() });
            }
        }
    }
    Ok(())
}

/// The journals by their numbers; none in a folder that is not there yet.
fn files(folder: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(unreadable(folder, &error)),
    };
    let mut numbered = Vec::new();
    for entry in entries {
        let path = entry.map_err(|error| unreadable(folder, &error))?.path();
        let name = path.file_name().and_then(|name| name.to_str()?.strip_suffix(".jnl")?.parse::<u64>().ok());
        numbered.extend(name.map(|number| (number, path)));
    }
    numbered.sort();
    Ok(numbered.into_iter().map(|(_, path)| path).collect())
}

fn unreadable(file: &Path, error: &std::io::Error) -> StoreError {
    StoreError::Disk { directory: file.to_owned(), reason: error.to_string() }
}

fn cut_off(file: &Path, end: usize) -> Result<(), StoreError> {
    tracing::warn!(file = %file.display(), end, "the last write was cut off by a crash, before it was acknowledged");
    let cut = || {
        let journal = OpenOptions::new().write(true).open(file)?;
        journal.set_len(end as u64)?;
        journal.sync_all()
    };
    cut().map_err(|error| unreadable(file, &error))
}

/// Looks at all manifests, and at the tables of contents of all tables, under the storage engine's folder. A file that does not
/// end as one is left to the storage engine: a crash may have cut it off, and nothing refers to it then.
///
/// # Errors
/// One is damaged, or cannot be read.
pub(super) fn tables_of_contents(folder: &Path) -> Result<(), StoreError> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(unreadable(folder, &error)),
    };
    for entry in entries {
        let path = entry.map_err(|error| unreadable(folder, &error))?.path();
        if path.is_dir() {
            tables_of_contents(&path)?;
        } else if path.file_name().is_some_and(|name| name == CURRENT) {
            manifest(folder, &path)?;
        } else if !table_of_contents(&path).map_err(|error| unreadable(&path, &error))? {
            let offset = path.metadata().map_or(0, |about| about.len());
            let reason = "its table of contents does not match its checksum".to_owned();
            return Err(StoreError::Damaged { file: path, offset, reason });
        }
    }
    Ok(())
}

/// Checks the manifest that `current` names: its number, its checksum, and the kind of checksum are in it.
fn manifest(folder: &Path, current: &Path) -> Result<(), StoreError> {
    let damaged = |file: &Path, reason: &str| {
        Err(StoreError::Damaged { file: file.to_owned(), offset: 0, reason: reason.to_owned() })
    };
    let bytes = std::fs::read(current).map_err(|error| unreadable(current, &error))?;
    let mut reader = Reader { bytes: &bytes, at: 0 };
    let (Ok(number), Ok(checksum), Ok(0)) = (reader.u64(), reader.array(), reader.byte()) else {
        return damaged(current, "it does not say which manifest holds");
    };
    let manifest = folder.join(format!("v{number}"));
    match std::fs::read(&manifest) {
        Ok(bytes) if xxh3_128(&bytes) == u128::from_le_bytes(checksum) => Ok(()),
        Ok(_) => damaged(&manifest, "it does not match the checksum beside it"),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => damaged(current, "its manifest is not there"),
        Err(error) => Err(unreadable(&manifest, &error)),
    }
}

/// Whether the table of contents at the end of a file is what it was: its place, its length and its checksum are behind
/// it.
fn table_of_contents(path: &Path) -> std::io::Result<bool> {
    let mut file = std::fs::File::open(path)?;
    let Some(begin) = file.metadata()?.len().checked_sub(TRAILER as u64) else { return Ok(true) };
    file.seek(SeekFrom::Start(begin))?;
    let mut trailer = [0; TRAILER];
    file.read_exact(&mut trailer)?;
    if !trailer.starts_with(TRAILER_MAGIC) {
        return Ok(true);
    }
    let mut reader = Reader { bytes: &trailer, at: TRAILER_MAGIC.len() + 2 };
    let (Ok(checksum), Ok(place), Ok(length)) = (reader.array(), reader.u64(), reader.u64()) else { return Ok(false) };
    if place.checked_add(length) != Some(begin) {
        return Ok(false);
    }
    file.seek(SeekFrom::Start(place))?;
    let mut contents = Vec::new();
    file.take(length).read_to_end(&mut contents)?;
    Ok(xxh3_128(&contents) == u128::from_le_bytes(checksum))
}

/// The file without the zeros at its end: journals are made larger than what is in them.
fn written(bytes: &[u8]) -> &[u8] {
    const ZEROS: [u8; PIECE] = [0; PIECE];
    let zeros =
        bytes.rchunks(PIECE).take_while(|piece| **piece == ZEROS[..piece.len()]).map(<[u8]>::len).sum::<usize>();
    let bytes = &bytes[..bytes.len() - zeros];
    &bytes[..bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1)]
}

/// Reads batch after batch; `last` is the number of the last one before, and then of the last one here.
fn examine(bytes: &[u8], last: &mut u64) -> (usize, Rest) {
    let mut begin = 0;
    while begin < bytes.len() {
        match batch(bytes, begin) {
            Ok((_, number)) if number < *last => {
                return (begin, Rest::Damaged("a batch has a number that is lower than the one before"));
            }
            Ok((end, number)) => (begin, *last) = (end, number),
            Err(flaw) => return (begin, judge(bytes, begin, &flaw)),
        }
    }
    (begin, Rest::Nothing)
}

/// What it is that cannot be read from `begin` on.
fn judge(bytes: &[u8], begin: usize, flaw: &Flaw) -> Rest {
    let tail = &bytes[begin..];
    let marker = |at: &usize| tail[*at] == END && tail[at + END_BYTES - MAGIC.len()..].starts_with(MAGIC);
    let mut markers = (0..tail.len().saturating_sub(END_BYTES - 1)).filter(marker);
    let first = markers.next();
    // The end of this batch, and no other after it: it may have come to the disk before the rest.
    let is_last = first.is_none_or(|first| first + END_BYTES == tail.len());
    let sectors = tail.get(begin.next_multiple_of(SECTOR) - begin..).unwrap_or_default().chunks_exact(SECTOR);
    let is_holey = sectors.into_iter().any(|sector| sector.iter().all(|byte| *byte == 0));
    match flaw {
        _ if is_last && is_holey => Rest::Torn,
        Flaw::Cut if first.is_none() => Rest::Torn,
        Flaw::Cut => Rest::Damaged("a length leads beyond the end"),
        Flaw::Wrong(reason) => Rest::Damaged(reason),
    }
}

/// The end of the batch at `begin`, and its number.
fn batch(bytes: &[u8], begin: usize) -> Result<(usize, u64), Flaw> {
    let mut reader = Reader { bytes, at: begin };
    if reader.byte()? != START {
        return Err(Flaw::Wrong("no batch begins where one should"));
    }
    let (items, number) = (reader.u32()?, reader.u64()?);
    let mut checksum = Xxh3::new();
    for _ in 0..items {
        let item = reader.at;
        match reader.byte()? {
            ITEM => reader.item()?,
            CLEAR => drop(reader.take(8)?),
            _ => return Err(Flaw::Wrong("a batch has fewer items than it says, or one that is none")),
        }
        checksum.update(&bytes[item..reader.at]);
    }
    if reader.byte()? != END {
        return Err(Flaw::Wrong("a batch does not end where it should"));
    }
    let sum = reader.u64()?;
    if reader.take(MAGIC.len())? != MAGIC {
        return Err(Flaw::Wrong("the end marker of a batch is broken"));
    }
    if sum != checksum.digest() {
        return Err(Flaw::Wrong("the checksum of a batch does not match"));
    }
    Ok((reader.at, number))
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], Flaw> {
        let end = self.at.checked_add(count).ok_or(Flaw::Cut)?;
        let taken = self.bytes.get(self.at..end).ok_or(Flaw::Cut)?;
        self.at = end;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Flaw> {
        self.take(N)?.try_into().map_err(|_| Flaw::Cut)
    }

    fn byte(&mut self) -> Result<u8, Flaw> {
        Ok(self.array::<1>()?[0])
    }

    fn u32(&mut self) -> Result<u32, Flaw> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    fn u64(&mut self) -> Result<u64, Flaw> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    /// The rest of an item: kind, compression, key space, lengths, key, value.
    fn item(&mut self) -> Result<(), Flaw> {
        let (kind, compression) = (self.byte()?, self.byte()?);
        self.u64()?;
        let key = u16::from_le_bytes(self.array()?);
        let (value, on_disk) = (self.u32()?, self.u32()?);
        // Values and two kinds of removals; nothing of ours is compressed.
        if kind > 2 || compression != 0 || value != on_disk {
            return Err(Flaw::Wrong("an item of a batch is of no known form"));
        }
        self.take(usize::from(key))?;
        self.take(on_disk as usize)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
