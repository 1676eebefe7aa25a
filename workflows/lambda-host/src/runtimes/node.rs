//! Node.js: AWS's `aws-lambda-ric`, built by npm.
//!
//! It comes without a build of its native part, so npm compiles it: that takes a C++ compiler, make, tar with xz, and
//! cmake. Where there is no cmake, the one that PyPI has is put into the cache.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::tool::Tool;
use super::{Client, Runtimes};

const CLIENT: &str = "aws-lambda-ric@4.0.2";
const FOLDER: &str = "aws-lambda-ric-4.0.2";
const CMAKE: &str = "cmake==3.31.10";
const CMAKE_FOLDER: &str = "cmake-3.31.10";
/// The oldest Node.js on which the client was seen to work.
const OLDEST: u32 = 20;

/// An interpreter.
#[derive(Debug, PartialEq, Eq)]
struct Node {
    program: PathBuf,
    major: u32,
    version: String,
}

/// The client for `nodejsMAJOR.x`.
pub(super) async fn client(runtimes: &Runtimes, major: u32) -> Result<Client, String> {
    let node = interpreter(major).await?;
    let name = format!("nodejs{}-{FOLDER}", node.major);
    let folder = runtimes.cache.join(&name);
    let entry = folder.join("node_modules/aws-lambda-ric");
    if !entry.join("rapid-client.node").is_file() {
        install(runtimes, &name, &node).await?;
    }
    let asked = if node.major == major { String::new() } else { format!(" (there is no Node.js {major} here)") };
    let version = format!("nodejs:{}{asked}", node.version);
    let arguments = vec![entry.join("index.mjs").to_string_lossy().into_owned()];
    Ok(Client { program: node.program, arguments, version, folder })
}

async fn interpreter(major: u32) -> Result<Node, String> {
    let remedy = format!("install Node.js {major} so that `node` is found, and invoke the function again");
    let probe = "console.log(process.execPath + '\\n' + process.versions.node)";
    let told = Tool::new("node", ["-e", probe]).run().await;
    let told = told.map_err(|problem| format!("there is no Node.js: {problem}; {remedy}"))?;
    match read(&told) {
        Some(node) if node.major == major => Ok(node),
        Some(node) if node.major >= OLDEST => {
            tracing::warn!("functions of nodejs{major}.x run with Node.js {}; {remedy}", node.version);
            Ok(node)
        }
        Some(node) => Err(format!("Node.js {} is too old; {remedy}", node.version)),
        None => Err(format!("`node` does not say what it is: {told:?}; {remedy}")),
    }
}

fn read(told: &str) -> Option<Node> {
    let (program, version) = told.trim().split_once('\n')?;
    let major = version.split('.').next()?.parse().ok()?;
    Some(Node { program: program.into(), major, version: version.to_owned() })
}

async fn install(runtimes: &Runtimes, name: &str, node: &Node) -> Result<(), String> {
    let unfinished = runtimes.unfinished(name)?;
    let path = search_path(runtimes).await?;
    std::fs::create_dir(&unfinished.folder)
        .map_err(|error| format!("{} cannot be made: {error}", unfinished.folder.display()))?;
    let folder = unfinished.folder.as_os_str();
    let flags = ["install", "--no-audit", "--no-fund", "--ignore-scripts=false", "--foreground-scripts", CLIENT];
    let mut arguments: Vec<OsString> = vec!["--prefix".into(), folder.to_owned()];
    arguments.extend(flags.map(OsString::from));
    let mut npm = Tool::new("npm", arguments).variable("PATH", path);
    if let Some(headers) = headers(&node.program) {
        npm = npm.variable("npm_config_nodedir", headers);
    }
    npm.run().await.map_err(|problem| {
        format!(
            "{problem}; npm needs a way to its registry, and, since {CLIENT} is built here, a C++ compiler, make, \
                 tar with xz, python3 and cmake (on Debian: apt install npm g++ make xz-utils python3 cmake)"
        )
    })?;
    unfinished.finish()
}

/// Where this Node.js keeps the headers that native parts are compiled with; without them npm fetches some.
fn headers(program: &Path) -> Option<PathBuf> {
    let prefix = program.parent()?.parent()?;
    prefix.join("include/node/node.h").is_file().then(|| prefix.to_owned())
}

/// `PATH` with a cmake.
async fn search_path(runtimes: &Runtimes) -> Result<OsString, String> {
    let path = crate::process::search_path().unwrap_or_default();
    if Tool::new("cmake", ["--version"]).run().await.is_ok() {
        return Ok(path.into());
    }
    let folder = runtimes.cache.join(CMAKE_FOLDER);
    if !folder.join("bin/cmake").is_file() {
        install_cmake(runtimes).await.map_err(|problem| {
            format!(
                "there is no cmake, and it cannot be had from PyPI: {problem}; install cmake (on Debian: apt install \
                     cmake)"
            )
        })?;
    }
    let mut with_cmake = folder.join("bin").into_os_string();
    with_cmake.push(":");
    with_cmake.push(path);
    Ok(with_cmake)
}

async fn install_cmake(runtimes: &Runtimes) -> Result<(), String> {
    let unfinished = runtimes.unfinished(CMAKE_FOLDER)?;
    let place = unfinished.place.clone();
    // Its scripts name the folder they were made in: it is made in place, and taken away when that fails.
    let made = make_cmake(&place).await;
    if made.is_err() {
        let _ = std::fs::remove_dir_all(&place);
    }
    made
}

async fn make_cmake(place: &Path) -> Result<(), String> {
    Tool::new("python3", ["-m".as_ref(), "venv".as_ref(), place.as_os_str()]).run().await?;
    let arguments = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--only-binary=:all:", CMAKE];
    Tool::new(place.join("bin/python3"), arguments).run().await.map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interpreter_says_where_it_is_and_what() {
        let node = read("/usr/bin/node\n20.20.2\n").unwrap();
        assert_eq!(node, Node { program: "/usr/bin/node".into(), major: 20, version: "20.20.2".into() });
        assert_eq!(read("v20"), None);
    }

    #[test]
    fn a_folder_is_named_after_what_is_in_it() {
        assert_eq!(FOLDER, CLIENT.replace('@', "-"));
        assert_eq!(CMAKE_FOLDER, CMAKE.replace("==", "-"));
    }
}
