//! Access keys: those that callers may sign with, from a file in the format of AWS's credentials files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// An access key.
#[derive(Clone, PartialEq, Eq)]
pub struct Key {
    /// What a request names.
    pub access_key_id: String,
    /// What it is signed with.
    pub secret_access_key: String,
    /// What a request must bring besides, where the key is a session's.
    pub session_token: Option<String>,
}

/// Secrets are nobody's business.
impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Key").field("access_key_id", &self.access_key_id).finish_non_exhaustive()
    }
}

/// The access keys of a listener's callers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Keys {
    by_id: BTreeMap<String, Key>,
}

/// Why a file with keys cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{}{}: {problem}", file.display(), line.map(|line| format!(":{line}")).unwrap_or_default())]
pub struct KeysError {
    file: PathBuf,
    line: Option<usize>,
    problem: String,
}

const ID: &str = "aws_access_key_id";
const SECRET: &str = "aws_secret_access_key";
const TOKEN: &str = "aws_session_token";

impl Keys {
    /// Reads the keys of every profile in `file`: `[profile]` lines, each with `aws_access_key_id`,
    /// `aws_secret_access_key` and, for a session's key, `aws_session_token` below. Other settings are passed over.
    ///
    /// # Errors
    /// The file cannot be read, or has a profile without a whole key, a key twice, or none.
    pub fn read(file: &Path) -> Result<Self, KeysError> {
        let refused = |(line, problem)| KeysError { file: file.to_owned(), line, problem };
        let text =
            std::fs::read_to_string(file).map_err(|error| refused((None, format!("cannot be read: {error}"))))?;
        Self::parse(&text).map_err(refused)
    }

    fn parse(text: &str) -> Result<Self, (Option<usize>, String)> {
        let mut keys = Self::default();
        for profile in profiles(text)? {
            let at = Some(profile.line);
            let key = profile.key().map_err(|problem| (at, problem))?;
            let twice = format!("the key {} is there twice", key.access_key_id);
            if !keys.add(key) {
                return Err((at, twice));
            }
        }
        if keys.by_id.is_empty() {
            return Err((
                None,
                format!("has no key: write a line [default], and below it {ID} = ... and {SECRET} = ..."),
            ));
        }
        Ok(keys)
    }

    /// Adds a key; `false` where its id is there already.
    pub fn add(&mut self, key: Key) -> bool {
        self.by_id.insert(key.access_key_id.clone(), key).is_none()
    }

    /// The key of this id.
    pub(crate) fn find(&self, id: &str) -> Option<&Key> {
        self.by_id.get(id)
    }
}

/// A section of the file.
struct Profile<'a> {
    name: &'a str,
    line: usize,
    settings: BTreeMap<String, &'a str>,
}

impl Profile<'_> {
    fn key(&self) -> Result<Key, String> {
        let setting = |name: &str| self.settings.get(name).filter(|value| !value.is_empty());
        let whole = |name: &str| {
            setting(name).map(ToString::to_string).ok_or_else(|| format!("the profile '{}' has no {name}", self.name))
        };
        let token = setting(TOKEN).map(ToString::to_string);
        Ok(Key { access_key_id: whole(ID)?, secret_access_key: whole(SECRET)?, session_token: token })
    }
}

fn profiles(text: &str) -> Result<Vec<Profile<'_>>, (Option<usize>, String)> {
    let mut profiles: Vec<Profile<'_>> = Vec::new();
    for (number, line) in text.lines().enumerate().map(|(index, line)| (index + 1, line.trim())) {
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            profiles.push(Profile { name: name.trim(), line: number, settings: BTreeMap::new() });
            continue;
        }
        let Some((name, value)) = line.split_once('=') else {
            // What a secret stands on is not repeated.
            return Err((Some(number), "is neither [PROFILE] nor NAME = VALUE".to_owned()));
        };
        let Some(profile) = profiles.last_mut() else {
            return Err((Some(number), "stands before the first profile: write a line [default] above it".to_owned()));
        };
        profile.settings.insert(name.trim().to_ascii_lowercase(), value.trim());
    }
    Ok(profiles)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(text: &str) -> String {
        let (line, problem) = Keys::parse(text).unwrap_err();
        format!("{line:?} {problem}")
    }

    #[test]
    fn keys_of_every_profile_are_read() {
        let text = "# ours\n[default]\naws_access_key_id = AKIA1\naws_secret_access_key=s/e=cret\nregion = x\n\n\
                    [ops]\nAWS_ACCESS_KEY_ID=ASIA2\naws_secret_access_key = b\naws_session_token = t\n";
        let keys = Keys::parse(text).unwrap();
        assert_eq!(keys.find("AKIA1").unwrap().secret_access_key, "s/e=cret");
        assert_eq!(keys.find("ASIA2").unwrap().session_token.as_deref(), Some("t"));
        assert!(keys.find("AKIA3").is_none());
        assert!(!format!("{keys:?}").contains("cret"));
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line_and_no_secret() {
        assert!(problem("").contains("has no key"));
        assert!(
            problem("[a]\naws_access_key_id = A\n").contains("Some(1) the profile 'a' has no aws_secret_access_key")
        );
        assert!(problem("aws_access_key_id = A\n").contains("Some(1) stands before the first profile"));
        let twice =
            "[a]\naws_access_key_id=A\naws_secret_access_key=x\n[b]\naws_access_key_id=A\naws_secret_access_key=y";
        assert_eq!(problem(twice), "Some(4) the key A is there twice");
        let stray = problem("[a]\nmysecret");
        assert!(stray.contains("Some(2)") && !stray.contains("mysecret"), "{stray}");
        let gone = Keys::read(Path::new("/nowhere/keys")).unwrap_err().to_string();
        assert!(gone.starts_with("/nowhere/keys: cannot be read: "), "{gone}");
    }
}
