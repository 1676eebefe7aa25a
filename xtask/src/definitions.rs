//! `cargo xtask asl fmt`: one way to write a definition.

use std::path::{Path, PathBuf};

use crate::failure::{During, Failure};
use crate::json;

/// The definitions of our state machines.
pub(crate) fn find(root: &Path) -> Result<Vec<PathBuf>, Failure> {
    json::find(&root.join("statemachines"), "definition.asl.json")
}

/// Formats every definition, or with `check` only says which are not formatted. Returns a line that says what was
/// done.
pub(crate) fn format(root: &Path, check: bool) -> Result<String, Failure> {
    let definitions = find(root)?;
    let mut changed = Vec::new();
    for path in &definitions {
        let text = json::read(path)?;
        let formatted = asl::format(&text).during(|| format!("{} is not JSON", path.display()))?;
        if formatted != text {
            if !check {
                json::write(path, &formatted)?;
            }
            changed.push(name(root, path));
        }
    }
    let count = definitions.len();
    match changed.as_slice() {
        [] => Ok(format!("{count} definitions, all formatted")),
        changed if check => {
            Err(Failure::new(format!("not formatted: {}; run `cargo xtask asl fmt`", changed.join(", "))))
        }
        changed => Ok(format!("{count} definitions, formatted: {}", changed.join(", "))),
    }
}

/// A path as seen from the repository.
pub(crate) fn name(root: &Path, path: &Path) -> String {
    path.strip_prefix(root).unwrap_or(path).display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNTIDY: &str = r#"{"StartAt":"A","States":{"A":{"Type":"Pass","End":true}}}"#;

    fn repository(text: &str) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("statemachines/shared/approval");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("definition.asl.json"), text).unwrap();
        root
    }

    #[test]
    fn a_check_names_the_file_and_changes_nothing() {
        let root = repository(UNTIDY);
        let failure = format(root.path(), true).unwrap_err().to_string();
        assert!(failure.contains("statemachines/shared/approval/definition.asl.json"), "{failure}");
        assert_eq!(json::read(&find(root.path()).unwrap()[0]).unwrap(), UNTIDY);
    }

    #[test]
    fn what_was_formatted_passes_the_check() {
        let root = repository(UNTIDY);
        format(root.path(), false).unwrap();
        assert_eq!(format(root.path(), true).unwrap(), "1 definitions, all formatted");
    }

    #[test]
    fn a_file_that_is_not_json_is_named() {
        let failure = format(repository("{").path(), false).unwrap_err().to_string();
        assert!(failure.contains("definition.asl.json is not JSON: "), "{failure}");
    }
}
