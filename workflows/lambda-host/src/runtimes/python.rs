//! Python: AWS's `awslambdaric` in a virtual environment of its own, with the `boto3` that AWS's runtime has.

use std::path::{Path, PathBuf};

use super::tool::Tool;
use super::{Client, Runtimes};

/// What is installed: the client, and the SDK that functions on AWS find there.
const CLIENT: &str = "awslambdaric==4.2.2";
const SDK: &str = "boto3==1.42.97";
/// The name of a client's folder, after the interpreter's version.
const FOLDER: &str = "awslambdaric-4.2.2-boto3-1.42.97";
/// The oldest Python that the client has.
const OLDEST: u32 = 10;

/// An interpreter.
#[derive(Debug, PartialEq, Eq)]
struct Python {
    program: PathBuf,
    minor: u32,
    version: String,
}

/// The client for `python3.MINOR`.
pub(super) async fn client(runtimes: &Runtimes, minor: u32) -> Result<Client, String> {
    let python = interpreter(minor).await?;
    let name = format!("python3.{}-{FOLDER}", python.minor);
    let folder = runtimes.cache.join(&name);
    let program = folder.join("bin/python3");
    if !works(&program).await {
        install(runtimes, &name, &python).await?;
    }
    let asked = if python.minor == minor { String::new() } else { format!(" (there is no python3.{minor} here)") };
    let version = format!("python:{}{asked}", python.version);
    let arguments = ["-m", "awslambdaric"].map(str::to_owned).to_vec();
    Ok(Client { program, arguments, version, folder })
}

/// The interpreter of that version; where there is none, the one that `python3` is.
async fn interpreter(minor: u32) -> Result<Python, String> {
    let exact = format!("python3.{minor}");
    // pyenv keeps versions that are not selected from being found, unless it is told which one is meant.
    let named = look(Tool::new(&exact, probe()).variable("PYENV_VERSION", format!("3.{minor}"))).await;
    if let Ok(python) = named {
        return Ok(python);
    }
    let remedy = format!("install Python 3.{minor} so that `{exact}` is found, and invoke the function again");
    match look(Tool::new("python3", probe())).await {
        Ok(python) if python.minor >= OLDEST => {
            tracing::warn!("{exact} is not found: its functions run with Python {}; {remedy}", python.version);
            Ok(python)
        }
        Ok(python) => Err(format!("{exact} is not found, and Python {} is too old; {remedy}", python.version)),
        Err(problem) => Err(format!("there is no Python: {problem}; {remedy}")),
    }
}

fn probe() -> [&'static str; 2] {
    ["-c", "import sys; print(sys.executable); print('.'.join(map(str, sys.version_info[:3])))"]
}

async fn look(tool: Tool) -> Result<Python, String> {
    let told = tool.run().await?;
    read(&told).ok_or_else(|| format!("it does not say what it is: {told:?}"))
}

fn read(told: &str) -> Option<Python> {
    let (program, version) = told.trim().split_once('\n')?;
    let minor = version.strip_prefix("3.")?.split('.').next()?.parse().ok()?;
    Some(Python { program: program.into(), minor, version: version.to_owned() })
}

/// Whether the client is there and its native part can be loaded.
async fn works(program: &Path) -> bool {
    program.is_file() && Tool::new(program, ["-c", "import awslambdaric.bootstrap, boto3"]).run().await.is_ok()
}

async fn install(runtimes: &Runtimes, name: &str, python: &Python) -> Result<(), String> {
    let unfinished = runtimes.unfinished(name)?;
    // One that is broken, say because its interpreter is gone.
    let _ = std::fs::remove_dir_all(&unfinished.place);
    let folder = unfinished.folder.as_os_str();
    Tool::new(&python.program, ["-m".as_ref(), "venv".as_ref(), folder]).run().await.map_err(|problem| {
        format!("{problem}; it needs Python's venv and pip (on Debian: apt install python3.{}-venv)", python.minor)
    })?;
    // A wheel where there is one: the client's native part is then built already.
    let arguments = [
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--no-input",
        "--prefer-binary",
        CLIENT,
        SDK,
    ];
    Tool::new(unfinished.folder.join("bin/python3"), arguments).run().await.map_err(|problem| {
        format!(
            "{problem}; pip needs a way to PyPI (or PIP_INDEX_URL), and, where there is no wheel, a C++ compiler, \
                 make, cmake and autoconf"
        )
    })?;
    unfinished.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interpreter_says_where_it_is_and_what() {
        let python = read("/usr/bin/python3.12\n3.12.1\n").unwrap();
        assert_eq!(python, Python { program: "/usr/bin/python3.12".into(), minor: 12, version: "3.12.1".into() });
        assert_eq!(read("2.7"), None);
        assert_eq!(read("/usr/bin/python\n2.7.18\n"), None);
    }

    #[test]
    fn a_folder_is_named_after_what_is_in_it() {
        assert_eq!(FOLDER, format!("{CLIENT}-{SDK}").replace("==", "-"));
    }
}
