//! JSON files: found, read, and written only when they change.

use std::path::{Path, PathBuf};

use crate::failure::{During, Failure};

/// Every file of this name under a folder, in order. A folder that does not exist has none.
pub(crate) fn find(folder: &Path, name: &str) -> Result<Vec<PathBuf>, Failure> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop().filter(|folder| folder.exists()) {
        let entries = std::fs::read_dir(&folder).during(|| format!("{} cannot be read", folder.display()))?;
        for entry in entries {
            let path = entry.during(|| format!("{} cannot be read", folder.display()))?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.file_name().is_some_and(|own| own == name) {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// A file's text.
pub(crate) fn read(path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path).during(|| format!("{} cannot be read", path.display()))
}

/// Writes a file whole: a crash leaves the old one.
pub(crate) fn write(path: &Path, text: &str) -> Result<(), Failure> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let write = || -> std::io::Result<()> {
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        std::io::Write::write_all(&mut file, text.as_bytes())?;
        let permissions = std::fs::metadata(path)?.permissions();
        file.as_file().set_permissions(permissions)?;
        file.persist(path)?;
        Ok(())
    };
    write().during(|| format!("{} cannot be written", path.display()))
}
