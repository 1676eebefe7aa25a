//! Who may call the server, and how often: keys, TLS, throttles.

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

use api::{Bucket, Throttle};
use engine::aws::{Credentials, Signers};
use listener::{Key, Keys, Tls};
use serde::Deserialize;

use super::AwsEndpoint;
use crate::environment;
use crate::failure::Failure;

/// What callers must show, and how many requests they may make.
#[derive(Clone, Debug, Default, clap::Args)]
pub(super) struct Options {
    /// Access keys in the format of AWS's credentials file. With them, every request to Step Functions, Lambda and the
    /// sandbox must be signed with one of them (Signature Version 4), as any AWS SDK does.
    #[arg(long, value_name = "FILE")]
    credentials: Option<PathBuf>,
    /// The certificate chain, in PEM, that Step Functions and Lambda show to callers: https for other machines; callers
    /// on this one may go on with http.
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_certificate: Option<PathBuf>,
    /// The private key of that certificate, in PEM.
    #[arg(long, value_name = "FILE", requires = "tls_certificate")]
    tls_key: Option<PathBuf>,
    /// Listens for other machines, the sandbox too, whatever they may do here: anybody who reaches --listen may, without
    /// --credentials, start and stop executions and run any program.
    #[arg(long)]
    insecure: bool,
    /// Refuses requests beyond a rate, with ThrottlingException; may be repeated. `aws`: what AWS gives an account in
    /// the region. `OPERATION=SIZE,REFILL`: so many at once, and so many per second. Or a JSON file:
    /// {"OPERATION": {"size": 100, "refill": 1}}.
    #[arg(long, value_name = "aws|OPERATION=SIZE,REFILL|FILE")]
    throttle: Vec<String>,
}

/// The same, read.
#[derive(Clone, Debug)]
pub(super) struct Protection {
    /// The callers' keys, with our own.
    keys: Option<Arc<Keys>>,
    /// What the server's own parts sign with, where there are keys: drawn anew at each start.
    own: Option<Key>,
    tls: Option<Tls>,
    throttle: Throttle,
    insecure: bool,
}

impl Options {
    /// Reads and checks what protects a server that listens on `listen`.
    pub(super) fn read(&self, listen: IpAddr, region: &str, endpoint: &AwsEndpoint) -> Result<Protection, Failure> {
        if !listen.is_loopback() && self.credentials.is_none() && !self.insecure {
            let message = format!(
                "--listen: anybody who reaches {listen} could start executions and run any program on this machine"
            );
            return Err(Failure::usage(message).remedy(
                "give --credentials FILE with the keys that callers must sign with, or say --insecure where only friends \
                 reach it",
            ));
        }
        let mut keys = self
            .credentials
            .as_deref()
            .map(Keys::read)
            .transpose()
            .map_err(|error| Failure::usage(format!("--credentials: {error}")))?;
        let own = keys.as_mut().map(|keys| own_key(keys, endpoint));
        Ok(Protection {
            keys: keys.map(Arc::new),
            own,
            tls: self.tls()?,
            throttle: self.throttle(region)?,
            insecure: self.insecure,
        })
    }

    fn tls(&self) -> Result<Option<Tls>, Failure> {
        let (Some(certificate), Some(key)) = (&self.tls_certificate, &self.tls_key) else { return Ok(None) };
        let tls = Tls::read(certificate, key);
        tls.map(Some).map_err(|error| Failure::usage(format!("--tls-certificate, --tls-key: {error}")))
    }

    fn throttle(&self, region: &str) -> Result<Throttle, Failure> {
        let mut throttle = Throttle::none();
        for given in &self.throttle {
            let read = match given.split_once('=') {
                _ if given == "aws" => {
                    throttle = Throttle::aws(region);
                    Ok(())
                }
                Some((operation, bucket)) => parse(bucket).and_then(|bucket| throttle.set(operation, bucket)),
                None => add_file(&mut throttle, given),
            };
            read.map_err(|problem| Failure::usage(format!("--throttle: {given}: {problem}")))?;
        }
        Ok(throttle)
    }
}

