//! The functions that Step Functions adds to JSONata, and those that must not read a clock or draw by themselves.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use jsonata_core::evaluator::{Evaluator, EvaluatorError, HostFnResult};
use jsonata_core::value::{JValue, with_stack};

use super::convert;
use super::needs::Need;
use crate::intrinsic::encoding::digest;
use crate::random::{Java, Random};

/// The function, which no expression can spell, that bounds what is made again and again.
pub(super) const LIMIT: &str = "\u{1}limit";

/// The function, which no expression can spell, that stands for `$join`.
pub(super) const JOIN: &str = "\u{1}join";

/// The function, which no expression can spell, that refuses too many items to compare each with each.
pub(super) const FEW: &str = "\u{1}few";

/// The variable, which no expression can spell, that holds the time.
pub(super) const NOW: &str = "\u{1}now";

/// The functions, which no expression can spell, that complete a time without a date, and its picture: the evaluator
/// would take today's from a clock of its own.
pub(super) const DATED_TEXT: &str = "\u{1}dated-text";
/// See [`DATED_TEXT`].
pub(super) const DATED_PICTURE: &str = "\u{1}dated-picture";

/// The function, which no expression can spell, that refuses pictures which the evaluator does not survive.
pub(super) const PICTURE: &str = "\u{1}picture";

/// The functions installed by [`install`].
pub(super) const NAMES: [&str; 17] = [
    "eval",
    "hash",
    "millis",
    "now",
    "pad",
    "parse",
    "partition",
    "random",
    "range",
    "shuffle",
    "uuid",
    LIMIT,
    FEW,
    JOIN,
    PICTURE,
    DATED_TEXT,
    DATED_PICTURE,
];

/// Bytes of a text at most: AWS accepts 2^22 characters and refuses twice as many.
const LONGEST_TEXT: usize = 4 * 1024 * 1024;

/// Bytes of all that [`LIMIT`] sees in one evaluation. AWS bounds what an expression holds; what it has made and let go
/// cannot be told here from what it holds, so this is more than any result needs and less than hurts.
const MOST_MADE: usize = 512 * 1024 * 1024;

/// Items that may be compared each with each: more take longer than AWS lets an expression run.
const FEW_ITEMS: usize = 20_000;

/// Items of an array at most, as measured on AWS.
pub(super) const LONGEST_SEQUENCE: usize = 873_782;

/// The names of JSONata's functions, which a variable may hide.
const BUILT_IN: &str = "abs append assert average base64decode base64encode boolean ceil contains count \
    decodeUrl decodeUrlComponent distinct each encodeUrl encodeUrlComponent error eval exists filter floor formatBase \
    formatInteger formatNumber fromMillis join keys length lookup lowercase map match max merge millis min not now \
    number pad parseInteger power random reduce replace reverse round shuffle sift single sort split spread sqrt \
    string substring substringAfter substringBefore sum toMillis trim type uppercase zip";

/// Whether `name` is a function unless a variable hides it.
pub(super) fn is_function(name: &str) -> bool {
    NAMES.contains(&name) || BUILT_IN.split_whitespace().any(|function| function == name)
}

/// The source of draws of one template.
pub(super) type Draws = Rc<RefCell<Random>>;

/// Makes the function `name` of the dialect known to `evaluator`; `now` is in milliseconds since 1970.
///
/// # Errors
/// The evaluator refuses it.
#[expect(clippy::cast_precision_loss, reason = "milliseconds stay exact for 285,000 years")]
pub(super) fn install(
    evaluator: &mut Evaluator,
    name: &str,
    now: i64,
    draws: &Draws,
    made: &Made,
) -> Result<(), EvaluatorError> {
    let (draws, made) = (Rc::clone(draws), made.clone());
    match name {
        JOIN => evaluator.register_fn(name, join),
        FEW => evaluator.register_fn(name, few),
        PICTURE => evaluator.register_fn(name, picture),
        "eval" => evaluator.register_fn_override(name, |_: &[JValue]| Err(not_a_function())),
        "millis" => evaluator.register_fn_override(name, move |_: &[JValue]| Ok(JValue::Number(now as f64))),
        "now" => evaluator.register_fn_override(name, move |_: &[JValue]| Ok(JValue::from(timestamp(now).as_str()))),
        "pad" => evaluator.register_fn_override(name, pad),
        "random" => evaluator.register_fn_override(name, move |args: &[JValue]| random(args, &draws)),
        "shuffle" => evaluator.register_fn_override(name, move |args: &[JValue]| shuffle(args, &draws)),
        "hash" => evaluator.register_fn(name, hash),
        "parse" => evaluator.register_fn(name, parse),
        "partition" => evaluator.register_fn(name, partition),
        "range" => evaluator.register_fn(name, range),
        "uuid" => evaluator.register_fn(name, move |_: &[JValue]| Ok(JValue::from(draws.borrow_mut().uuid().as_str()))),
        DATED_TEXT => evaluator.register_fn(name, move |args: &[JValue]| Ok(dated(args, Some(now)))),
        DATED_PICTURE => evaluator.register_fn(name, |args: &[JValue]| Ok(dated(args, None))),
        _ => evaluator.register_fn(name, move |args: &[JValue]| limit(args, &made)),
    }
}

