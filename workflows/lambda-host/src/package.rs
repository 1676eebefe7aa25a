//! Deployment packages: zip archives, unpacked into a folder and nowhere else.

use std::fs::{self, File};
use std::io::{self, Cursor, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt, symlink};
use std::path::{Component, Path, PathBuf};

use zip::ZipArchive;
use zip::read::ZipFile;

/// Largest package, in bytes, as on AWS (50 MB).
pub(crate) const LARGEST_PACKAGE: usize = 52_428_800;
/// Largest sum of what is in a package, in bytes, as on AWS (250 MB).
const LARGEST_CONTENT: u64 = 262_144_000;
/// Most entries: an archive within the limits above could hold a million empty files.
const MOST_ENTRIES: usize = 100_000;
/// Longest target of a symbolic link, in bytes.
const LONGEST_LINK: u64 = 4096;
/// The bits of a mode that say what kind of file it is, and those of a symbolic link.
const KIND: u32 = 0o170_000;
const LINK: u32 = 0o120_000;

/// Why a package is not taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Defect {
    /// There is nothing in it.
    #[error("Uploaded file must be a non-empty zip")]
    Empty,
    /// It is no zip archive, or a broken one.
    #[error("Could not unzip uploaded file. Please check your file, then try to upload again. ({0})")]
    Archive(#[from] zip::result::ZipError),
    /// It unpacks to more than AWS allows.
    #[error("Unzipped size must be smaller than {LARGEST_CONTENT} bytes")]
    TooLarge,
    /// It holds too many files.
    #[error("Could not unzip uploaded file: it has {0} entries, and {MOST_ENTRIES} are taken at most")]
    TooMany(usize),
    /// An entry would be written, or would lead, out of the package.
    #[error("Could not unzip uploaded file: the entry {0:?} leads out of the package; make the archive without it")]
    Outside(String),
    /// An entry cannot be read or written.
    #[error("Could not unzip uploaded file: the entry {name:?}: {source}")]
    Entry {
        /// The entry.
        name: String,
        /// What the system says.
        source: io::Error,
    },
}

/// Unpacks `package` into the folder `to`, which must be empty.
///
/// Links are made when everything else is there, so nothing is ever written through one.
///
/// # Errors
/// The package's first defect; what was unpacked before it is then still there.
pub(crate) fn unpack(package: &[u8], to: &Path) -> Result<(), Defect> {
    unpack_within(LARGEST_CONTENT, package, to)
}

fn unpack_within(mut room: u64, package: &[u8], to: &Path) -> Result<(), Defect> {
    let mut archive = ZipArchive::new(Cursor::new(package))?;
    match archive.len() {
        0 => return Err(Defect::Empty),
        count if count > MOST_ENTRIES => return Err(Defect::TooMany(count)),
        _ => {}
    }
    let mut links = Vec::new();
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index)?;
        let name = entry.name()?.into_owned();
        let path = entry.enclosed_name().and_then(|path| inside(&path)).ok_or(Defect::Outside(name.clone()))?;
        if entry.unix_mode().is_some_and(|mode| mode & KIND == LINK) {
            links.push((target(&mut entry, &name, &path)?, path, name));
            continue;
        }
        let written = write(&mut entry, &to.join(&path), room);
        room = written.map_err(|source| Defect::Entry { name, source })?.ok_or(Defect::TooLarge)?;
    }
    for (target, path, name) in links {
        link(&target, &to.join(path)).map_err(|source| Defect::Entry { name, source })?;
    }
    Ok(())
}

