//! Follows the month by what people are told.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::Value;

use super::{DAY_MS, DAYS, SABOTAGED};
use crate::clock;
use crate::demo::control::Control;
use crate::demo::stack::Stack;
use crate::failure::Failure;

/// Pause between two looks, real time.
const PAUSE: Duration = Duration::from_millis(200);
/// What the heading of a message about a change that is now watched says.
const WATCHED: &str = "in progress";

/// One message that people were told.
#[derive(Debug, Clone)]
pub(super) struct Message {
    /// When, milliseconds since 1970.
    pub(super) at: i64,
    /// Its subject.
    pub(super) subject: String,
    /// Its text.
    pub(super) text: String,
}

impl Message {
    /// The line that says what happened: the one after the heading.
    pub(super) fn said(&self) -> &str {
        self.text.lines().nth(1).unwrap_or_default()
    }
}

/// Lets the month pass, shows what people are told, and spoils one change; all messages.
pub(super) fn month(
    stack: &mut Stack,
    control: &Control,
    begin: i64,
    limit: Duration,
) -> Result<Vec<Message>, Failure> {
    let started = clock::now();
    let (mut seen, mut messages, mut spoiled) = (BTreeSet::new(), Vec::new(), false);
    let mut from = begin;
    loop {
        let told = control.messages(from)?;
        let now = told["now"].as_i64().unwrap_or(begin);
        for message in published(&told) {
            // Of the same millisecond there may be more.
            from = from.max(message.at);
            if seen.insert((message.at, message.subject.clone())) {
                println!("{}  {}", day(begin, message.at), line(&message));
                spoiled = spoiled || spoil(control, &message)?;
                answer(stack, &message)?;
                messages.push(message);
            }
        }
        if now >= begin + DAYS * DAY_MS {
            println!("{}  the month is over ({})", day(begin, now), clock::readable(started.elapsed()));
            return Ok(messages);
        }
        if let Some(ended) = stack.ended() {
            return Err(Failure::new(format!("{ended}: its log follows")));
        }
        if started.elapsed() > limit {
            let so_far = day(begin, now);
            return Err(Failure::new(format!("the month is not over after {}: {so_far}", clock::readable(limit))));
        }
        std::thread::sleep(PAUSE);
    }
}

/// What was published, as the sandbox shows it.
fn published(told: &Value) -> Vec<Message> {
    let published = told["messages"].as_array().into_iter().flatten();
    let message = |each: &Value| Message {
        at: each["at"].as_i64().unwrap_or(0),
        subject: each["subject"].as_str().unwrap_or_default().to_owned(),
        text: each["message"].as_str().unwrap_or_default().to_owned(),
    };
    published.map(message).collect()
}

/// Approves what a person is asked about.
fn answer(stack: &Stack, message: &Message) -> Result<(), Failure> {
    let Some((_, rest)) = message.text.split_once("stepwright approve ") else { return Ok(()) };
    let id = rest.split([',', ' ']).next().unwrap_or_default();
    // The question goes out before it is kept.
    while !stack.approve(id, "demo")? {
        std::thread::sleep(PAUSE);
    }
    println!("                 ✋ a person approves: stepwright approve {id}");
    Ok(())
}

/// Makes the service slow once its first change is being watched; `true` when that was done.
fn spoil(control: &Control, message: &Message) -> Result<bool, Failure> {
    let (service, factor) = SABOTAGED;
    if !message.subject.contains(&format!("{service} {WATCHED}")) {
        return Ok(false);
    }
    control.post("speed", &serde_json::json!({"service": service, "factor": factor}))?;
    println!("                 ⚡ {service} becomes {:.1} times as slow, and nobody says so", 1.0 / factor);
    Ok(true)
}

/// `day  3 16:00`.
fn day(begin: i64, at: i64) -> String {
    let minutes = at.rem_euclid(DAY_MS) / 60_000;
    format!("day {:>2} {:02}:{:02}", (at - begin).div_euclid(DAY_MS) + 1, minutes / 60, minutes % 60)
}

/// A message in one line: what it is about, and what it says.
fn line(message: &Message) -> String {
    let about = message.subject.rsplit_once(": incident").map_or(message.subject.as_str(), |(about, _)| about);
    let about = about.trim_start_matches("[LOW] ");
    format!("{about}: {}", shortened(message.said()))
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(150) {
        Some((cut, _)) => format!("{}…", &text[..cut]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_one_line_with_its_day() {
        let message = Message {
            at: 3 * DAY_MS + 4 * 3_600_000,
            subject: "[LOW] storefront changed for good: incident storefront-1".to_owned(),
            text: "heading\nTarget of storefront from 40 to 45 %: kept\nIncident".to_owned(),
        };
        assert_eq!(line(&message), "storefront changed for good: Target of storefront from 40 to 45 %: kept");
        assert_eq!(day(0, message.at), "day  4 04:00");
    }
}
