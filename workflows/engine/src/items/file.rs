//! One file of items: fetched whole to the disk, then read record by record.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{BufReader, Read, Seek as _, SeekFrom};
use std::sync::Arc;

use asl::Value;
use execution::Failure;
use flate2::read::MultiGzDecoder;

use super::settings::Format;
use super::{csv, failed, json, parquet};
use crate::aws::CallError;
use crate::aws::s3::{self, Location};
use crate::integration::World;

/// Records read at once, and the bytes after which no further one is.
const CHUNK_RECORDS: usize = 256;
const CHUNK_BYTES: usize = 1 << 20;

/// What every gzip file begins with.
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// One item of a file.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Record {
    /// Its key, where the items are the members of an object.
    pub(super) key: Option<Arc<str>>,
    pub(super) value: Value,
    /// About how much of the file it is.
    pub(super) bytes: usize,
}

/// Reads records. It may wait for the disk.
pub(super) trait ReadRecord: Send {
    fn read(&mut self) -> Result<Option<Record>, Failure>;
}

/// The records of a file.
pub(super) struct Records {
    reader: Option<Box<dyn ReadRecord>>,
    chunk: VecDeque<Record>,
}

impl Records {
    /// Fetches a file; its entity tag stands beside it.
    pub(super) async fn open(
        world: &World,
        location: &Location,
        format: &Format,
    ) -> Result<(Self, Option<String>), Failure> {
        let (file, tag) = fetch(world, location).await?;
        let format = format.clone();
        let opened = tokio::task::spawn_blocking(move || reader(file, &format)).await;
        let reader = opened.map_err(|error| failed(format!("the file could not be read: {error}")))??;
        Ok((Self { reader: Some(reader), chunk: VecDeque::new() }, tag))
    }

    pub(super) async fn next(&mut self) -> Result<Option<Record>, Failure> {
        if let Some(record) = self.chunk.pop_front() {
            return Ok(Some(record));
        }
        let Some(reader) = self.reader.take() else { return Ok(None) };
        let read = tokio::task::spawn_blocking(move || read_chunk(reader)).await;
        let (reader, chunk) = read.map_err(|error| failed(format!("the file could not be read: {error}")))??;
        self.reader = reader;
        self.chunk = chunk;
        Ok(self.chunk.pop_front())
    }
}

fn reader(file: File, format: &Format) -> Result<Box<dyn ReadRecord>, Failure> {
    match format {
        Format::Parquet => Ok(Box::new(parquet::Rows::open(file)?)),
        format => of_text(bytes(file)?, format),
    }
}

/// Reads the records of a text.
pub(super) fn of_text(bytes: Bytes, format: &Format) -> Result<Box<dyn ReadRecord>, Failure> {
    Ok(match format {
        Format::Csv(settings) => Box::new(csv::Reader::open(bytes, settings)?),
        Format::Json { pointer } => Box::new(json::Items::open(bytes, pointer)?),
        Format::JsonLines => Box::new(json::Lines::open(bytes)),
        Format::Parquet => return Err(failed("PARQUET is no text: give the items as JSON, with InputType JSON")),
    })
}

type Chunk = (Option<Box<dyn ReadRecord>>, VecDeque<Record>);

fn read_chunk(mut reader: Box<dyn ReadRecord>) -> Result<Chunk, Failure> {
    let (mut chunk, mut bytes) = (VecDeque::new(), 0);
    while chunk.len() < CHUNK_RECORDS && bytes < CHUNK_BYTES {
        let Some(record) = reader.read()? else { return Ok((None, chunk)) };
        bytes += record.bytes;
        chunk.push_back(record);
    }
    Ok((Some(reader), chunk))
}

/// The bytes of a file.
pub(super) type Bytes = BufReader<Box<dyn Read + Send>>;

/// Fetches a file to the disk; that copy goes with what is returned. Its entity tag stands beside it.
pub(super) async fn fetch(world: &World, location: &Location) -> Result<(File, Option<String>), Failure> {
    let unwritable = |error: std::io::Error| failed(format!("the directory for temporary files failed: {error}"));
    let spool = tokio::task::spawn_blocking(tempfile::tempfile).await;
    let spool = spool.map_err(|error| failed(error.to_string()))?.map_err(unwritable)?;
    let mut spool = tokio::fs::File::from_std(spool);
    let tag = s3::get(world.aws.http(), location, &mut spool).await.map_err(|error| refused(&error))?;
    Ok((spool.into_std().await, tag))
}

/// The bytes of a fetched file; a compressed one is expanded as it is read.
pub(super) fn bytes(file: File) -> Result<Bytes, Failure> {
    rewound(file).map_err(|error| unreadable(&error))
}

fn rewound(mut file: File) -> std::io::Result<Bytes> {
    file.seek(SeekFrom::Start(0))?;
    let mut start = Vec::new();
    Read::by_ref(&mut file).take(GZIP.len() as u64).read_to_end(&mut start)?;
    file.seek(SeekFrom::Start(0))?;
    let plain = BufReader::new(file);
    let bytes: Box<dyn Read + Send> =
        if start == GZIP { Box::new(MultiGzDecoder::new(plain)) } else { Box::new(plain) };
    Ok(BufReader::new(bytes))
}

/// The failure of a reader whose call was refused.
pub(super) fn refused(error: &CallError) -> Failure {
    failed(said(error))
}

/// What a refused call of S3 says, as AWS writes it.
pub(crate) fn said(error: &CallError) -> String {
    match error {
        CallError::Service { status, code, message, request_id } => format!(
            "{message} (Service: Amazon S3; Status Code: {status}; Error Code: {code}; Request ID: {request_id}; Proxy: \
             null)"
        ),
        other => other.to_string(),
    }
}

/// The failure of a file that cannot be read on.
pub(super) fn unreadable(error: &std::io::Error) -> Failure {
    failed(format!("the file could not be read: {error}"))
}
