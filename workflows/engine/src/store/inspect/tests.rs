//! A store on disk with every byte of it flipped in turn, and its journal cut at every length.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::super::{Disk, Space, Store, Write};
use super::*;

type Contents = BTreeMap<(Space, Vec<u8>), Vec<u8>>;

fn put(space: Space, key: u32, value: &str) -> Write {
    Write { space, key: key.to_be_bytes().to_vec(), value: Some(value.as_bytes().to_vec()) }
}

/// Commits of a few records each; a value says of which commit it is.
fn commit(store: &Disk, commits: std::ops::Range<u32>) {
    for number in commits {
        let value = format!("commit {number} {}", "x".repeat(number as usize % 7));
        let other = Write { space: Space::Open, key: vec![0, 7], value: (number % 2 == 0).then(|| vec![b'o']) };
        store.commit(vec![put(Space::Journal, number, &value), put(Space::Meta, 0, &value), other]).unwrap();
    }
}

fn contents(store: &Disk) -> Result<Contents, StoreError> {
    let mut contents = Contents::new();
    for space in Space::ALL {
        store.scan(space, b"", &mut |key, value| {
            contents.insert((space, key.to_vec()), value.to_vec());
            Ok(())
        })?;
    }
    // By key too: a filter decides there whether a table is asked at all.
    for ((space, key), value) in &contents {
        if store.get(*space, key)?.as_ref() != Some(value) {
            return Ok(Contents::new());
        }
    }
    Ok(contents)
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else if entry.path().extension().is_some_and(|extension| extension == "jnl") {
            // Without its zeros: a file of 64 MiB is no pleasure to copy.
            std::fs::write(target, written(&std::fs::read(entry.path()).unwrap())).unwrap();
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

fn all_files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> =
        entries.flat_map(|path| if path.is_dir() { all_files(&path) } else { vec![path] }).collect();
    files.sort();
    files
}

/// A store with `commits` in its journal.
fn journal(commits: u32) -> (tempfile::TempDir, PathBuf, Vec<u8>) {
    let directory = tempfile::tempdir().unwrap();
    commit(&Disk::open(directory.path()).unwrap(), 0..commits);
    let file = files(&directory.path().join("store")).unwrap().remove(0);
    let bytes = written(&std::fs::read(&file).unwrap()).to_vec();
    (directory, file, bytes)
}

fn ends(bytes: &[u8]) -> Vec<usize> {
    let mut ends = Vec::new();
    while ends.last() != Some(&bytes.len()) {
        ends.push(batch(bytes, ends.last().copied().unwrap_or(0)).unwrap().0);
    }
    ends
}

#[test]
fn a_whole_journal_is_read_to_its_end() {
    let (_directory, _file, bytes) = journal(20);
    assert_eq!(ends(&bytes).len(), 20, "each commit is one batch");
    let padded = [&bytes[..], &[0; 10_000]].concat();
    assert_eq!(written(&padded), bytes);
    assert_eq!(examine(&bytes, &mut 0), (bytes.len(), Rest::Nothing));
    assert_eq!(examine(written(&[0; 5000]), &mut 0), (0, Rest::Nothing));
}

#[test]
fn a_last_write_torn_at_any_byte_is_cut_off() {
    let (_directory, _file, bytes) = journal(5);
    let ends = ends(&bytes);
    for cut in ends[3]..bytes.len() {
        let (end, rest) = examine(written(&bytes[..cut]), &mut 0);
        assert_eq!(end, ends[3], "cut at {cut}");
        assert!(rest == Rest::Torn || (cut == end && rest == Rest::Nothing), "cut at {cut}: {rest:?}");
    }
}

#[test]
fn a_last_write_with_a_sector_that_did_not_arrive_is_cut_off() {
    let (directory, file, _) = journal(3);
    let before = written(&std::fs::read(&file).unwrap()).len();
    Disk::open(directory.path()).unwrap().commit(vec![put(Space::Journal, 9, &"y".repeat(5000))]).unwrap();
    let mut bytes = written(&std::fs::read(&file).unwrap()).to_vec();
    let sector = before.next_multiple_of(SECTOR) + SECTOR;
    bytes[sector..sector + SECTOR].fill(0);
    assert_eq!(examine(&bytes, &mut 0), (before, Rest::Torn));
    std::fs::write(&file, &bytes).unwrap();
    let store = Disk::open(directory.path()).unwrap();
    assert_eq!(contents(&store).unwrap().len(), 3 + 1 + 1, "the acknowledged ones are there, the torn one is not");
}

#[test]
fn no_flipped_bit_of_a_journal_passes_for_a_torn_write() {
    let (_directory, _file, bytes) = journal(6);
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1 << bit;
            let (end, rest) = examine(&flipped, &mut 0);
            // A number that is still between its neighbours orders the batches as before.
            let harmless = rest == Rest::Nothing && end == bytes.len();
            assert!(matches!(rest, Rest::Damaged(_)) || harmless, "byte {at}, bit {bit}: {end} {rest:?}");
        }
    }
}