/// JSONata's error `T0410`.
fn mismatch(function: &str, index: usize) -> EvaluatorError {
    EvaluatorError::TypeError(format!(
        "T0410: Argument {index} of function \"{function}\" does not match function signature"
    ))
}

fn not_a_function() -> EvaluatorError {
    EvaluatorError::TypeError(String::from("T1006: Attempted to invoke a non-function"))
}

pub(super) fn memory_exceeded() -> EvaluatorError {
    EvaluatorError::EvaluationError(convert::MEMORY_EXCEEDED.to_owned())
}

/// The argument at `index`, unless it is absent or undefined.
fn given(args: &[JValue], index: usize) -> Option<&JValue> {
    args.get(index).filter(|value| !value.is_undefined())
}

/// ISO 8601 with milliseconds, as JavaScript's `toISOString` writes years 0 to 9999.
fn timestamp(now: i64) -> String {
    let instant = time::OffsetDateTime::from_unix_timestamp_nanos(i128::from(now) * 1_000_000);
    let instant = instant.unwrap_or(time::OffsetDateTime::UNIX_EPOCH);
    let (date, clock) = (instant.date(), instant.time());
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
        date.year(),
        u8::from(date.month()),
        date.day(),
        clock.hour(),
        clock.minute(),
        clock.second(),
        clock.millisecond()
    )
}

/// What one evaluation has made so far, in bytes.
#[derive(Clone, Default)]
pub(super) struct Made(Rc<Cell<usize>>);

impl Made {
    fn add(&self, bytes: usize) -> Result<(), EvaluatorError> {
        self.0.set(self.0.get().saturating_add(bytes));
        if self.0.get() > MOST_MADE { Err(memory_exceeded()) } else { Ok(()) }
    }
}

/// The value, if it is not too large and not too much of that kind has been made; a second argument says how many levels
/// of arrays in it were made with it.
fn limit(args: &[JValue], made: &Made) -> HostFnResult {
    let value = given(args, 0).cloned().unwrap_or(JValue::Undefined);
    count(&value, given(args, 1).and_then(JValue::as_f64).unwrap_or(0.0), made)?;
    Ok(value)
}

fn count(value: &JValue, levels: f64, made: &Made) -> Result<(), EvaluatorError> {
    /// Bytes of an item or a member, with what a growing array holds beside them.
    const EACH: usize = 64;
    let (bytes, too_large) = match value {
        JValue::String(text) => (text.len(), text.len() > LONGEST_TEXT),
        JValue::Array(items) => (items.len() * EACH, items.len() > LONGEST_SEQUENCE),
        JValue::Object(members) => (members.len() * EACH, false),
        _ => (0, false),
    };
    made.add(bytes)?;
    if too_large {
        return Err(memory_exceeded());
    }
    if let (JValue::Array(items), true) = (value, levels >= 1.0) {
        with_stack(|| items.iter().try_for_each(|item| count(item, levels - 1.0, made)))?;
    }
    Ok(())
}

/// The items, if they are few enough to be compared each with each.
fn few(args: &[JValue]) -> HostFnResult {
    let value = given(args, 0).cloned().unwrap_or(JValue::Undefined);
    if value.as_array().is_some_and(|items| items.len() > FEW_ITEMS) {
        return Err(EvaluatorError::EvaluationError(String::from(
            "D1012: Expression evaluation timeout: Check for infinite loop",
        )));
    }
    Ok(value)
}

/// The picture of a time, if each of its parts begins with a letter that may stand for something.
fn picture(args: &[JValue]) -> HostFnResult {
    let value = given(args, 0).cloned().unwrap_or(JValue::Undefined);
    let unknown = value.as_str().and_then(|text| {
        let text = text.replace("[[", "");
        let parts = text.split('[').skip(1);
        parts.filter_map(|part| part.trim_start().chars().next()).find(|letter| !letter.is_ascii_alphabetic())
    });
    match unknown {
        Some(letter) => Err(EvaluatorError::EvaluationError(format!(
            "D3132: Unknown component specifier \"{letter}\" in date/time picture string"
        ))),
        None => Ok(value),
    }
}

