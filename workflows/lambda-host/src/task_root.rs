//! `/var/task`: where a created function finds its code on AWS, and, where the system lets a process have mounts of its
//! own (Linux), here as well. Stack traces, absolute paths and what must not be written to are then as on AWS.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::process::Command;
use tokio::sync::OnceCell;

/// Where functions see their code.
pub(crate) const TASK_ROOT: &str = "/var/task";

/// Mounts the code `$1` at `/var/task`, for this process alone, and becomes the program that follows. Where there is no
/// `/var/task` to mount on, `/var` becomes a folder of its own at `$2` with all that is in it, and a `task` besides. What
/// is read-only stays so where a system does not let it be said.
const SCRIPT: &str = r#"set -e
code=$1 stage=$2
shift 2
if [ ! -d /var/task ]; then
    mount -t tmpfs -o mode=755,size=1m task "$stage"
    for entry in /var/* /var/.[!.]*; do
        place=$stage/${entry##*/}
        if [ -L "$entry" ]; then
            cp -P "$entry" "$place"
        elif [ -d "$entry" ]; then
            mkdir "$place"
            mount --rbind "$entry" "$place"
        elif [ -e "$entry" ]; then
            : > "$place"
            mount --bind "$entry" "$place"
        fi
    done
    mkdir "$stage/task"
    mount --rbind "$stage" /var
fi
mount --bind "$code" /var/task
mount -o remount,bind,ro /var/task 2> /dev/null || :
cd /var/task
exec "$@"
"#;

/// The two ways to have mounts of one's own: as root, and as anybody else.
const WAYS: [&[&str]; 2] = [&["--mount"], &["--map-root-user", "--mount"]];

/// The way to `/var/task` on this machine.
#[derive(Debug)]
pub(crate) struct TaskRoot {
    /// A folder to mount on.
    stage: PathBuf,
    way: OnceCell<Option<&'static [&'static str]>>,
}

impl TaskRoot {
    pub(crate) fn new(stage: PathBuf) -> Self {
        Self { stage, way: OnceCell::new() }
    }

    /// What starts a program with `code` at `/var/task`: a program and its first arguments. `None` where the system does
    /// not let that be done; functions then see their code where it lies.
    pub(crate) async fn before(&self, code: &Path) -> Option<(PathBuf, Vec<OsString>)> {
        let way = *self.way.get_or_init(|| self.find(code)).await;
        Some((PathBuf::from("unshare"), self.arguments(way?, code)))
    }

    fn arguments(&self, way: &[&str], code: &Path) -> Vec<OsString> {
        let mut arguments: Vec<OsString> = way.iter().map(OsString::from).collect();
        arguments.extend(["--", "sh", "-c", SCRIPT, "task"].map(OsString::from));
        arguments.extend([code.into(), self.stage.clone().into()]);
        arguments
    }

    async fn find(&self, code: &Path) -> Option<&'static [&'static str]> {
        for way in WAYS {
            let mut command = Command::new("unshare");
            command.args(self.arguments(way, code)).arg("true").stdin(Stdio::null()).kill_on_drop(true);
            match command.output().await {
                Ok(output) if output.status.success() => return Some(way),
                Ok(output) => {
                    let problem = String::from_utf8_lossy(&output.stderr).trim().to_owned();
                    tracing::debug!(?way, problem, "no mounts of one's own");
                }
                Err(error) => tracing::debug!(%error, "there is no unshare"),
            }
        }
        tracing::info!("created functions see their code where it lies: {TASK_ROOT} cannot be mounted on this machine");
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_program_sees_the_code_at_var_task_and_nobody_else_does() {
        let (code, stage) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        std::fs::write(code.path().join("app.py"), "x = 1").unwrap();
        let was_there = Path::new(TASK_ROOT).exists();
        let task_root = TaskRoot::new(stage.path().to_owned());
        let Some((program, arguments)) = task_root.before(code.path()).await else {
            println!("skipped: this system does not let a process have mounts of its own");
            return;
        };
        let script = "pwd; cat app.py; ls /var | wc -l; touch x 2> /dev/null || echo read-only";
        let output = Command::new(program).args(arguments).args(["sh", "-c", script]).output().await.unwrap();
        let told = String::from_utf8(output.stdout).unwrap();
        assert!(told.starts_with("/var/task\nx = 1"), "{told}");
        assert_eq!(Path::new(TASK_ROOT).exists(), was_there);
        assert_eq!(std::fs::read_dir(stage.path()).unwrap().count(), 0);
    }
}
