//! Tags of state machines and activities.

use crate::arn;
use crate::core::Core;
use crate::description::{Activity, StateMachine, Tag};
use crate::exception::Error;
use crate::store::write;

/// Tags that a resource has at most.
const MOST: usize = 50;

/// `old` with `new`: a key that is there keeps its place and gets the new value.
///
/// # Errors
/// `TooManyTags`.
pub(crate) fn merged(mut old: Vec<Tag>, new: Vec<Tag>) -> Result<Vec<Tag>, Error> {
    for tag in new {
        match old.iter_mut().find(|there| there.key == tag.key) {
            Some(there) => there.value = tag.value,
            None => old.push(tag),
        }
    }
    if old.len() > MOST {
        let message = format!("A resource can have at most {MOST} tags; it would have {}", old.len());
        return Err(Error::TooManyTags(message));
    }
    Ok(old)
}

impl Core {
    /// Adds tags to a resource, or changes their values.
    pub(crate) async fn tag(&self, arn: &str, tags: Vec<Tag>) -> Result<(), Error> {
        self.change_tags(arn, |old| merged(old, tags)).await
    }

    /// Takes tags away; a key that is not there is no error.
    pub(crate) async fn untag(&self, arn: &str, keys: &[String]) -> Result<(), Error> {
        let without = |mut tags: Vec<Tag>| {
            tags.retain(|tag| !keys.contains(&tag.key));
            Ok(tags)
        };
        self.change_tags(arn, without).await
    }

    /// The tags of a resource.
    pub(crate) fn tags(&self, arn: &str) -> Result<Vec<Tag>, Error> {
        match arn::kind(arn)? {
            "activity" => self.activities.find(arn).map(|activity| activity.tags),
            "stateMachine" => self.machines.find(arn).map(|machine| machine.tags.clone()),
            other => return Err(arn::wrong_kind(other)),
        }
        .ok_or_else(|| missing(arn))
    }

    async fn change_tags(
        &self,
        arn: &str,
        change: impl FnOnce(Vec<Tag>) -> Result<Vec<Tag>, Error>,
    ) -> Result<(), Error> {
        let _change = self.changes.lock().await;
        let old = self.tags(arn)?;
        let tags = change(old.clone())?;
        if tags == old {
            return Ok(());
        }
        if let Some(machine) = self.machines.find(arn) {
            self.put_machine(StateMachine { tags, ..(*machine).clone() }).await?;
        } else if let Some(activity) = self.activities.find(arn) {
            let activity = Activity { tags, ..activity };
            self.records.committer.write(vec![write::activity(&activity)]).durable().await?;
            self.activities.add(activity);
        }
        Ok(())
    }
}

fn missing(arn: &str) -> Error {
    Error::ResourceNotFound(format!("Resource not found: '{arn}'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(keys: std::ops::Range<usize>, value: &str) -> Vec<Tag> {
        keys.map(|key| Tag { key: key.to_string(), value: value.to_owned() }).collect()
    }

    #[test]
    fn a_key_is_there_once_and_keeps_its_place() {
        let merged = merged(tags(0..3, "old"), tags(1..2, "new")).unwrap();
        assert_eq!(merged.iter().map(|tag| &*tag.value).collect::<Vec<_>>(), ["old", "new", "old"]);
    }

    #[test]
    fn fifty_are_enough() {
        assert_eq!(merged(tags(0..49, ""), tags(40..50, "")).unwrap().len(), MOST);
        let error = merged(tags(0..50, ""), tags(50..51, "")).unwrap_err();
        assert_eq!((error.code(), error.to_string().contains("50")), ("TooManyTags", true));
    }
}