/// The texts with a separator between them; how long they become is known before they are put together.
fn join(args: &[JValue]) -> HostFnResult {
    let Some(texts) = given(args, 0) else { return Ok(JValue::Undefined) };
    let wrong =
        || EvaluatorError::TypeError(String::from("T0412: Argument 1 of function join must be an array of String"));
    let separator = match given(args, 1) {
        Some(separator) => separator.as_str().ok_or_else(|| mismatch("join", 2))?,
        None => "",
    };
    let texts = listed(texts);
    let texts = texts.iter().map(|text| text.as_str().ok_or_else(wrong)).collect::<Result<Vec<&str>, _>>()?;
    let separators = separator.len().saturating_mul(texts.len().saturating_sub(1));
    if texts.iter().map(|text| text.len()).sum::<usize>().saturating_add(separators) > LONGEST_TEXT {
        return Err(memory_exceeded());
    }
    Ok(JValue::from(texts.join(separator).as_str()))
}

/// The parts of a time from the largest on: letters that stand for it in a picture, its own picture, its place in
/// [`timestamp`].
const PARTS: [(&[char], &str, std::ops::Range<usize>); 6] = [
    (&['Y'], "[Y0001]", 0..4),
    (&['M'], "[M01]", 5..7),
    (&['D'], "[D01]", 8..10),
    (&['H', 'h'], "[H01]", 11..13),
    (&['m'], "[m01]", 14..16),
    (&['s'], "[s01]", 17..19),
];

/// The picture that is the last of `args`, or with `now` the text that is the first, with the parts before it that a
/// picture leaves to the present.
fn dated(args: &[JValue], now: Option<i64>) -> JValue {
    let kept = given(args, 0).cloned().unwrap_or(JValue::Undefined);
    let (Some(text), Some(picture)) = (kept.as_str(), args.last().and_then(JValue::as_str)) else { return kept };
    let present = now.map(timestamp);
    let part = |(_, picture, place): &(&[char], &'static str, std::ops::Range<usize>)| match &present {
        Some(present) => present.get(place.clone()).unwrap_or_default().to_owned(),
        None => (*picture).to_owned(),
    };
    let before: Vec<String> = PARTS.iter().take(left_open(picture)).map(part).collect();
    if before.is_empty() { kept } else { JValue::from(format!("{}~{text}", before.join("~")).as_str()) }
}

/// How many of [`PARTS`] stand before the largest one in `picture`; none where it counts days or weeks instead.
fn left_open(picture: &str) -> usize {
    let escaped = picture.replace("[[", "");
    let letters: Vec<char> = escaped.split('[').skip(1).filter_map(|part| part.trim_start().chars().next()).collect();
    if letters.is_empty() || letters.iter().any(|letter| "XxWwd".contains(*letter)) {
        return 0;
    }
    PARTS.iter().take_while(|(known, ..)| !known.iter().any(|letter| letters.contains(letter))).count()
}

/// The text filled up to a width with characters: behind it, or before it where the width is negative.
#[expect(clippy::cast_possible_truncation, reason = "casting saturates, and longer texts are refused")]
fn pad(args: &[JValue]) -> HostFnResult {
    let Some(text) = given(args, 0) else { return Ok(JValue::Undefined) };
    let text = text.as_str().ok_or_else(|| mismatch("pad", 1))?;
    let width = given(args, 1).and_then(JValue::as_f64).ok_or_else(|| mismatch("pad", 2))? as i64;
    let fill = match given(args, 2) {
        Some(fill) => fill.as_str().ok_or_else(|| mismatch("pad", 3))?,
        None => " ",
    };
    let length = usize::try_from(width.unsigned_abs()).unwrap_or(usize::MAX);
    if length > LONGEST_TEXT {
        return Err(memory_exceeded());
    }
    let fill = if fill.is_empty() { " " } else { fill };
    let padding: String = fill.chars().cycle().take(length.saturating_sub(text.chars().count())).collect();
    Ok(JValue::from(if width < 0 { padding + text } else { text.to_owned() + &padding }.as_str()))
}

