//! Where the items of a Map Run come from. They are read as they are wanted: only a few are in memory at a time, and a
//! file is on disk while it is read.

mod csv;
pub(crate) mod file;
mod json;
mod listing;
mod manifest;
mod parquet;
mod settings;

use std::collections::VecDeque;
use std::sync::Arc;

use asl::Value;
use execution::{Failure, MapItem};

use crate::aws::s3::Location;
use crate::integration::World;
use file::Records;
use listing::Listing;
use settings::{Format, Reader, Settings};

/// Where items are from that were in the state's input.
const STATE_DATA: &str = "STATE_DATA";

/// The failure of a reader.
fn failed(cause: impl Into<String>) -> Failure {
    Failure { error: Some("States.ItemReaderFailed".into()), cause: Some(cause.into().into()) }
}

/// The items of one Map Run, in order.
pub(crate) struct Source {
    kind: Kind,
    world: Arc<World>,
    /// Index of the next item.
    index: u64,
    /// Items that may still come.
    left: u64,
}

enum Kind {
    /// An array.
    Values(Arc<Vec<Value>>),
    /// An object's members.
    Members(Arc<asl::Object>),
    /// What a listing says of each object.
    Listing(Listing),
    /// The records of files.
    Files(Files),
}

/// Files to read one after the other.
struct Files {
    left: Left,
    format: Format,
    current: Option<(Records, Arc<str>)>,
}

/// Which files are left.
enum Left {
    These(VecDeque<Location>),
    Listed(Listing),
}

impl Source {
    /// The items of a state's input, or of what the evaluated `ItemReader` names.
    ///
    /// # Errors
    /// `States.ItemReaderFailed`.
    pub(crate) async fn open(
        world: &Arc<World>,
        items: Option<&Value>,
        reader: Option<&Value>,
    ) -> Result<Self, Failure> {
        let source = |kind, left| Self { kind, world: Arc::clone(world), index: 0, left };
        match (reader, items) {
            (Some(reader), _) => {
                let settings = Settings::read(reader)?;
                let most = settings.max_items.unwrap_or(u64::MAX);
                Ok(source(Kind::open(world, settings).await?, most))
            }
            (None, Some(Value::Array(items))) => Ok(source(Kind::Values(Arc::clone(items)), u64::MAX)),
            (None, Some(Value::Object(members))) => Ok(source(Kind::Members(Arc::clone(members)), u64::MAX)),
            (None, _) => Err(failed(NOT_ITERABLE)),
        }
    }

    /// The next item; `None` after the last.
    ///
    /// # Errors
    /// `States.ItemReaderFailed`.
    pub(crate) async fn next(&mut self) -> Result<Option<MapItem>, Failure> {
        if self.left == 0 {
            return Ok(None);
        }
        let next = self.kind.next(&self.world, self.index).await?;
        let Some((key, value, source)) = next else { return Ok(None) };
        let index = self.index;
        self.index += 1;
        self.left -= 1;
        Ok(Some(MapItem { index, value, key, source }))
    }

    /// How many items there are, where that is known before the last was read.
    pub(crate) fn total(&self) -> Option<u64> {
        match &self.kind {
            Kind::Values(items) => Some(items.len() as u64),
            Kind::Members(members) => Some(members.len() as u64),
            Kind::Listing(_) | Kind::Files(_) => None,
        }
    }
}

/// What AWS says where items cannot be told apart.
const NOT_ITERABLE: &str = "Attempting to map over non-iterable node.";

/// Key, value and source of an item.
type Found = (Option<Arc<str>>, Value, Arc<str>);

impl Kind {
    async fn open(world: &Arc<World>, settings: Settings) -> Result<Self, Failure> {
        match settings.reader {
            Reader::Objects { query, load: None } => Ok(Self::Listing(Listing::of(query))),
            Reader::Objects { query, load: Some(format) } => {
                Ok(Self::Files(Files { left: Left::Listed(Listing::of(query)), format, current: None }))
            }
            Reader::Object { location, format } => {
                let left = Left::These(VecDeque::from([location]));
                Ok(Self::Files(Files { left, format, current: None }))
            }
            Reader::Manifest { location, manifest } => {
                let (files, format) = manifest::open(world, location, manifest).await?;
                Ok(Self::Files(Files { left: Left::These(files), format, current: None }))
            }
        }
    }

    async fn next(&mut self, world: &World, index: u64) -> Result<Option<Found>, Failure> {
        let position = usize::try_from(index).unwrap_or(usize::MAX);
        match self {
            Self::Values(items) => Ok(items.get(position).map(|item| (None, item.clone(), STATE_DATA.into()))),
            Self::Members(members) => {
                let member = members.get_index(position);
                Ok(member.map(|(key, value)| (Some(Arc::clone(key)), value.clone(), STATE_DATA.into())))
            }
            Self::Listing(listing) => {
                let object = listing.next(world.aws.http()).await?;
                Ok(object.map(|object| (None, listing::item(&object), listing.source())))
            }
            Self::Files(files) => files.next(world).await,
        }
    }
}

impl Files {
    async fn next(&mut self, world: &World) -> Result<Option<Found>, Failure> {
        loop {
            if let Some((records, source)) = &mut self.current {
                if let Some(record) = records.next().await? {
                    return Ok(Some((record.key, record.value, Arc::clone(source))));
                }
                self.current = None;
            }
            let Some(location) = self.left.next(world).await? else { return Ok(None) };
            let source = format!("S3://{}/{}", location.bucket, location.key).into();
            self.current = Some((Records::open(world, &location, &self.format).await?, source));
        }
    }
}

impl Left {
    async fn next(&mut self, world: &World) -> Result<Option<Location>, Failure> {
        match self {
            Self::These(files) => Ok(files.pop_front()),
            Self::Listed(listing) => {
                let object = listing.next(world.aws.http()).await?;
                Ok(object.map(|object| Location {
                    bucket: listing.bucket().to_owned(),
                    key: object.key,
                    version: None,
                }))
            }
        }
    }
}

#[cfg(test)]
mod tests;
