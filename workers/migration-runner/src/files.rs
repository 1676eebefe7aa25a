//! The folder of a target's migrations.

use operations::Error;
use operations::error::Kind;
use operations::migration::Migration;
use operations::migration::file::read_all;
use std::collections::BTreeMap;
use std::path::Path;

/// Reads the migrations of a folder below the root of all.
///
/// # Errors
/// `Ops.ConfigInvalid` when there is no such folder, or a file in it is no migration.
pub(crate) fn read(root: &str, directory: &str) -> Result<Vec<Migration>, Error> {
    let folder = Path::new(root).join(directory);
    let bad = |path: &Path, problem: &str| {
        let remedy = "put the folder where MIGRATIONS_PATH points";
        Error::new(Kind::ConfigInvalid, format!("{} cannot be read: {problem}: {remedy}", path.display()))
    };
    let mut files = BTreeMap::new();
    for entry in std::fs::read_dir(&folder).map_err(|problem| bad(&folder, &problem.to_string()))? {
        let path = entry.map_err(|problem| bad(&folder, &problem.to_string()))?.path();
        let Some(name) = path.file_name().map(|name| name.to_string_lossy().into_owned()) else { continue };
        if path.extension().is_some_and(|extension| extension == "sql") {
            let text = std::fs::read_to_string(&path).map_err(|problem| bad(&path, &problem.to_string()))?;
            files.insert(name, text);
        }
    }
    read_all(&files)
}
