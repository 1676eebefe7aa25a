//! `s3:listObjectsV2`: every page, one after the other as it is wanted.

use std::collections::VecDeque;
use std::sync::Arc;

use asl::Value;
use execution::Failure;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::file::refused;
use crate::aws::Http;
use crate::aws::s3::{self, Listed, Query};

/// A listing under way.
pub(super) struct Listing {
    query: Query,
    page: VecDeque<Listed>,
    next: Next,
}

enum Next {
    First,
    Page(String),
    Nothing,
}

impl Listing {
    pub(super) const fn of(query: Query) -> Self {
        Self { query, page: VecDeque::new(), next: Next::First }
    }

    pub(super) fn bucket(&self) -> &str {
        &self.query.bucket
    }

    /// Where its items are from.
    pub(super) fn source(&self) -> Arc<str> {
        format!("S3://{}", self.query.bucket).into()
    }

    /// The next object.
    pub(super) async fn next(&mut self, http: &Http) -> Result<Option<Listed>, Failure> {
        loop {
            if let Some(object) = self.page.pop_front() {
                return Ok(Some(object));
            }
            let token = match &self.next {
                Next::First => None,
                Next::Page(token) => Some(token.as_str()),
                Next::Nothing => return Ok(None),
            };
            let page = s3::list(http, &self.query, token).await.map_err(|error| refused(&error))?;
            self.page = page.objects.into();
            self.next = page.next.map_or(Next::Nothing, Next::Page);
        }
    }
}

/// What an item is told of an object.
pub(super) fn item(object: &Listed) -> Value {
    let modified = OffsetDateTime::parse(&object.last_modified, &Rfc3339).map_or(0, OffsetDateTime::unix_timestamp);
    Value::object([
        ("Etag", Value::from(object.etag.as_str())),
        ("Key", Value::from(object.key.as_str())),
        ("LastModified", Value::from(modified)),
        ("Size", Value::from(object.size)),
        ("StorageClass", Value::from(object.storage_class.as_str())),
    ])
}