/// A double from 0 to below 1; with a seed, `java.util.Random`'s first one.
#[expect(clippy::cast_possible_truncation, reason = "a seed is a whole number; casting saturates")]
fn random(args: &[JValue], draws: &Draws) -> HostFnResult {
    let Some(seed) = given(args, 0) else { return Ok(JValue::Number(draws.borrow_mut().unit())) };
    let seed = seed.as_f64().ok_or_else(|| mismatch("random", 1))?;
    Ok(JValue::Number(Java::new(seed as i64).unit()))
}

/// The items in an order drawn at random: the algorithm of Fisher and Yates.
fn shuffle(args: &[JValue], draws: &Draws) -> HostFnResult {
    let Some(items) = given(args, 0) else { return Ok(JValue::Undefined) };
    let mut items = listed(items);
    let mut random = draws.borrow_mut();
    for last in (1..items.len()).rev() {
        let drawn = random.below(u64::try_from(last).unwrap_or(u64::MAX).saturating_add(1));
        items.swap(last, usize::try_from(drawn).unwrap_or(last));
    }
    Ok(JValue::array(items))
}

/// The items; a single value is an array of itself, as JSONata's signatures have it.
fn listed(value: &JValue) -> Vec<JValue> {
    value.as_array().map_or_else(|| vec![value.clone()], Clone::clone)
}

/// The digest of a text, in hexadecimal digits.
fn hash(args: &[JValue]) -> HostFnResult {
    let Some(text) = given(args, 0) else { return Ok(JValue::Undefined) };
    let text = text.as_str().ok_or_else(|| mismatch("hash", 1))?;
    let algorithm = given(args, 1).and_then(JValue::as_str).ok_or_else(|| mismatch("hash", 2))?;
    let digest = digest(text, algorithm).ok_or_else(|| {
        EvaluatorError::EvaluationError(format!(
            "'{algorithm}' is not a hash algorithm: MD5, SHA-1, SHA-256, SHA-384 and SHA-512 are"
        ))
    })?;
    Ok(JValue::from(digest.as_str()))
}

/// The value that a JSON text stands for.
fn parse(args: &[JValue]) -> HostFnResult {
    let Some(text) = given(args, 0) else { return Ok(JValue::Undefined) };
    let text = text.as_str().ok_or_else(|| mismatch("parse", 1))?;
    let value = asl::Value::parse(text)
        .map_err(|error| EvaluatorError::EvaluationError(format!("the argument of $parse is not JSON: {error}")))?;
    Ok(convert::import(&value, &Need { whole: true, ..Need::default() }))
}

/// A number argument without its fraction, which AWS cuts off.
#[expect(clippy::cast_possible_truncation, reason = "casting saturates")]
fn whole(args: &[JValue], index: usize, function: &str) -> Result<i64, EvaluatorError> {
    let number = args.get(index).and_then(JValue::as_f64).ok_or_else(|| mismatch(function, index + 1))?;
    Ok(number as i64)
}

/// The items in arrays of so many each; nothing where the size is 0 or there are no items.
fn partition(args: &[JValue]) -> HostFnResult {
    let Some(items) = given(args, 0) else { return Ok(JValue::Undefined) };
    if given(args, 1).is_none() {
        return Ok(JValue::Undefined);
    }
    let size = usize::try_from(whole(args, 1, "partition")?).map_err(|_| {
        EvaluatorError::EvaluationError(String::from(
            "the size of a part, the second argument of $partition, is negative",
        ))
    })?;
    let items = listed(items);
    if size == 0 || items.is_empty() {
        return Ok(JValue::Undefined);
    }
    Ok(JValue::cons(items.chunks(size).map(|part| JValue::cons(part.to_vec())).collect()))
}

/// The numbers from the first to the second argument, both included, by steps of the third; nothing where there are
/// none.
#[expect(clippy::cast_precision_loss, reason = "the numbers of the evaluator are doubles")]
fn range(args: &[JValue]) -> HostFnResult {
    if (0..3).any(|index| given(args, index).is_none()) {
        return Ok(JValue::Undefined);
    }
    let (first, last, step) = (whole(args, 0, "range")?, whole(args, 1, "range")?, whole(args, 2, "range")?);
    if step == 0 || (step > 0 && first > last) || (step < 0 && first < last) {
        return Ok(JValue::Undefined);
    }
    let steps = usize::try_from(first.abs_diff(last) / step.unsigned_abs()).unwrap_or(usize::MAX);
    if steps >= LONGEST_SEQUENCE {
        return Err(memory_exceeded());
    }
    let numbers = std::iter::successors(Some(first), |number| number.checked_add(step)).take(steps + 1);
    Ok(JValue::cons(numbers.map(|number| JValue::Number(number as f64)).collect()))
}
