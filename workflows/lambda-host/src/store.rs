//! Created functions on the disk: one folder for each, found again when the host starts.
//!
//! ```text
//! NAME/function.json         the settings, which name the code
//! NAME/code-ID/package.zip   the package as it came
//! NAME/code-ID/task/         the package unpacked
//! ```
//! The settings are written last and at once, so a function is there whole or not at all. Code that no settings name is
//! what an interrupted change has left; it goes when the host starts.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use crate::identity;
use crate::package::{self, Defect};
use crate::settings::{Package, Settings};

/// What holds the settings.
const SETTINGS: &str = "function.json";
/// What the folders of code begin with.
const CODE: &str = "code-";

/// Where created functions are kept.
#[derive(Debug)]
pub(crate) struct Store {
    folder: PathBuf,
    /// Held for as long as the store is open: another host must not tidy up here.
    _lock: File,
    _temporary: Option<TempDir>,
}

/// Code on the disk.
#[derive(Debug)]
pub(crate) struct Code {
    folder: PathBuf,
    discarded: AtomicBool,
}

impl Code {
    fn new(folder: PathBuf) -> Arc<Self> {
        Arc::new(Self { folder, discarded: AtomicBool::new(false) })
    }

    /// The package, unpacked.
    pub(crate) fn task(&self) -> PathBuf {
        self.folder.join("task")
    }

    /// The package as it came.
    pub(crate) fn package(&self) -> PathBuf {
        self.folder.join("package.zip")
    }

    /// Lets it go when its last user has.
    pub(crate) fn discard(&self) {
        self.discarded.store(true, Ordering::Relaxed);
    }
}

impl Drop for Code {
    fn drop(&mut self) {
        if self.discarded.load(Ordering::Relaxed) {
            let _ = fs::remove_dir_all(&self.folder);
            // The function's own folder goes with the last thing in it.
            let _ = self.folder.parent().map(fs::remove_dir);
        }
    }
}

impl Store {
    /// Opens the store in `folder`; without one, a temporary one.
    pub(crate) fn open(folder: Option<&Path>) -> io::Result<Self> {
        let temporary = folder.is_none().then(|| tempfile::Builder::new().prefix("stepwright-functions-").tempdir());
        let temporary = temporary.transpose()?;
        let folder = match (&temporary, folder) {
            (Some(temporary), _) => temporary.path().to_owned(),
            (None, folder) => std::path::absolute(folder.unwrap_or(Path::new(".")))?,
        };
        fs::create_dir_all(folder.join(".stage"))?;
        let lock = File::create(folder.join(".lock"))?;
        lock.try_lock().map_err(|error| io::Error::other(format!("another host has it open ({error})")))?;
        Ok(Self { folder, _lock: lock, _temporary: temporary })
    }

    /// An empty folder to mount on.
    pub(crate) fn stage(&self) -> PathBuf {
        self.folder.join(".stage")
    }

    /// Every function kept; what interrupted changes have left goes.
    pub(crate) fn load(&self) -> io::Result<Vec<(Settings, Arc<Code>)>> {
        let mut kept = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            if entry.file_name().to_string_lossy().starts_with('.') || !entry.file_type()?.is_dir() {
                continue;
            }
            let folder = entry.path();
            match fs::read(folder.join(SETTINGS)) {
                Ok(text) => kept.push(found(&folder, &text)?),
                Err(error) if error.kind() == io::ErrorKind::NotFound => fs::remove_dir_all(&folder)?,
                Err(error) => return Err(error),
            }
        }
        Ok(kept)
    }

    /// Unpacks a package for the function `name`.
    pub(crate) fn unpack(&self, name: &str, package: &[u8]) -> Result<(Package, Arc<Code>), Defect> {
        let folder = format!("{CODE}{}", identity::request_id());
        let code = Code::new(self.folder.join(name).join(&folder));
        // Until the function has it.
        code.discard();
        let entry = |source| Defect::Entry { name: ".".to_owned(), source };
        fs::create_dir_all(code.task()).map_err(entry)?;
        package::unpack(package, &code.task())?;
        write(&code.package(), package).map_err(entry)?;
        let sha256 = BASE64_STANDARD.encode(Sha256::digest(package));
        Ok((Package { folder, sha256, size: package.len() }, code))
    }

    /// Keeps a function as it is now.
    pub(crate) fn save(&self, settings: &Settings, code: &Code) -> io::Result<()> {
        let folder = self.folder.join(&settings.name);
        let next = folder.join("function.json.next");
        write(&next, &serde_json::to_vec_pretty(settings)?)?;
        fs::rename(&next, folder.join(SETTINGS))?;
        code.discarded.store(false, Ordering::Relaxed);
        File::open(&folder)?.sync_all()
    }

    /// Forgets a function. Its code goes when its last invocation has ended.
    pub(crate) fn remove(&self, name: &str, code: &Code) -> io::Result<()> {
        let folder = self.folder.join(name);
        fs::remove_file(folder.join(SETTINGS))?;
        code.discard();
        File::open(&folder)?.sync_all()
    }
}

