//! CloudWatch Logs: log groups and their lines.

use super::input::Input;
use super::{Answer, Failure};
use crate::wire::Node;
use crate::world::World;
use crate::world::account::{LogGroup, LogLine};

/// How many lines one page has at most.
const PAGE: i64 = 10_000;
/// How long CloudWatch Logs can be told to keep lines, days.
const RETENTION_DAYS: [i64; 22] =
    [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653];

/// Performs an operation.
pub(super) fn perform(world: &mut World, operation: &str, input: &Input) -> Answer {
    Some(match operation {
        "DescribeLogGroups" => describe(world, input),
        "FilterLogEvents" => filter(world, input),
        "PutRetentionPolicy" if world.fleet.is_some() => put_retention(world, input),
        "DeleteRetentionPolicy" if world.fleet.is_some() => delete_retention(world, input),
        _ => return None,
    })
}

fn arn(world: &World, name: &str) -> String {
    world.place.arn("logs", &format!("log-group:{name}"))
}

fn describe(world: &World, input: &Input) -> Result<Node, Failure> {
    input.only(&["logGroupNamePrefix", "logGroupNamePattern", "limit", "nextToken"])?;
    let prefix = input.text("logGroupNamePrefix")?.unwrap_or_default();
    let pattern = input.text("logGroupNamePattern")?.unwrap_or_default();
    let found = world.log_groups.iter().filter(|(name, _)| name.starts_with(prefix) && name.contains(pattern));
    let views = found.map(|(name, group)| {
        let bytes = group.stored_bytes(world.now_ms);
        Node::map([
            ("logGroupName", name.as_str().into()),
            ("creationTime", group.created_ms.into()),
            ("retentionInDays", group.retention_days.into()),
            ("metricFilterCount", 0_i64.into()),
            ("arn", format!("{}:*", arn(world, name)).into()),
            ("storedBytes", bytes.into()),
            ("logGroupClass", "STANDARD".into()),
            ("logGroupArn", arn(world, name).into()),
        ])
    });
    Ok(Node::map([("logGroups", Node::list(views))]))
}

/// The log group whose retention is to be changed.
fn kept<'a>(world: &'a mut World, input: &Input) -> Result<&'a mut LogGroup, Failure> {
    let name = input.required("logGroupName")?;
    let message = "The specified log group does not exist.";
    world.log_groups.get_mut(name).ok_or_else(|| Failure::new("ResourceNotFoundException", message))
}

fn put_retention(world: &mut World, input: &Input) -> Result<Node, Failure> {
    input.only(&["logGroupName", "retentionInDays"])?;
    let days = input.integer("retentionInDays")?.ok_or_else(|| input.missing("retentionInDays"))?;
    if !RETENTION_DAYS.contains(&days) {
        let valid: Vec<String> = RETENTION_DAYS.iter().map(i64::to_string).collect();
        return Err(input.invalid(&format!("retentionInDays must be one of {}.", valid.join(", "))));
    }
    kept(world, input)?.retention_days = Some(days);
    Ok(Node::empty())
}

fn delete_retention(world: &mut World, input: &Input) -> Result<Node, Failure> {
    input.only(&["logGroupName"])?;
    kept(world, input)?.retention_days = None;
    Ok(Node::empty())
}

fn group<'a>(world: &'a World, input: &Input) -> Result<&'a LogGroup, Failure> {
    let name = match input.text("logGroupName")? {
        Some(name) => name,
        None => {
            let identifier = input.required("logGroupIdentifier")?;
            identifier.rsplit(":log-group:").next().unwrap_or(identifier)
        }
    };
    let message = "The specified log group does not exist.";
    world.log_groups.get(name).ok_or_else(|| Failure::new("ResourceNotFoundException", message))
}

fn filter(world: &World, input: &Input) -> Result<Node, Failure> {
    input.only(&[
        "logGroupName",
        "logGroupIdentifier",
        "logStreamNames",
        "logStreamNamePrefix",
        "startTime",
        "endTime",
        "filterPattern",
        "nextToken",
        "limit",
    ])?;
    let group = group(world, input)?;
    let streams = input.texts("logStreamNames")?;
    let prefix = input.text("logStreamNamePrefix")?.unwrap_or_default();
    let (from_ms, to_ms) = (input.integer("startTime")?.unwrap_or(0), input.integer("endTime")?.unwrap_or(i64::MAX));
    let pattern = Pattern::parse(input, input.text("filterPattern")?.unwrap_or_default())?;
    let after: u64 = match input.text("nextToken")? {
        Some(token) => token.parse().map_err(|_| input.invalid("The specified nextToken is invalid."))?,
        None => 0,
    };
    let limit = usize::try_from(input.integer("limit")?.unwrap_or(PAGE).clamp(1, PAGE)).unwrap_or(1);
    let wanted = |line: &&LogLine| {
        line.number > after
            && (from_ms..=to_ms).contains(&line.at_ms)
            && (streams.is_empty() || streams.contains(&line.stream.as_str()))
            && line.stream.starts_with(prefix)
            && pattern.matches(&line.message)
    };
    let found: Vec<&LogLine> = group.lines.iter().filter(wanted).take(limit + 1).collect();
    let page = &found[..found.len().min(limit)];
    let next = (found.len() > limit).then(|| page.last().map(|line| line.number.to_string())).flatten();
    let events = page.iter().map(|line| {
        Node::map([
            ("logStreamName", line.stream.as_str().into()),
            ("timestamp", line.at_ms.into()),
            ("message", line.message.as_str().into()),
            ("ingestionTime", line.at_ms.into()),
            ("eventId", format!("{:056}", line.number).into()),
        ])
    });
    let events = Node::list(events);
    Ok(Node::map([("events", events), ("searchedLogStreams", Node::list([])), ("nextToken", next.into())]))
}

/// A filter pattern of plain terms: all must be there, or with `?` before each, any.
struct Pattern {
    all: Vec<String>,
    any: Vec<String>,
}

impl Pattern {
    fn parse(input: &Input, text: &str) -> Result<Self, Failure> {
        if text.starts_with(['{', '[', '%']) || text.contains(" -") || text.starts_with('-') {
            return Err(input.invalid("the sandbox matches plain terms, and terms with ? before each, only"));
        }
        let (mut all, mut any) = (Vec::new(), Vec::new());
        // Quoted terms are the odd pieces between quotation marks.
        for (index, piece) in text.split('"').enumerate() {
            if index % 2 == 1 {
                all.push(piece.to_owned());
                continue;
            }
            for term in piece.split_whitespace() {
                match term.strip_prefix('?') {
                    Some(term) if !term.is_empty() => any.push(term.to_owned()),
                    Some(_) => {}
                    None => all.push(term.to_owned()),
                }
            }
        }
        Ok(Self { all, any })
    }

    fn matches(&self, message: &str) -> bool {
        self.all.iter().all(|term| message.contains(term.as_str()))
            && (self.any.is_empty() || self.any.iter().any(|term| message.contains(term.as_str())))
    }
}
