//! `stepwright backup`: everything that a server keeps, in one file, while it serves.

use std::fs::File;
use std::io::{BufReader, Write as _};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use engine::{BackupError, Contents};
use http::Request;
use http::header::{HOST, HeaderValue};
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use listener::{Key, Scope};
use serde_json::json;

use crate::client::EngineOptions;
use crate::environment;
use crate::failure::{Exit, Failure};
use crate::screen::{Screen, Tone};

/// Backs up a server's data directory, as it is at one moment, while the server serves; `stepwright restore` makes a
/// data directory of it.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The file to write; it must not be there yet.
    file: PathBuf,
    /// The data directory of a server that does not run, instead of one that does.
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    #[command(flatten)]
    engine: EngineOptions,
}

pub(crate) async fn run(screen: &Screen, arguments: &Arguments) -> Result<(), Failure> {
    let file = &arguments.file;
    if file.exists() {
        let message = format!("FILE: {} is there already", file.display());
        return Err(Failure::usage(message).remedy("give another name: a backup is never overwritten"));
    }
    let partial = PathBuf::from(format!("{}.partial", file.display()));
    let made = make(arguments, &partial).await;
    let contents = made.and_then(|()| finish(&partial, file)).inspect_err(|_| {
        // Nobody is to take it for a backup.
        drop(std::fs::remove_file(&partial));
    })?;
    tell(screen, "backed up", &contents, file);
    Ok(())
}

async fn make(arguments: &Arguments, partial: &Path) -> Result<(), Failure> {
    let mut output = File::create(partial).map_err(|error| unwritable(partial, &error))?;
    match &arguments.data_dir {
        Some(directory) => {
            let fail = |source| BackupError::File { path: partial.to_owned(), source };
            engine::backup_directory(directory, &mut |piece| output.write_all(&piece).map_err(fail))
                .map(drop)
                .map_err(|error| Failure::new(Exit::Failed, format!("--data-dir: {error}")))?;
        }
        None => download(&arguments.engine, &mut output, partial).await?,
    }
    output.sync_all().map_err(|error| unwritable(partial, &error))
}

/// Takes the stream from a running server; the request is signed where the environment has a key.
async fn download(engine: &EngineOptions, output: &mut File, partial: &Path) -> Result<(), Failure> {
    let url = &engine.endpoint_url;
    let unreachable = |reason: &dyn std::fmt::Display| {
        Failure::new(Exit::Unreachable, format!("{url} cannot be reached: {reason}")).remedy(
            "say where the server is with --endpoint-url URL, or which directory to back up with --data-dir DIR",
        )
    };
    if !url.starts_with("http://") {
        let message = format!("--endpoint-url: '{url}' does not begin with http://");
        return Err(Failure::usage(message).remedy("a backup is given on the server's own machine only, over HTTP"));
    }
    let request = request(engine).map_err(|error| Failure::usage(format!("--endpoint-url: '{url}': {error}")))?;
    let client = Client::builder(TokioExecutor::new()).build_http();
    let response = client.request(request).await.map_err(|error| unreachable(&error))?;
    let status = response.status();
    let mut body = response.into_body();
    if !status.is_success() {
        let text = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
        let text = String::from_utf8_lossy(&text).trim().to_owned();
        return Err(Failure::new(Exit::Refused, format!("the server refuses: {status}: {text}")));
    }
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| unreachable(&format!("the backup broke off: {error}")))?;
        if let Some(piece) = frame.data_ref() {
            output.write_all(piece).map_err(|error| unwritable(partial, &error))?;
        }
    }
    Ok(())
}

fn request(engine: &EngineOptions) -> Result<Request<Full<Bytes>>, http::Error> {
    let url = format!("{}/_stepwright/backup", engine.endpoint_url.trim_end_matches('/'));
    let mut request = Request::post(url).body(Bytes::new())?;
    let key = environment::variable("AWS_ACCESS_KEY_ID").zip(environment::variable("AWS_SECRET_ACCESS_KEY"));
    let host = request.uri().authority().map(|host| HeaderValue::from_str(host.as_str())).transpose()?;
    if let (Some((access_key_id, secret_access_key)), Some(host)) = (key, host) {
        request.headers_mut().insert(HOST, host);
        let session_token = environment::variable("AWS_SESSION_TOKEN");
        let key = Key { access_key_id, secret_access_key, session_token };
        key.sign(&mut request, Scope { region: &engine.region, service: Some("states") });
    }
    Ok(request.map(Full::new))
}

/// Reads what was written, and only then gives it its name.
fn finish(partial: &Path, file: &Path) -> Result<Contents, Failure> {
    let written = File::open(partial).map_err(|error| unwritable(partial, &error))?;
    let contents = engine::verify_backup(&mut BufReader::new(written))
        .map_err(|error| Failure::new(Exit::Failed, error.to_string()))?;
    std::fs::rename(partial, file).map_err(|error| unwritable(file, &error))?;
    Ok(contents)
}

fn unwritable(file: &Path, error: &std::io::Error) -> Failure {
    Failure::usage(format!("FILE: {}: {error}", file.display())).remedy("give a file in a folder with room for it")
}

/// Says what is in a backup, and what was done with it.
pub(crate) fn tell(screen: &Screen, done: &str, contents: &Contents, place: &Path) {
    let Contents { records, executions, file_bytes } = contents;
    if screen.is_json() {
        let document = json!({"file": place, "records": records, "executions": executions, "fileBytes": file_bytes});
        screen.line(&document.to_string());
    } else {
        let done = screen.paint(Tone::Good, done);
        screen.line(&format!("{done} {}: {executions} executions, {records} records", place.display()));
    }
}
