//! botocore, AWS's own client for Python, from PyPI: it walks our API and holds every answer against AWS's model of it.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::failure::{During, Failure};
use crate::process::{self, Service};
use crate::scratch::Scratch;
use crate::settings;

/// Where the walk is, from the repository.
const FOLDER: &str = "tests/botocore";
const KEYS: &str = "[default]\naws_access_key_id = AKIDWALK\naws_secret_access_key = walk-secret\n";

/// A virtual environment with botocore in it.
#[derive(Debug)]
pub(crate) struct Botocore {
    python: PathBuf,
    /// The folder of the walk.
    folder: PathBuf,
}

impl Botocore {
    /// Installs it into a virtual environment of its own, unless it is there. `None` says that it is not there and may
    /// not, or cannot, be installed.
    pub(crate) fn install(root: &Path, venv: &Path) -> Result<Option<Self>, Failure> {
        let (python, folder) = (venv.join("bin/python"), root.join(FOLDER));
        let requirements = folder.join("requirements.txt");
        let wanted = std::fs::read(&requirements).during(|| requirements.display().to_string())?;
        let installed = venv.join("requirements.txt");
        if std::fs::read(&installed).is_ok_and(|installed| installed == wanted) {
            return Ok(Some(Self { python, folder }));
        }
        let Some(system) = settings::find("python3").filter(|_| settings::may_install()) else { return Ok(None) };
        let mut create = Command::new(system);
        create.args(["-m", "venv"]).arg(venv);
        process::run(create, "python3 -m venv")?;
        let mut install = Command::new(venv.join("bin/pip"));
        install.args(["install", "--quiet", "--disable-pip-version-check", "--requirement"]).arg(&requirements);
        process::run(install, "pip install botocore")?;
        std::fs::write(&installed, wanted).during(|| installed.display().to_string())?;
        Ok(Some(Self { python, folder }))
    }

    /// Walks every operation of a fresh server; then one that wants signatures, encrypts and throttles. Says what was
    /// left out.
    pub(crate) fn walk(&self, stepwright: &Path) -> Result<Option<&'static str>, Failure> {
        let scratch = Scratch::new()?;
        let mut server = Server::start(stepwright, scratch.path(), &[])?;
        let walked = self.run("walk.py", &[&server.step_functions]);
        server.service.stop();
        walked?;
        let keys = scratch.path().join("keys");
        std::fs::write(&keys, KEYS).during(|| keys.display().to_string())?;
        let keys = keys.display().to_string();
        let mut arguments = vec!["--credentials", &keys, "--throttle", "ListStateMachines=2,0.01"];
        let certificate = certificate(scratch.path())?;
        if let Some([certificate, key]) = &certificate {
            arguments.extend(["--tls-certificate", certificate, "--tls-key", key]);
        }
        let mut server = Server::start(stepwright, scratch.path(), &arguments)?;
        let trusted = certificate.as_ref().map_or("-", |[certificate, _]| certificate);
        let secured = self.run("secured.py", &[&server.step_functions, trusted, &server.lambda, &server.sandbox]);
        server.service.stop();
        secured?;
        Ok(certificate
            .is_none()
            .then_some("TLS is not walked by botocore: openssl, which makes a certificate, is missing"))
    }

    fn run(&self, program: &str, arguments: &[&str]) -> Result<(), Failure> {
        let mut command = Command::new(&self.python);
        command.arg(self.folder.join(program)).args(arguments).env("PYTHONDONTWRITEBYTECODE", "1");
        process::run(command, program)
    }
}

/// A certificate for this machine and its key, where `openssl` is there to make them.
fn certificate(folder: &Path) -> Result<Option<[String; 2]>, Failure> {
    let Some(openssl) = settings::find("openssl") else { return Ok(None) };
    let [certificate, key] = ["certificate.pem", "key.pem"].map(|name| folder.join(name).display().to_string());
    let mut make = Command::new(openssl);
    make.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]);
    make.args(["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]);
    make.args(["-keyout", &key, "-out", &certificate]).stdout(Stdio::null()).stderr(Stdio::null());
    process::run(make, "openssl req")?;
    Ok(Some([certificate, key]))
}

/// `stepwright serve` without definitions and functions, on free ports.
struct Server {
    service: Service,
    step_functions: String,
    lambda: String,
    sandbox: String,
}

impl Server {
    fn start(stepwright: &Path, folder: &Path, more: &[&str]) -> Result<Self, Failure> {
        let (definitions, stack) = (folder.join("definitions"), folder.join("stack.json"));
        std::fs::create_dir_all(&definitions).during(|| definitions.display().to_string())?;
        std::fs::write(&stack, "{}").during(|| stack.display().to_string())?;
        let mut command = Command::new(stepwright);
        command.args(["--output", "json", "serve", "--port", "0", "--definitions"]).arg(definitions);
        command.arg("--stack").arg(stack).args(more).stdout(Stdio::piped());
        let mut service = Service::start(command, "stepwright serve")?;
        let mut ready = String::new();
        let output = service.stdout().ok_or_else(|| Failure::new("stepwright serve has no output"))?;
        BufReader::new(output).read_line(&mut ready).during(|| "what stepwright serve prints".to_owned())?;
        let ready: serde_json::Value =
            serde_json::from_str(&ready).during(|| format!("what stepwright serve prints, '{}'", ready.trim()))?;
        let url = |part: &str| ready[part].as_str().unwrap_or_default().to_owned();
        let (step_functions, lambda, sandbox) = (url("stepFunctions"), url("lambda"), url("sandbox"));
        Ok(Self { service, step_functions, lambda, sandbox })
    }
}
