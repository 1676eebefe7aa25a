//! Third-party tools from PyPI, pinned, each set in a virtual environment of its own under the target directory.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::failure::{During, Failure};
use crate::{json, process, settings, workspace};

/// Translator, linter and emulator.
const CHAIN: (&str, &str) = ("tools", "infra/aws/checks/requirements.txt");
/// Checkov by itself: it wants other versions of what the others share.
const CHECKOV: (&str, &str) = ("checkov", "infra/aws/checks/requirements-checkov.txt");

/// The environments.
#[derive(Debug)]
pub(crate) struct Tools {
    chain: PathBuf,
    checkov: PathBuf,
}

impl Tools {
    /// Installs what is missing. `Ok(None)`: something is, and may not or cannot be installed.
    pub(crate) fn install(root: &Path) -> Result<Option<Self>, Failure> {
        let folder = workspace::target(root)?.join("infra");
        let mut found = Vec::new();
        for (name, requirements) in [CHAIN, CHECKOV] {
            let environment = folder.join(name);
            if !environment_of(&environment, &root.join(requirements))? {
                return Ok(None);
            }
            found.push(environment);
        }
        let [chain, checkov] = <[PathBuf; 2]>::try_from(found).map_err(|_| Failure::new("two environments"))?;
        Ok(Some(Self { chain, checkov }))
    }

    /// A program of the chain's environment, or its Python.
    pub(crate) fn chain(&self, program: &str) -> Command {
        Command::new(self.chain.join("bin").join(program))
    }

    /// Checkov.
    pub(crate) fn checkov(&self) -> Command {
        Command::new(self.checkov.join("bin/checkov"))
    }

    /// What cfn-lint knows of IAM: every action, and the resources on which it can be allowed.
    pub(crate) fn policies(&self) -> Result<serde_json::Value, Failure> {
        let mut find = self.chain("python");
        find.args(["-c", "import cfnlint; print(cfnlint.__path__[0])"]).stdout(Stdio::piped());
        let folder = process::output(find, "python -c 'import cfnlint'")?;
        let folder = PathBuf::from(String::from_utf8_lossy(&folder).trim());
        let path = folder.join("data/AdditionalSpecs/Policies.json");
        serde_json::from_str(&json::read(&path)?).during(|| format!("{} is not JSON", path.display()))
    }
}

/// Makes an environment that has exactly these requirements.
fn environment_of(folder: &Path, requirements: &Path) -> Result<bool, Failure> {
    let wanted = json::read(requirements)?;
    let installed = folder.join("requirements.txt");
    if std::fs::read_to_string(&installed).is_ok_and(|has| has == wanted) {
        return Ok(true);
    }
    let Some(python) = settings::find("python3").filter(|_| settings::may_install()) else { return Ok(false) };
    println!("  installing {} into {}", requirements.display(), folder.display());
    let mut create = Command::new(python);
    create.args(["-m", "venv", "--clear"]).arg(folder);
    process::run(create, "python3 -m venv (on Debian: apt-get install python3-venv)")?;
    let mut install = Command::new(folder.join("bin/pip"));
    install.args(["install", "--quiet", "--disable-pip-version-check", "--requirement"]).arg(requirements);
    process::run(install, &format!("pip install -r {} (Python 3.11 or later)", requirements.display()))?;
    std::fs::write(&installed, wanted).during(|| format!("{} cannot be written", installed.display()))?;
    Ok(true)
}
