//! What a Map Run gives: its children's outputs in order, or files of them, written one after the other.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use asl::Value;
use execution::{Failure, MapRunOrder, Millis, Status};
use time::OffsetDateTime;

use super::child::{Family, Stand};
use super::driver::Halt;
use super::units::Units;
use crate::aws::s3;
use crate::core::Core;
use crate::description::ExecutionDescription;
use crate::items::file::said;
use crate::store::{MapRunRecord, ResultFile, status_name};

/// Bytes of one file of results, but for its last result.
const FILE_BYTES: usize = 8 << 20;

/// Results gathered before others may run.
const BREATH: u64 = 64;

/// The kinds of files, in the order of the manifest.
const STATUSES: [&str; 3] = ["FAILED", "PENDING", "SUCCEEDED"];

/// Gathers what the children of a run have given.
pub(super) struct Results<'r> {
    pub(super) core: &'r Weak<Core>,
    pub(super) family: &'r Family,
    pub(super) order: &'r MapRunOrder,
    pub(super) record: &'r Arc<Mutex<MapRunRecord>>,
}

/// A child that has ended.
struct Child {
    description: ExecutionDescription,
    /// The redrive of the run in which it ended.
    redrive: u32,
}

/// What becomes of a child's output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Transformation {
    /// It stands among everything else that there is to say of the child.
    None,
    /// It stands alone.
    Compact,
    /// It stands alone, and the items of an array stand alone.
    Flatten,
}

/// What an evaluated `ResultWriter` says.
struct Writer {
    /// Bucket and prefix, where the results are written.
    to: Option<(String, String)>,
    transformation: Transformation,
    lines: bool,
}

impl Writer {
    fn read(writer: Option<&Value>) -> Result<Self, Failure> {
        let text = |value: Option<&Value>, name: &str| {
            value.and_then(|value| value.get(name)).and_then(Value::as_str).map(str::to_owned)
        };
        let config = writer.and_then(|writer| writer.get("WriterConfig"));
        let parameters = writer.and_then(|writer| writer.get("Parameters").or_else(|| writer.get("Arguments")));
        let to = match text(writer, "Resource").as_deref() {
            None => None,
            Some(resource) if resource.ends_with(":::s3:putObject") => {
                let bucket = text(parameters, "Bucket").filter(|bucket| !bucket.is_empty());
                let bucket =
                    bucket.ok_or_else(|| unwritable("The ResultWriter's parameter 'Bucket' must be a string"))?;
                Some((bucket, text(parameters, "Prefix").unwrap_or_default()))
            }
            Some(resource) => {
                let cause = format!(
                    "The ResultWriter's Resource '{resource}' is not supported: use arn:aws:states:::s3:putObject"
                );
                return Err(unwritable(cause));
            }
        };
        let transformation = match text(config, "Transformation").as_deref() {
            Some("NONE") => Transformation::None,
            Some("COMPACT") => Transformation::Compact,
            Some("FLATTEN") => Transformation::Flatten,
            None if to.is_some() => Transformation::None,
            None => Transformation::Compact,
            Some(other) => {
                return Err(unwritable(format!(
                    "field Transformation must be NONE, COMPACT or FLATTEN, was '{other}'"
                )));
            }
        };
        let lines = match text(config, "OutputType").as_deref() {
            None | Some("JSON") => false,
            Some("JSONL") => true,
            Some(other) => return Err(unwritable(format!("field OutputType must be JSON or JSONL, was '{other}'"))),
        };
        Ok(Self { to, transformation, lines })
    }
}

fn unwritable(cause: impl Into<String>) -> Failure {
    Failure { error: Some("States.ResultWriterFailed".into()), cause: Some(cause.into().into()) }
}

