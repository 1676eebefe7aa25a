//! Parquet: each row is an item, an object by the columns' names.

use std::fs::File;

use asl::Value;
use execution::Failure;
use parquet::errors::ParquetError;
use parquet::file::serialized_reader::SerializedFileReader;
use parquet::record::reader::RowIter;

use super::failed;
use super::file::{ReadRecord, Record};

/// Rows, one after the other. Of a file only what the columns' pages being read hold is in memory.
pub(super) struct Rows {
    rows: RowIter<'static>,
}

impl Rows {
    pub(super) fn open(file: File) -> Result<Self, Failure> {
        let reader = SerializedFileReader::new(file).map_err(|error| broken(&error))?;
        Ok(Self { rows: RowIter::from_file_into(Box::new(reader)) })
    }
}

impl ReadRecord for Rows {
    fn read(&mut self) -> Result<Option<Record>, Failure> {
        let Some(row) = self.rows.next() else { return Ok(None) };
        let row = row.map_err(|error| broken(&error))?.to_json_value();
        let value = Value::from(&row);
        Ok(Some(Record { key: None, bytes: value.to_string().len(), value }))
    }
}

fn broken(error: &ParquetError) -> Failure {
    failed(format!("the file is not Parquet that can be read: {error}"))
}

#[cfg(test)]
mod tests {
    use std::io::{Seek as _, SeekFrom};
    use std::sync::Arc;

    use parquet::basic::Compression;
    use parquet::data_type::{ByteArray, ByteArrayType, Int64Type};
    use parquet::file::properties::WriterProperties;
    use parquet::file::writer::SerializedFileWriter;
    use parquet::schema::parser::parse_message_type;

    use super::*;

    fn file(compression: Compression) -> File {
        let schema = parse_message_type("message m { REQUIRED INT64 n; REQUIRED BYTE_ARRAY name (UTF8); }").unwrap();
        let properties = WriterProperties::builder().set_compression(compression).build();
        let mut file = tempfile::tempfile().unwrap();
        let mut writer =
            SerializedFileWriter::new(file.try_clone().unwrap(), Arc::new(schema), Arc::new(properties)).unwrap();
        for group in 0..2_i64 {
            let mut rows = writer.next_row_group().unwrap();
            let mut column = rows.next_column().unwrap().unwrap();
            column.typed::<Int64Type>().write_batch(&[group, group + 10], None, None).unwrap();
            column.close().unwrap();
            let mut column = rows.next_column().unwrap().unwrap();
            let names = [ByteArray::from("a"), ByteArray::from("ü")];
            column.typed::<ByteArrayType>().write_batch(&names, None, None).unwrap();
            column.close().unwrap();
            rows.close().unwrap();
        }
        writer.close().unwrap();
        file.seek(SeekFrom::Start(0)).unwrap();
        file
    }

    #[test]
    fn rows_of_all_groups_are_objects() {
        for compression in [Compression::UNCOMPRESSED, Compression::SNAPPY] {
            let mut rows = Rows::open(file(compression)).unwrap();
            let mut found = Vec::new();
            while let Some(record) = rows.read().unwrap() {
                found.push(record.value.to_string());
            }
            let expected =
                [r#"{"n":0,"name":"a"}"#, r#"{"n":10,"name":"ü"}"#, r#"{"n":1,"name":"a"}"#, r#"{"n":11,"name":"ü"}"#];
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn another_file_is_refused() {
        let refused = Rows::open(tempfile::tempfile().unwrap()).err().unwrap();
        assert!(refused.cause.unwrap().contains("not Parquet"));
    }
}
