//! Backups of stores, whole and broken.

use std::sync::Arc;

use super::super::{Memory, Records};
use super::*;

fn write(space: Space, key: &str, value: &[u8]) -> Write {
    Write { space, key: key.as_bytes().to_vec(), value: Some(value.to_vec()) }
}

fn taken(store: &dyn Store, directory: Option<&Path>) -> (Vec<u8>, Contents) {
    let mut bytes = Vec::new();
    let contents = send(store, directory, &mut |piece| {
        bytes.extend(piece);
        Ok(())
    });
    (bytes, contents.unwrap())
}

fn filled() -> Memory {
    let store = Memory::default();
    store.commit(vec![write(Space::Meta, "format", b"1"), write(Space::Journal, "j", &[7; 600_000])]).unwrap();
    let executions: Vec<_> = (0..5000).map(|n| write(Space::Executions, &format!("e{n}"), b"{}")).collect();
    store.commit(executions.clone()).unwrap();
    store
}

#[test]
fn what_is_restored_is_what_was_there() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    std::fs::create_dir_all(from.path().join("functions/f")).unwrap();
    std::fs::write(from.path().join("functions/f/package.zip"), vec![1; 300_000]).unwrap();
    std::fs::write(from.path().join("functions/f/empty"), []).unwrap();
    let program = from.path().join("functions/f/bootstrap");
    std::fs::write(&program, []).unwrap();
    std::fs::set_permissions(&program, Permissions::from_mode(0o755)).unwrap();
    std::os::unix::fs::symlink("bootstrap", from.path().join("functions/f/link")).unwrap();
    std::fs::write(from.path().join("lock"), b"not for others").unwrap();
    let (bytes, contents) = taken(&filled(), Some(from.path()));
    assert_eq!(contents, Contents { records: 5002, executions: 5000, file_bytes: 300_000 });
    assert_eq!(verify_backup(&mut &bytes[..]).unwrap(), contents);
    let directory = to.path().join("new");
    assert_eq!(restore_backup(&mut &bytes[..], &directory).unwrap(), contents);
    assert_eq!(std::fs::read(directory.join("functions/f/package.zip")).unwrap().len(), 300_000);
    assert_eq!(directory.join("functions/f/link").metadata().unwrap().permissions().mode() & 0o777, 0o755);
    assert!(directory.join("functions/f/empty").is_file() && !directory.join("restoring").exists());
    let store = Disk::open(&directory).unwrap();
    assert_eq!(taken(&store, None).0, taken(&filled(), None).0);
    drop(store);
    let mut again = Vec::new();
    let sink = &mut |piece: Vec<u8>| {
        again.extend(piece);
        Ok(())
    };
    assert_eq!(backup_directory(&directory, sink).unwrap(), contents);
    assert_eq!(again, bytes);
}

#[test]
fn a_backup_that_is_cut_or_damaged_is_refused_and_leaves_no_data_directory() {
    let (bytes, _) = taken(&filled(), None);
    for cut in (0..bytes.len()).step_by(1 + bytes.len() / 60) {
        let error = verify_backup(&mut &bytes[..cut]).unwrap_err();
        assert!(matches!(error, BackupError::Unusable(_)), "cut at {cut}: {error}");
    }
    for at in (0..bytes.len()).step_by(1 + bytes.len() / 60) {
        let mut flipped = bytes.clone();
        flipped[at] ^= 4;
        assert!(verify_backup(&mut &flipped[..]).is_err(), "byte {at}");
    }
    let to = tempfile::tempdir().unwrap();
    assert!(restore_backup(&mut &bytes[..bytes.len() - 1], to.path()).is_err());
    assert!(!to.path().join("store").exists());
}

#[test]
fn nothing_is_restored_over_something_or_from_a_newer_server() {
    let (bytes, _) = taken(&filled(), None);
    let to = tempfile::tempdir().unwrap();
    std::fs::write(to.path().join("a"), "b").unwrap();
    let error = restore_backup(&mut &bytes[..], to.path()).unwrap_err();
    assert!(matches!(error, BackupError::NotEmpty(_)), "{error}");
    let newer = filled();
    newer.commit(vec![write(Space::Meta, "format", b"99")]).unwrap();
    let to = tempfile::tempdir().unwrap();
    let error = restore_backup(&mut &taken(&newer, None).0[..], to.path()).unwrap_err();
    assert!(error.to_string().contains("format 99"), "{error}");
}

#[test]
fn a_path_that_leads_out_of_the_directory_is_refused() {
    for path in ["../x", "/x", "a/../../x"] {
        let payload = [&b"F"[..], &[0; 4], &(path.len() as u16).to_le_bytes(), path.as_bytes(), b"!"].concat();
        let backup = [HEAD, &frame(&payload)].concat();
        let to = tempfile::tempdir().unwrap();
        assert!(matches!(restore_backup(&mut &backup[..], to.path()), Err(BackupError::Unusable(_))), "{path}");
    }
}

#[test]
fn nothing_is_written_through_a_link() {
    let outside = tempfile::tempdir().unwrap();
    let name = |name: &str| [&(name.len() as u16).to_le_bytes()[..], name.as_bytes()].concat();
    let link = |path: &str, target: &str| frame(&[&b"L"[..], &name(path), target.as_bytes()].concat());
    let through = frame(&[&b"F"[..], &[0; 4], &name("a/file"), b"!"].concat());
    let end = frame(&[&b"E"[..], &0_u64.to_le_bytes(), &1_u64.to_le_bytes()].concat());
    let none = frame(&[&b"E"[..], &0_u64.to_le_bytes(), &0_u64.to_le_bytes()].concat());
    let target = outside.path().to_str().unwrap();
    for backup in [
        [HEAD, &link("a", target), &through, &end].concat(),
        [HEAD, &link("a", target), &link("a/b", "x"), &none].concat(),
    ] {
        let to = tempfile::tempdir().unwrap();
        assert!(restore_backup(&mut &backup[..], to.path()).is_err());
        assert!(std::fs::read_dir(outside.path()).unwrap().next().is_none());
    }
}

#[test]
fn a_backup_of_a_running_store_is_of_one_moment() {
    let directory = tempfile::tempdir().unwrap();
    let store = Arc::new(Disk::open(directory.path()).unwrap());
    let pair = |n: u32| [write(Space::Meta, "n", &n.to_be_bytes()), write(Space::Open, "n", &n.to_be_bytes())];
    store.commit(pair(0).into()).unwrap();
    let writer = std::thread::spawn({
        let store = Arc::clone(&store);
        move || (1..200).for_each(|n| store.commit(pair(n).into()).unwrap())
    });
    while !writer.is_finished() {
        let mut seen = Vec::new();
        store
            .snapshot(&mut |_, _, value| {
                seen.push(value.to_vec());
                Ok(())
            })
            .unwrap();
        assert_eq!(seen[0], seen[1]);
    }
    writer.join().unwrap();
}

#[test]
fn who_stops_taking_ends_the_backup() {
    let mut taken = 0;
    let refused = send(&filled(), None, &mut |_| {
        taken += 1;
        if taken < 3 { Ok(()) } else { Err(BackupError::Gone) }
    });
    assert!(matches!(refused, Err(BackupError::Gone)), "{refused:?}");
    assert_eq!(taken, 3);
    assert!(Records::open(None).is_ok());
}
