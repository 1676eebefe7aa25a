//! Files that name others: those of Amazon S3 Inventory and of Amazon Athena.

use std::collections::VecDeque;
use std::io::{BufRead as _, Read as _};
use std::sync::Arc;

use asl::Value;
use execution::Failure;

use super::failed;
use super::file::{self, unreadable};
use super::settings::{Csv, Format, Manifest};
use crate::aws::s3::Location;
use crate::integration::World;

/// The longest manifest, in bytes.
const MOST_BYTES: u64 = 64 << 20;

/// The files that a manifest names, and how they are read.
pub(super) async fn open(
    world: &Arc<World>,
    location: Location,
    manifest: Manifest,
) -> Result<(VecDeque<Location>, Format, Option<String>), Failure> {
    let (file, tag) = file::fetch(world, &location).await?;
    let read = tokio::task::spawn_blocking(move || {
        let mut bytes = file::bytes(file)?.take(MOST_BYTES);
        match manifest {
            Manifest::Inventory => {
                let mut text = String::new();
                bytes.read_to_string(&mut text).map_err(|error| unreadable(&error))?;
                inventory(&text)
            }
            Manifest::Athena { format } => {
                let lines = bytes.lines().collect::<Result<Vec<_>, _>>().map_err(|error| unreadable(&error))?;
                Ok((athena(&lines)?, format))
            }
        }
    });
    let (files, format) = read.await.map_err(|error| failed(error.to_string()))??;
    Ok((files, format, tag))
}

/// A manifest of Amazon S3 Inventory: CSV files whose columns it names.
fn inventory(text: &str) -> Result<(VecDeque<Location>, Format), Failure> {
    let manifest = Value::parse(text).map_err(|error| failed(format!("the manifest is not JSON: {error}")))?;
    let text = |name: &str| manifest.get(name).and_then(Value::as_str).unwrap_or_default();
    let bucket = text("destinationBucket");
    let bucket = bucket.rsplit(":::").next().unwrap_or(bucket).to_owned();
    let format = text("fileFormat");
    if format != "CSV" {
        let cause =
            format!("the manifest's fileFormat must be CSV, was '{format}': this engine reads no other inventory");
        return Err(failed(cause));
    }
    let headers: Vec<String> = text("fileSchema").split(',').map(|name| name.trim().to_owned()).collect();
    let files = manifest.get("files").and_then(Value::as_array);
    let files = files.ok_or_else(|| failed("the manifest has no 'files'"))?;
    let keys = files.iter().filter_map(|file| file.get("key").and_then(Value::as_str));
    let locations = keys.map(|key| Location { bucket: bucket.clone(), key: key.to_owned(), version: None });
    Ok((locations.collect(), Format::Csv(Csv { delimiter: b',', headers: Some(headers) })))
}

/// A manifest of Amazon Athena: one `s3://bucket/key` a line.
fn athena(lines: &[String]) -> Result<VecDeque<Location>, Failure> {
    let lines = lines.iter().map(|line| line.trim().trim_matches('"')).filter(|line| !line.is_empty());
    let location = |line: &str| {
        let (bucket, key) = line.strip_prefix("s3://")?.split_once('/')?;
        Some(Location { bucket: bucket.to_owned(), key: key.to_owned(), version: None })
    };
    lines
        .map(|line| {
            location(line).ok_or_else(|| failed(format!("the manifest names '{line}', which is no s3://bucket/key")))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_inventory_names_bucket_files_and_columns() {
        let text = r#"{"destinationBucket":"arn:aws:s3:::dest","fileFormat":"CSV","fileSchema":"Bucket, Key, Size",
            "files":[{"key":"a.csv.gz"},{"key":"b.csv.gz"}]}"#;
        let (files, Format::Csv(csv)) = inventory(text).unwrap() else { panic!() };
        assert_eq!((files[1].bucket.as_str(), files[1].key.as_str()), ("dest", "b.csv.gz"));
        assert_eq!(csv.headers.unwrap(), ["Bucket", "Key", "Size"]);
        let orc = inventory(r#"{"fileFormat":"ORC","files":[]}"#).unwrap_err();
        assert!(orc.cause.unwrap().contains("'ORC'"));
    }

    #[test]
    fn a_manifest_of_athena_is_a_list() {
        let files = athena(&["s3://b/x/1".to_owned(), String::new(), "s3://b/x/2".to_owned()]).unwrap();
        assert_eq!((files.len(), files[1].key.as_str()), (2, "x/2"));
        assert!(athena(&["b/x".to_owned()]).is_err());
    }
}