fn write(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(content)?;
    file.sync_all()
}

/// A function that was kept.
fn found(folder: &Path, text: &[u8]) -> io::Result<(Settings, Arc<Code>)> {
    let told = |problem: String| io::Error::other(format!("{}: {problem}", folder.join(SETTINGS).display()));
    let settings: Settings = serde_json::from_slice(text)
        .map_err(|error| told(format!("{error}; mend it, or delete the folder and create the function again")))?;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        if name.to_string_lossy().starts_with(CODE) && name != *settings.code.folder {
            fs::remove_dir_all(entry.path())?;
        }
    }
    let code = Code::new(folder.join(&settings.code.folder));
    if !code.task().is_dir() {
        let package = fs::read(code.package()).map_err(|error| told(format!("its package cannot be read: {error}")))?;
        fs::create_dir_all(code.task())?;
        package::unpack(&package, &code.task()).map_err(|defect| told(defect.to_string()))?;
    }
    Ok((settings, code))
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use zip::write::SimpleFileOptions;

    use super::*;

    fn package(content: &str) -> Vec<u8> {
        let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
        zip.start_file("app.py", SimpleFileOptions::default()).unwrap();
        zip.write_all(content.as_bytes()).unwrap();
        zip.finish().unwrap().into_inner()
    }

    fn create(store: &Store, content: &str) -> (Settings, Arc<Code>) {
        let (package, code) = store.unpack("f", &package(content)).unwrap();
        let settings = Settings { code: package, ..Settings::new("f", "python3.12".parse().unwrap()) };
        store.save(&settings, &code).unwrap();
        (settings, code)
    }

    #[test]
    fn functions_are_found_again_and_what_is_half_done_goes() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(Some(folder.path())).unwrap();
        let (settings, code) = create(&store, "x = 1");
        // Two changes that were interrupted: one of this function, one that was to be the first of another.
        for name in ["f", "g"] {
            let (_, left) = store.unpack(name, &package("x = 2")).unwrap();
            left.discarded.store(false, Ordering::Relaxed);
        }
        // And code that the disk has lost.
        fs::remove_dir_all(code.task()).unwrap();
        drop(store);
        let store = Store::open(Some(folder.path())).unwrap();
        let kept = store.load().unwrap();
        assert_eq!((kept.len(), &kept[0].0), (1, &settings));
        assert_eq!(fs::read(kept[0].1.task().join("app.py")).unwrap(), b"x = 1");
        assert!(!folder.path().join("g").exists());
        assert_eq!(fs::read_dir(folder.path().join("f")).unwrap().count(), 2);
    }

    #[test]
    fn code_goes_with_its_last_user() {
        let store = Store::open(None).unwrap();
        let (_, old) = create(&store, "x = 1");
        let (_, new) = create(&store, "x = 2");
        old.discard();
        let place = old.task();
        assert!(place.is_dir(), "an invocation may still run it");
        drop(old);
        assert!(!place.exists() && new.task().is_dir());
        store.remove("f", &new).unwrap();
        drop(new);
        assert!(!store.folder.join("f").exists());
        assert!(store.load().unwrap().is_empty());
    }

    #[test]
    fn a_package_that_cannot_be_taken_leaves_nothing() {
        let store = Store::open(None).unwrap();
        store.unpack("f", b"no zip").unwrap_err();
        assert!(!store.folder.join("f").exists());
    }

    #[test]
    fn two_hosts_do_not_share_a_store() {
        let folder = tempfile::tempdir().unwrap();
        let _store = Store::open(Some(folder.path())).unwrap();
        let error = Store::open(Some(folder.path())).unwrap_err();
        assert!(error.to_string().contains("another host has it open"), "{error}");
    }

    #[test]
    fn damaged_settings_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(Some(folder.path())).unwrap();
        create(&store, "x = 1");
        fs::write(folder.path().join("f/function.json"), "{").unwrap();
        let error = store.load().unwrap_err().to_string();
        assert!(error.contains("f/function.json: ") && error.contains("mend it"), "{error}");
    }
}
