//! `States.Format`, `StringSplit`, `UUID`.

use asl::Value;

use crate::java;
use crate::random::Random;

/// The first argument with each `{}` replaced by the next one of the others. `\{`, `\}`, `\'` and `\\` stand for the
/// character alone.
pub(super) fn format(arguments: &[Value], _: &mut Random) -> Result<Value, String> {
    let (template, values) = arguments.split_first().ok_or("The first argument is missing")?;
    let template =
        template.as_str().ok_or_else(|| format!("The first argument must be a string, but was: {template}"))?;
    let mut values = values.iter();
    let mut text = String::with_capacity(template.len());
    let mut letters = template.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => text.extend(letters.next()),
            '{' if letters.peek() == Some(&'}') => {
                letters.next();
                let value = values.next().ok_or("There are more {} than arguments")?;
                text.push_str(&java::text(value));
            }
            letter => text.push(letter),
        }
    }
    if values.next().is_some() {
        return Err(String::from("There are more arguments than {}"));
    }
    Ok(text.into())
}

/// The parts of a text between the characters of the second argument; empty parts are left out.
pub(super) fn split(arguments: &[Value], _: &mut Random) -> Result<Value, String> {
    let [Value::String(text), Value::String(delimiters)] = arguments else {
        return Err(String::from("Both arguments must be strings"));
    };
    let parts = text.split(|letter| delimiters.contains(letter)).filter(|part| !part.is_empty());
    Ok(Value::array(parts.map(Value::from).collect()))
}

/// A version 4 UUID.
#[expect(clippy::unnecessary_wraps, reason = "the signature of the registry")]
pub(super) fn uuid(_: &[Value], random: &mut Random) -> Result<Value, String> {
    Ok(random.uuid().into())
}
