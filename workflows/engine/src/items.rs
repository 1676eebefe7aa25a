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
use std::io::{BufReader, Cursor, Read};
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
    /// The entity tag of the object that they are read from.
    tag: Option<String>,
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
    /// The items of a state's input, or of what the evaluated `ItemReader` names. Whoever reads on gives the `tag` that
    /// the object had: another content has other items.
    ///
    /// # Errors
    /// `States.ItemReaderFailed`.
    pub(crate) async fn open(
        world: &Arc<World>,
        items: Option<&Value>,
        reader: Option<&Value>,
        tag: Option<&str>,
    ) -> Result<Self, Failure> {
        let source = |kind, left| Self { kind, world: Arc::clone(world), index: 0, left, tag: None };
        match (reader, items) {
            (Some(reader), _) => {
                let settings = Settings::read(reader)?;
                let most = settings.max_items.unwrap_or(u64::MAX);
                let (kind, found) = Kind::open(world, settings).await?;
                if tag.is_some() && found.is_some() && tag != found.as_deref() {
                    return Err(failed("The object of the ItemReader has changed since the Map Run began to read it."));
                }
                Ok(Self { tag: found, ..source(kind, most) })
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

    /// The entity tag of the object that they are read from, where it is one.
    pub(crate) fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
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

/// A key, where the item is a member of an object, and the item.
type KeyedItem = (Option<Arc<str>>, Value);

/// The items in a text that the `ItemReader` as it is written has read.
///
/// # Errors
/// `States.ItemReaderFailed`.
pub(crate) fn read_text(reader: &Value, text: &str) -> Result<Vec<KeyedItem>, Failure> {
    let bytes = BufReader::new(Box::new(Cursor::new(text.to_owned().into_bytes())) as Box<dyn Read + Send>);
    let mut records = file::of_text(bytes, &settings::format_of(reader)?)?;
    let mut items = Vec::new();
    while let Some(record) = records.read()? {
        items.push((record.key, record.value));
    }
    Ok(items)
}

/// What AWS says where items cannot be told apart.
const NOT_ITERABLE: &str = "Attempting to map over non-iterable node.";

/// Key, value and source of an item.
type Found = (Option<Arc<str>>, Value, Arc<str>);

impl Kind {
    /// What a reader reads; beside it the entity tag of the object that decides about the items, where it is one.
    async fn open(world: &Arc<World>, settings: Settings) -> Result<(Self, Option<String>), Failure> {
        match settings.reader {
            Reader::Objects { query, load: None } => Ok((Self::Listing(Listing::of(query)), None)),
            Reader::Objects { query, load: Some(format) } => {
                let files = Files { left: Left::Listed(Listing::of(query)), format, current: None };
                Ok((Self::Files(files), None))
            }
            Reader::Object { location, format } => {
                let mut files = Files { left: Left::These(VecDeque::new()), format, current: None };
                let tag = files.open(world, &location).await?;
                Ok((Self::Files(files), tag))
            }
            Reader::Manifest { location, manifest } => {
                let (files, format, tag) = manifest::open(world, location, manifest).await?;
                Ok((Self::Files(Files { left: Left::These(files), format, current: None }), tag))
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
            self.open(world, &location).await?;
        }
    }

    /// Goes on with a file; answers its entity tag.
    async fn open(&mut self, world: &World, location: &Location) -> Result<Option<String>, Failure> {
        let source = format!("S3://{}/{}", location.bucket, location.key).into();
        let (records, tag) = Records::open(world, location, &self.format).await?;
        self.current = Some((records, source));
        Ok(tag)
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
