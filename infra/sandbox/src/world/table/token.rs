//! The words of DynamoDB's expression language.

/// A word of an expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Token {
    /// An attribute name, keyword or function name.
    Word(String),
    /// `#name`, with its sign.
    Name(String),
    /// `:value`, with its sign.
    Value(String),
    /// A list index.
    Index(usize),
    /// An operator or a bracket.
    Symbol(&'static str),
}

impl Token {
    /// As it was written.
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Word(text) | Self::Name(text) | Self::Value(text) => text.clone(),
            Self::Index(index) => index.to_string(),
            Self::Symbol(symbol) => (*symbol).to_owned(),
        }
    }
}

const SYMBOLS: [&str; 14] = ["<>", "<=", ">=", "<", ">", "=", "(", ")", "[", "]", ",", ".", "+", "-"];

/// Splits an expression into words; the error is the text that is none.
pub(crate) fn split(expression: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut rest = expression.trim_start();
    while let Some(first) = rest.chars().next() {
        let taken = if first == '#' || first == ':' {
            let length = 1 + word_length(&rest[1..]);
            let text = rest[..length].to_owned();
            if length == 1 {
                return Err(text);
            }
            tokens.push(if first == '#' { Token::Name(text) } else { Token::Value(text) });
            length
        } else if first.is_ascii_digit() {
            let length = rest.bytes().take_while(u8::is_ascii_digit).count();
            tokens.push(Token::Index(rest[..length].parse().map_err(|_| rest[..length].to_owned())?));
            length
        } else if first.is_ascii_alphabetic() || first == '_' {
            let length = word_length(rest);
            tokens.push(Token::Word(rest[..length].to_owned()));
            length
        } else {
            let symbol =
                SYMBOLS.into_iter().find(|symbol| rest.starts_with(symbol)).ok_or_else(|| first.to_string())?;
            tokens.push(Token::Symbol(symbol));
            symbol.len()
        };
        rest = rest[taken..].trim_start();
    }
    Ok(tokens)
}

fn word_length(text: &str) -> usize {
    text.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_').count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_told_apart() {
        let tokens = split("#s[0].a<>:v AND size(b)>=:n").unwrap();
        let texts: Vec<String> = tokens.iter().map(Token::text).collect();
        assert_eq!(texts, ["#s", "[", "0", "]", ".", "a", "<>", ":v", "AND", "size", "(", "b", ")", ">=", ":n"]);
        assert_eq!(split("a & b"), Err("&".to_owned()));
        assert_eq!(split("# = :v"), Err("#".to_owned()));
    }
}
