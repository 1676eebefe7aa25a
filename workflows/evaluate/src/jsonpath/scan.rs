//! A place in a text that is being read.

/// Reads a text from left to right.
pub(crate) struct Scan<'a> {
    rest: &'a str,
}

impl<'a> Scan<'a> {
    /// The beginning of `text`.
    pub(crate) const fn new(text: &'a str) -> Self {
        Self { rest: text }
    }

    /// What is not read yet.
    pub(crate) const fn rest(&self) -> &'a str {
        self.rest
    }

    /// Whether all is read.
    pub(crate) const fn is_done(&self) -> bool {
        self.rest.is_empty()
    }

    /// The next character, unread.
    pub(crate) fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    /// Reads the next character.
    pub(crate) fn next(&mut self) -> Option<char> {
        let letter = self.peek()?;
        self.rest = &self.rest[letter.len_utf8()..];
        Some(letter)
    }

    /// Reads `letter` if it is next.
    pub(crate) fn eat(&mut self, letter: char) -> bool {
        self.rest.strip_prefix(letter).map(|rest| self.rest = rest).is_some()
    }

    /// Reads `text` if it is next.
    pub(crate) fn eat_text(&mut self, text: &str) -> bool {
        self.rest.strip_prefix(text).map(|rest| self.rest = rest).is_some()
    }

    /// Reads `letter`.
    ///
    /// # Errors
    /// Something else is next.
    pub(crate) fn expect(&mut self, letter: char) -> Result<(), String> {
        if self.eat(letter) {
            return Ok(());
        }
        Err(match self.peek() {
            Some(other) => format!("expected '{letter}', found '{other}'"),
            None => format!("expected '{letter}' before the end"),
        })
    }

    /// Reads white space.
    pub(crate) fn skip_space(&mut self) {
        self.rest = self.rest.trim_start();
    }

    /// Reads as long as characters are `wanted`.
    pub(crate) fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> &'a str {
        let end = self.rest.find(|letter| !wanted(letter)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(end);
        self.rest = rest;
        taken
    }

    /// Reads a text in single or double quotes; `\` before that quote or before another `\` is left out, and stays
    /// otherwise.
    ///
    /// # Errors
    /// No quote is next, or the closing one is missing.
    pub(crate) fn quoted(&mut self) -> Result<String, String> {
        let quote = self.next().filter(|letter| matches!(letter, '\'' | '"'));
        let quote = quote.ok_or_else(|| String::from("a quoted name is missing"))?;
        let mut text = String::new();
        while let Some(letter) = self.next() {
            match letter {
                letter if letter == quote => return Ok(text),
                '\\' if self.eat(quote) => text.push(quote),
                '\\' => {
                    self.eat('\\');
                    text.push('\\');
                }
                letter => text.push(letter),
            }
        }
        Err(format!("the closing {quote} is missing"))
    }
}