/// Draws the key of the server's own parts, and accepts it. What talks to AWS itself signs with AWS's keys and cannot
/// have two: then those of the environment are accepted, too.
fn own_key(keys: &mut Keys, endpoint: &AwsEndpoint) -> Key {
    let secret = engine::secret();
    let id: String = secret.chars().take(16).collect();
    let key = Key {
        access_key_id: format!("SELF{}", id.to_uppercase()),
        secret_access_key: engine::secret(),
        session_token: None,
    };
    keys.add(key.clone());
    if *endpoint == AwsEndpoint::Aws
        && let (Some(access_key_id), Some(secret_access_key)) =
            (environment::variable("AWS_ACCESS_KEY_ID"), environment::variable("AWS_SECRET_ACCESS_KEY"))
    {
        let session_token = environment::variable("AWS_SESSION_TOKEN");
        keys.add(Key { access_key_id, secret_access_key, session_token });
    }
    key
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct BucketInFile {
    size: u32,
    refill: f64,
}

fn parse(text: &str) -> Result<Bucket, String> {
    let numbers = text.split_once(',').and_then(|(size, refill)| {
        Some(Bucket { size: size.trim().parse().ok()?, refill: refill.trim().parse().ok()? })
    });
    numbers.ok_or_else(|| "give OPERATION=SIZE,REFILL, such as StartExecution=1300,300".to_owned()).and_then(checked)
}

fn checked(bucket: Bucket) -> Result<Bucket, String> {
    let good = bucket.size > 0 && bucket.refill.is_finite() && bucket.refill >= 0.0;
    good.then_some(bucket).ok_or_else(|| "the size must be at least 1, and the refill at least 0 per second".to_owned())
}

fn add_file(throttle: &mut Throttle, file: &str) -> Result<(), String> {
    let text = std::fs::read_to_string(file).map_err(|error| format!("cannot be read: {error}"))?;
    let buckets: std::collections::BTreeMap<String, BucketInFile> =
        serde_json::from_str(&text).map_err(|error| error.to_string())?;
    for (operation, BucketInFile { size, refill }) in buckets {
        throttle.set(&operation, checked(Bucket { size, refill })?)?;
    }
    Ok(())
}

impl Protection {
    /// Where the sandbox listens: it is for trying, and leaves this machine only where somebody insists.
    pub(super) const fn sandbox_address(&self, listen: IpAddr) -> IpAddr {
        if self.insecure { listen } else { IpAddr::V4(std::net::Ipv4Addr::LOCALHOST) }
    }

    /// What the API goes by.
    pub(super) fn api(&self, listen: std::net::SocketAddr) -> api::Options {
        let connections = self.connections();
        api::Options {
            connections,
            keys: self.keys.clone(),
            throttle: self.throttle.clone(),
            ..api::Options::on(listen)
        }
    }

    /// The bounds of a listener's connections, with the certificate.
    pub(super) fn connections(&self) -> listener::Options {
        listener::Options { tls: self.tls.clone(), ..listener::Options::default() }
    }

    /// What requests must be signed with.
    pub(super) fn keys(&self) -> Option<Arc<Keys>> {
        self.keys.clone()
    }

    /// Who may call the sandbox.
    pub(super) fn sandbox(&self) -> Option<sandbox::Access> {
        Some(sandbox::Access { keys: self.keys.clone()?, own: self.own.clone()? })
    }

    /// What the engine signs its calls with, where AWS is at `endpoint`.
    pub(super) fn signers(&self, endpoint: &AwsEndpoint) -> Signers {
        let own = self.own.as_ref().map(|key| Credentials::new(&key.access_key_id, &key.secret_access_key, None));
        Signers { aws: own.clone().filter(|_| *endpoint == AwsEndpoint::Sandbox), lambda: own }
    }

    /// Key id and secret of functions and workers that do not talk to AWS itself.
    pub(super) fn key_of_parts(&self) -> (String, String) {
        let test = || ("test".to_owned(), "test".to_owned());
        self.own.as_ref().map_or_else(test, |key| (key.access_key_id.clone(), key.secret_access_key.clone()))
    }

    /// Whether requests must be signed.
    pub(super) const fn has_keys(&self) -> bool {
        self.own.is_some()
    }

    /// `https` where there is a certificate.
    pub(super) const fn scheme(&self) -> &'static str {
        if self.tls.is_some() { "https" } else { "http" }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANYWHERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED);
    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    fn read(options: &Options, listen: IpAddr) -> Result<Protection, Failure> {
        options.read(listen, "us-east-1", &AwsEndpoint::Sandbox)
    }

    #[test]
    fn other_machines_need_keys_or_a_word() {
        let failure = read(&Options::default(), ANYWHERE).unwrap_err();
        assert!(failure.message.starts_with("--listen: "), "{}", failure.message);
        assert!(failure.remedy.unwrap().contains("--credentials FILE"));
        assert!(read(&Options::default(), HERE).is_ok());
        let insecure = read(&Options { insecure: true, ..Options::default() }, ANYWHERE).unwrap();
        assert_eq!((insecure.sandbox_address(ANYWHERE), insecure.keys()), (ANYWHERE, None));
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("keys");
        std::fs::write(&file, "[default]\naws_access_key_id = A\naws_secret_access_key = b\n").unwrap();
        let signed = read(&Options { credentials: Some(file), ..Options::default() }, ANYWHERE).unwrap();
        assert_eq!(signed.sandbox_address(ANYWHERE), HERE);
        let (own, other) = (signed.key_of_parts(), signed.sandbox().unwrap().own);
        assert!(own.0 == other.access_key_id && own.1.len() == 64, "{own:?}");
        assert!(signed.signers(&AwsEndpoint::Sandbox).aws.is_some());
        assert!(signed.signers(&AwsEndpoint::Aws).aws.is_none() && signed.signers(&AwsEndpoint::Aws).lambda.is_some());
    }

    #[test]
    fn files_that_cannot_be_used_are_named_with_their_option() {
        let gone = || Some(PathBuf::from("/nowhere"));
        let keys = Options { credentials: gone(), ..Options::default() };
        assert!(read(&keys, HERE).unwrap_err().message.starts_with("--credentials: /nowhere: cannot be read"));
        let tls = Options { tls_certificate: gone(), tls_key: gone(), ..Options::default() };
        assert!(read(&tls, HERE).unwrap_err().message.starts_with("--tls-certificate, --tls-key: /nowhere: "));
    }

    #[test]
    fn throttles_come_from_aws_the_line_or_a_file() {
        let given = |throttle: &[&str]| {
            let throttle = throttle.iter().map(ToString::to_string).collect();
            Options { throttle, ..Options::default() }.throttle("us-east-1")
        };
        let some = given(&["aws", "ListActivities=5,0.5"]).unwrap();
        assert_eq!(some.bucket("ListActivities"), Some(Bucket { size: 5, refill: 0.5 }));
        assert_eq!(some.bucket("StopExecution"), Some(Bucket { size: 1000, refill: 200.0 }));
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("throttle");
        std::fs::write(&file, r#"{"TagResource": {"size": 2, "refill": 1}}"#).unwrap();
        let file = file.display().to_string();
        assert_eq!(given(&[&file]).unwrap().bucket("TagResource"), Some(Bucket { size: 2, refill: 1.0 }));
        for (bad, wanted) in [
            ("Fly=1,1", "is no operation"),
            ("ListActivities=0,1", "at least 1"),
            ("ListActivities=many", "OPERATION=SIZE,REFILL"),
            ("/nowhere", "cannot be read"),
        ] {
            let message = given(&[bad]).unwrap_err().message;
            assert!(message.starts_with(&format!("--throttle: {bad}: ")) && message.contains(wanted), "{message}");
        }
    }
}
