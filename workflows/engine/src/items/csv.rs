//! CSV: each row is an item, an object of texts by the columns' names.

use std::collections::HashSet;
use std::sync::Arc;

use asl::Value;
use execution::Failure;

use super::failed;
use super::file::{Bytes, ReadRecord, Record};
use super::settings::Csv;

/// The longest row of headers, in bytes, as on AWS.
const MOST_HEADER_BYTES: usize = 10 * 1024;

/// The mark that some programs put before a file in UTF-8.
const BYTE_ORDER_MARK: char = '\u{feff}';

/// Rows, one after the other.
pub(super) struct Reader {
    rows: csv::Reader<Bytes>,
    headers: Vec<Arc<str>>,
}

impl Reader {
    pub(super) fn open(bytes: Bytes, settings: &Csv) -> Result<Self, Failure> {
        let mut rows = csv::ReaderBuilder::new()
            .delimiter(settings.delimiter)
            .has_headers(false)
            .flexible(true)
            .from_reader(bytes);
        let headers = match &settings.headers {
            Some(given) => given.clone(),
            None => {
                let mut row = csv::StringRecord::new();
                rows.read_record(&mut row).map_err(|error| broken(&error))?;
                row.iter().map(str::to_owned).collect()
            }
        };
        let headers: Vec<Arc<str>> =
            headers.iter().map(|name| name.trim_start_matches(BYTE_ORDER_MARK).into()).collect();
        if headers.iter().map(|name| name.len() + 1).sum::<usize>() > MOST_HEADER_BYTES {
            return Err(failed("CSV headers cannot exceed 10 KiB."));
        }
        let mut seen = HashSet::new();
        if !headers.iter().all(|name| seen.insert(name)) {
            return Err(failed("CSV headers cannot contain duplicates."));
        }
        Ok(Self { rows, headers })
    }
}

impl ReadRecord for Reader {
    fn read(&mut self) -> Result<Option<Record>, Failure> {
        let mut row = csv::StringRecord::new();
        if !self.rows.read_record(&mut row).map_err(|error| broken(&error))? {
            return Ok(None);
        }
        // Columns without a name are left out, missing ones are empty.
        let columns = self.headers.iter().enumerate();
        let columns = columns.map(|(index, name)| (Arc::clone(name), Value::from(row.get(index).unwrap_or_default())));
        Ok(Some(Record { key: None, value: Value::object(columns), bytes: row.as_slice().len() + row.len() }))
    }
}

fn broken(error: &csv::Error) -> Failure {
    failed(format!("the file is not CSV in UTF-8: {error}"))
}