/// The path without `.`, where it does not climb out at any point.
fn inside(path: &Path) -> Option<PathBuf> {
    let mut clean = PathBuf::new();
    for component in path.components() {
        match component {
            Component::Normal(name) => clean.push(name),
            Component::CurDir => {}
            Component::ParentDir => {
                if !clean.pop() {
                    return None;
                }
            }
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(clean)
}

/// Where a link leads, which is within the package.
fn target<R: Read>(entry: &mut ZipFile<'_, R>, name: &str, path: &Path) -> Result<String, Defect> {
    let mut target = String::new();
    entry
        .take(LONGEST_LINK)
        .read_to_string(&mut target)
        .map_err(|source| Defect::Entry { name: name.to_owned(), source })?;
    let folder = path.parent().unwrap_or(Path::new(""));
    match inside(&folder.join(&target)) {
        Some(_) if !Path::new(&target).is_absolute() => Ok(target),
        _ => Err(Defect::Outside(name.to_owned())),
    }
}

/// Writes a file or makes a folder. The answer is the room that is left; `None` when there was too little.
fn write<R: Read>(entry: &mut ZipFile<'_, R>, path: &Path, room: u64) -> io::Result<Option<u64>> {
    if entry.is_dir() {
        fs::create_dir_all(path)?;
        return Ok(Some(room));
    }
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    // What the archive says of its size is its own word: counted is what comes out.
    let mode = entry.unix_mode().unwrap_or(0o644);
    let mut file = File::options().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    let count = io::copy(&mut entry.take(room.saturating_add(1)), &mut file)?;
    file.flush()?;
    // Whoever made the archive, its owner reads and writes here; on AWS everything in it is read by everybody.
    file.set_permissions(fs::Permissions::from_mode((mode & 0o777) | 0o644))?;
    Ok(room.checked_sub(count))
}

fn link(target: &str, path: &Path) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    symlink(target, path)
}

#[cfg(test)]
mod tests {
    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    use super::*;

    fn archive(make: impl FnOnce(&mut ZipWriter<Cursor<Vec<u8>>>)) -> Vec<u8> {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        make(&mut writer);
        writer.finish().unwrap().into_inner()
    }

    fn file(writer: &mut ZipWriter<Cursor<Vec<u8>>>, name: &str, content: &[u8], mode: u32) {
        writer.start_file(name, SimpleFileOptions::default().unix_permissions(mode)).unwrap();
        writer.write_all(content).unwrap();
    }

    fn unpacked(package: &[u8]) -> Result<tempfile::TempDir, Defect> {
        let folder = tempfile::tempdir().unwrap();
        unpack(package, folder.path()).map(|()| folder)
    }

    #[test]
    fn files_folders_modes_and_links_are_unpacked() {
        let folder = unpacked(&archive(|zip| {
            file(zip, "bootstrap", b"#!/bin/sh", 0o755);
            file(zip, "./library/deep/a.py", b"x = 1", 0o400);
            zip.add_directory("empty/", SimpleFileOptions::default()).unwrap();
            zip.add_symlink("library/b.py", "deep/a.py", SimpleFileOptions::default()).unwrap();
        }))
        .unwrap();
        let mode = |name: &str| fs::metadata(folder.path().join(name)).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode("bootstrap"), mode("library/deep/a.py")), (0o755, 0o644));
        assert!(folder.path().join("empty").is_dir());
        assert_eq!(fs::read(folder.path().join("library/b.py")).unwrap(), b"x = 1");
    }

    #[test]
    fn nothing_leads_out_of_the_package() {
        for name in ["../evil", "a/../../evil"] {
            let defect = unpacked(&archive(|zip| file(zip, name, b"x", 0o644))).unwrap_err();
            assert!(matches!(&defect, Defect::Outside(outside) if outside == name), "{name}: {defect}");
            assert!(defect.to_string().contains("leads out of the package"));
        }
        for target in ["/etc/passwd", "../../etc", ".."] {
            let package = archive(|zip| zip.add_symlink("link", target, SimpleFileOptions::default()).unwrap());
            assert!(matches!(unpacked(&package), Err(Defect::Outside(_))), "{target}");
        }
    }

    #[test]
    fn an_absolute_name_stays_inside() {
        match unpacked(&archive(|zip| file(zip, "/absolute", b"x", 0o644))) {
            Ok(folder) => assert!(folder.path().join("absolute").is_file()),
            Err(defect) => assert!(matches!(defect, Defect::Outside(_)), "{defect}"),
        }
        assert!(!Path::new("/absolute").exists());
    }

    #[test]
    fn nothing_is_written_through_a_link() {
        let package = archive(|zip| {
            zip.add_symlink("folder", "other", SimpleFileOptions::default()).unwrap();
            file(zip, "folder/a", b"x", 0o644);
        });
        let defect = unpacked(&package).unwrap_err();
        assert!(matches!(&defect, Defect::Entry { name, .. } if name == "folder"), "{defect}");
    }

    #[test]
    fn what_comes_out_is_counted() {
        let package = archive(|zip| {
            for name in ["a", "b"] {
                file(zip, name, &[0; 100_000], 0o644);
            }
        });
        assert!(package.len() < 1000);
        let within = |room| unpack_within(room, &package, tempfile::tempdir().unwrap().path());
        assert!(within(200_000).is_ok());
        let defect = within(199_999).unwrap_err();
        assert_eq!(defect.to_string(), "Unzipped size must be smaller than 262144000 bytes");
    }

    #[test]
    fn what_is_no_archive_is_said_so() {
        assert!(unpacked(b"hello").unwrap_err().to_string().starts_with("Could not unzip uploaded file."));
        let empty = unpacked(&archive(|_| {})).unwrap_err();
        assert_eq!(empty.to_string(), "Uploaded file must be a non-empty zip");
    }
}