impl Results<'_> {
    /// The result of a run that has succeeded; `None` where it is over the quota of a payload.
    pub(super) async fn gather(&self) -> Result<Option<Value>, Halt> {
        let writer = Writer::read(self.order.run.writer.as_ref())?;
        match self.write(None).await? {
            Some(details) => Ok(Some(details)),
            None => self.outputs(&writer).await,
        }
    }

    /// All outputs, in order.
    async fn outputs(&self, writer: &Writer) -> Result<Option<Value>, Halt> {
        let most = self.core()?.config.limits.payload_bytes;
        let (mut outputs, mut bytes) = (Vec::new(), 2);
        let children = self.record().progress.next;
        for index in 0..children {
            let Some(Child { description: child, .. }) = self.child(index).await? else { continue };
            let before = outputs.len();
            transform(writer.transformation, &child, &mut outputs);
            bytes += outputs[before..].iter().map(|output| output.to_string().len() + 1).sum::<usize>();
            // The last comma is none.
            if bytes > most + 1 {
                return Ok(None);
            }
        }
        Ok(Some(if writer.lines { Value::from(lines(&outputs)) } else { Value::array(outputs) }))
    }

    /// Writes files of results and their manifest, where a `ResultWriter` says so; what was not started comes from
    /// `pending`. The same run writes the same files.
    pub(super) async fn write(&self, pending: Option<&mut Units>) -> Result<Option<Value>, Halt> {
        let writer = Writer::read(self.order.run.writer.as_ref())?;
        let Some((bucket, prefix)) = &writer.to else { return Ok(None) };
        let run = &self.order.run.arn;
        let id = run.rsplit(':').next().unwrap_or_default();
        let mut folder = prefix.trim_end_matches('/').to_owned();
        if !folder.is_empty() {
            folder.push('/');
        }
        folder.push_str(id);
        if self.order.redrives > 0 {
            let _ = write!(folder, "/Redrive-{}", self.order.redrives);
        }
        let mut files = Files { results: self, bucket, folder: &folder, lines: writer.lines, open: BTreeMap::new() };
        self.write_children(&writer, &mut files).await?;
        if let Some(units) = pending {
            while let Ok(Some(unit)) = units.next().await {
                if unit.index >= self.record().progress.next {
                    files.add("PENDING", &pending_item(&unit.text)).await?;
                }
            }
        }
        let manifest = files.finish().await?;
        Ok(Some(Value::object([
            ("MapRunArn", Value::from(Arc::clone(run))),
            (
                "ResultWriterDetails",
                Value::object([("Bucket", Value::from(bucket.as_str())), ("Key", Value::from(manifest))]),
            ),
        ])))
    }

    async fn write_children(&self, writer: &Writer, files: &mut Files<'_>) -> Result<(), Halt> {
        let children = {
            let mut record = self.record();
            let old = format!("{}/", files.folder);
            // What this attempt wrote before a crash is written again.
            record.files.retain(|file| file.key.strip_prefix(&old).is_none_or(|name| name.contains('/')));
            record.progress.executions.written = 0;
            record.progress.items.written = 0;
            record.progress.next
        };
        for index in 0..children {
            let Some(child) = self.child(index).await?.filter(|child| child.redrive == self.order.redrives) else {
                // The results of earlier attempts have been written.
                continue;
            };
            let child = child.description;
            let status = if child.status == Status::Succeeded { "SUCCEEDED" } else { "FAILED" };
            let mut results = Vec::new();
            transform(writer.transformation, &child, &mut results);
            for result in results {
                files.add(status, &result).await?;
            }
            let mut record = self.record();
            record.progress.executions.written += 1;
            record.progress.items.written += child.item_count.unwrap_or(1);
        }
        Ok(())
    }

    /// A child that has ended, with its input and its end.
    async fn child(&self, index: u64) -> Result<Option<Child>, Halt> {
        if index.is_multiple_of(BREATH) {
            tokio::task::yield_now().await;
        }
        let core = self.core()?;
        let Stand::Ended(record) = self.family.look(&core, index, self.order.redrives)? else { return Ok(None) };
        let description = core.describe(&record.identity.arn)?;
        Ok(Some(Child { description, redrive: record.child.map_or(0, |child| child.redrive) }))
    }

    fn core(&self) -> Result<Arc<Core>, Halt> {
        self.core.upgrade().ok_or(Halt::Gone)
    }

    fn record(&self) -> MutexGuard<'_, MapRunRecord> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Files under way: of each status one is filled at a time.
struct Files<'f> {
    results: &'f Results<'f>,
    bucket: &'f str,
    folder: &'f str,
    lines: bool,
    open: BTreeMap<&'static str, Open>,
}

#[derive(Default)]
struct Open {
    text: String,
    /// Files of this status written so far.
    number: u64,
}