#[test]
fn a_torn_journal_opens_with_what_was_acknowledged() {
    let (directory, file, bytes) = journal(4);
    let ends = ends(&bytes);
    for cut in (ends[2]..bytes.len()).step_by(11) {
        std::fs::write(&file, &bytes[..cut]).unwrap();
        let store = Disk::open(directory.path()).unwrap();
        let last = store.get(Space::Meta, &0_u32.to_be_bytes()).unwrap().unwrap();
        assert_eq!(last, b"commit 2 xx", "cut at {cut}");
        commit(&store, 3..4);
        assert_eq!(store.get(Space::Meta, &0_u32.to_be_bytes()).unwrap().unwrap(), b"commit 3 xxx", "cut at {cut}");
    }
}

#[test]
fn damage_is_named_with_file_offset_and_remedy() {
    let (directory, file, mut bytes) = journal(4);
    let second = ends(&bytes)[1];
    bytes[second] ^= 0x10;
    std::fs::write(&file, &bytes).unwrap();
    let Err(error) = Disk::open(directory.path()) else { panic!("opened") };
    let text = error.to_string();
    assert!(text.contains(".jnl") && text.contains("stepwright restore"), "{text}");
}

/// Bytes of each file in which a bit is flipped.
#[expect(clippy::disallowed_methods, reason = "the one place where this test learns how much it shall do")]
fn flips() -> usize {
    std::env::var("STEPWRIGHT_FLIPS").ok().and_then(|text| text.parse().ok()).unwrap_or(2)
}

/// Flips a bit in bytes of every file of a store with tables and a journal: what is read is what was written, or it is
/// an error.
#[test]
fn a_flipped_bit_anywhere_is_harmless_or_an_error() {
    let (original, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let whole = {
        let store = Disk::open(original.path()).unwrap();
        commit(&store, 0..40);
        store.flush().unwrap();
        commit(&store, 40..60);
        contents(&store).unwrap()
    };
    copy(original.path(), folder.path());
    let (mut harmless, mut named, mut panicked) = (0, 0, 0);
    for (index, file) in all_files(folder.path()).into_iter().enumerate() {
        let bytes = std::fs::read(&file).unwrap();
        for at in (index % 3..bytes.len()).step_by(1 + bytes.len() / flips()) {
            let place = tempfile::tempdir().unwrap();
            copy(folder.path(), place.path());
            let mut flipped = bytes.clone();
            flipped[at] ^= 1 << (at % 8);
            std::fs::write(place.path().join(file.strip_prefix(folder.path()).unwrap()), flipped).unwrap();
            let read = catch_unwind(AssertUnwindSafe(|| contents(&Disk::open(place.path())?)));
            match read {
                Ok(Ok(found)) => {
                    assert_eq!(found, whole, "{} byte {at}: silently something else", file.display());
                    harmless += 1;
                }
                Ok(Err(_)) => named += 1,
                // No error, but nothing that passes unseen either: the server does not start.
                Err(_) => panicked += 1,
            }
        }
    }
    assert!(harmless > 0 && named > 0, "{harmless} harmless, {named} named");
    println!("{harmless} flipped bits were harmless, {named} an error, {panicked} a panic, 0 silently something else");
}
