//! The definitions under statemachines/, as the tests read them.

mod conventions;
mod crashes;
mod deadline;
mod lost;

use std::fs;
use std::path::{Path, PathBuf};

use asl::{Definition, Diagnostic};
use scenario::{Stack, Suite};

/// One folder with a definition.
pub(crate) struct Workflow {
    /// The folder's name, which is the state machine's.
    pub(crate) name: String,
    /// The folder.
    pub(crate) folder: PathBuf,
    /// The definition as it stands in the file.
    pub(crate) text: String,
    /// The definition with the local stack's values for its placeholders.
    pub(crate) resolved: String,
}

impl Workflow {
    pub(crate) fn diagnostics(&self) -> Vec<Diagnostic> {
        let parsed = asl::parse(&self.resolved);
        let mut diagnostics = parsed.diagnostics;
        if let Some(definition) = &parsed.definition {
            diagnostics.extend(evaluate::check(definition));
        }
        diagnostics
    }

    pub(crate) fn definition(&self) -> Definition {
        asl::parse(&self.resolved).definition.unwrap_or_else(|| panic!("{} does not parse", self.name))
    }

    pub(crate) fn suite(&self) -> Suite {
        let path = self.folder.join("scenarios.json");
        Suite::parse(&read(&path), &self.name).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// The snapshots lie beside the definition.
    pub(crate) fn snapshots(&self) -> insta::Settings {
        let mut settings = insta::Settings::clone_current();
        settings.set_snapshot_path(self.folder.join("snapshots"));
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        settings
    }
}

/// The repository's root.
pub(crate) fn root() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    fs::canonicalize(&root).unwrap_or_else(|error| panic!("{}: {error}", root.display()))
}

pub(crate) fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Every workflow, by path.
pub(crate) fn workflows() -> Vec<Workflow> {
    let mut folders = Vec::new();
    find(&root().join("statemachines"), &mut folders);
    folders.sort();
    let name = |folder: &PathBuf| folder.file_name().expect("a folder has a name").to_string_lossy().into_owned();
    let names: Vec<String> = folders.iter().map(name).collect();
    let stack = stack();
    let workflow = |folder: PathBuf| {
        let text = read(&folder.join("definition.asl.json"));
        let resolved = stack.resolve(&text, &names).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        Workflow { name: name(&folder), folder, text, resolved }
    };
    folders.into_iter().map(workflow).collect()
}

pub(crate) fn stack() -> Stack {
    Stack::parse(&read(&root().join("infra/local/stack.json"))).expect("stack.json is a stack file")
}

fn find(folder: &Path, found: &mut Vec<PathBuf>) {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    for entry in entries {
        let path = entry.expect("a readable folder").path();
        if path.is_dir() {
            find(&path, found);
        } else if path.ends_with("definition.asl.json") {
            found.push(folder.to_path_buf());
        }
    }
}

/// The file name, without its ending, of a case's snapshot.
pub(crate) fn snapshot_name(case: &str) -> String {
    case.to_lowercase().replace(|letter: char| !letter.is_alphanumeric(), "-")
}