impl Files<'_> {
    async fn add(&mut self, status: &'static str, result: &Value) -> Result<(), Halt> {
        let open = self.open.entry(status).or_default();
        if self.lines {
            let _ = writeln!(open.text, "{result}");
        } else {
            let before = if open.text.is_empty() { '[' } else { ',' };
            let _ = write!(open.text, "{before}{result}");
        }
        if open.text.len() >= FILE_BYTES {
            self.close(status).await?;
        }
        Ok(())
    }

    /// Writes the file of this status that is being filled, where there is one.
    async fn close(&mut self, status: &'static str) -> Result<(), Halt> {
        let open = self.open.entry(status).or_default();
        if open.text.is_empty() {
            return Ok(());
        }
        let mut text = std::mem::take(&mut open.text);
        if !self.lines {
            text.push(']');
        }
        let ending = if self.lines { "jsonl" } else { "json" };
        let key = format!("{}/{status}_{}.{ending}", self.folder, open.number);
        open.number += 1;
        let bytes = text.len() as u64;
        self.put(&key, text).await?;
        self.results.record().files.push(ResultFile { status: status.into(), key: key.into(), bytes });
        Ok(())
    }

    /// Writes what is left, and the manifest; answers the manifest's key. It names the files of earlier attempts too.
    async fn finish(&mut self) -> Result<String, Halt> {
        for status in STATUSES {
            self.close(status).await?;
        }
        let manifest = {
            let record = self.results.record();
            let files = STATUSES.map(|status| {
                let files = record.files.iter().filter(|file| &*file.status == status);
                let files = files.map(|file| {
                    Value::object([("Key", Value::from(Arc::clone(&file.key))), ("Size", Value::from(file.bytes))])
                });
                (status, Value::array(files.collect()))
            });
            Value::object([
                ("DestinationBucket", Value::from(self.bucket)),
                ("MapRunArn", Value::from(Arc::clone(&record.arn))),
                ("ResultFiles", Value::object(files)),
            ])
        };
        let key = format!("{}/manifest.json", self.folder);
        self.put(&key, manifest.to_string()).await?;
        Ok(key)
    }

    async fn put(&self, key: &str, text: String) -> Result<(), Halt> {
        // The engine is not kept while the network is waited for.
        let world = Arc::clone(&self.results.core()?.world);
        s3::put(world.aws.http(), self.bucket, key, text.into_bytes())
            .await
            .map_err(|error| unwritable(said(&error)))?;
        Ok(())
    }
}

/// Adds what a child has given.
fn transform(transformation: Transformation, child: &ExecutionDescription, results: &mut Vec<Value>) {
    match (transformation, &child.output) {
        (Transformation::Flatten, Some(Value::Array(items))) => results.extend(items.iter().cloned()),
        (Transformation::Flatten | Transformation::Compact, Some(output)) => results.push(output.clone()),
        // What has failed is shown whole, as AWS does.
        _ => results.push(whole(child)),
    }
}

/// Everything there is to say of a child, as AWS's files have it.
fn whole(child: &ExecutionDescription) -> Value {
    let included = || Value::object([("Included", Value::from(true))]);
    let failure = child.failure.clone().unwrap_or_default();
    let mut members: Vec<(&str, Value)> = Vec::new();
    members.extend(failure.cause.map(|cause| ("Cause", Value::from(cause))));
    members.extend(failure.error.map(|error| ("Error", Value::from(error))));
    members.push(("ExecutionArn", Value::from(Arc::clone(&child.arn))));
    if let Some(input) = &child.input {
        members.extend([("Input", Value::from(input.to_string())), ("InputDetails", included())]);
    }
    members.push(("Name", Value::from(Arc::clone(&child.name))));
    if let Some(output) = &child.output {
        members.extend([("Output", Value::from(output.to_string())), ("OutputDetails", included())]);
    }
    members.push(("RedriveCount", Value::from(child.redrive_count)));
    members.extend(child.redrive_date.map(|at| ("RedriveDate", Value::from(instant(at)))));
    match &child.redrive_obstacle {
        Some(reason) => members.extend([
            ("RedriveStatus", Value::from("NOT_REDRIVABLE")),
            ("RedriveStatusReason", Value::from(reason.as_str())),
        ]),
        None => members.push(("RedriveStatus", Value::from("REDRIVABLE_BY_MAP_RUN"))),
    }
    members.push(("StartDate", Value::from(instant(child.start_date))));
    members.push(("StateMachineArn", Value::from(Arc::clone(&child.state_machine_arn))));
    members.push(("Status", Value::from(status_name(child.status))));
    members.extend(child.stop_date.map(|at| ("StopDate", Value::from(instant(at)))));
    Value::object(members)
}

/// A child that was not started.
fn pending_item(input: &str) -> Value {
    Value::object([
        ("Input", Value::from(input)),
        ("InputDetails", Value::object([("Included", Value::from(true))])),
        ("Status", Value::from("PENDING")),
    ])
}

/// RFC 3339 with milliseconds.
fn instant(at: Millis) -> String {
    let format =
        time::macros::format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");
    let instant = OffsetDateTime::from_unix_timestamp_nanos(i128::from(at) * 1_000_000);
    instant.ok().and_then(|instant| instant.format(format).ok()).unwrap_or_default()
}

fn lines(outputs: &[Value]) -> String {
    outputs.iter().fold(String::new(), |mut text, output| {
        let _ = writeln!(text, "{output}");
        text
    })
}
