//! Parsing of DynamoDB's condition, filter, update and projection expressions.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use super::condition::{Comparator, Condition, Operand};
use super::reserved;
use super::token::{Token, split};
use super::value::AttributeValue;

/// A step of a document path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Segment {
    /// An attribute of a map.
    Name(String),
    /// An element of a list.
    Index(usize),
}

/// A document path; never empty, and its first segment is a name.
pub(crate) type Path = Vec<Segment>;

/// ExpressionAttributeNames and ExpressionAttributeValues, and which of them were used.
#[derive(Debug, Default)]
pub(crate) struct Placeholders {
    names: BTreeMap<String, String>,
    values: BTreeMap<String, AttributeValue>,
    used: RefCell<BTreeSet<String>>,
}

impl Placeholders {
    /// The placeholders of one request.
    pub(crate) fn new(names: BTreeMap<String, String>, values: BTreeMap<String, AttributeValue>) -> Self {
        Self { names, values, used: RefCell::default() }
    }

    /// Every placeholder must have been used by some expression; the error is DynamoDB's message.
    pub(crate) fn check_used(&self) -> Result<(), String> {
        let used = self.used.borrow();
        let unused = |keys: Vec<&String>| -> Vec<String> {
            keys.into_iter().filter(|key| !used.contains(*key)).cloned().collect()
        };
        for (what, keys) in [
            ("ExpressionAttributeNames", unused(self.names.keys().collect())),
            ("ExpressionAttributeValues", unused(self.values.keys().collect())),
        ] {
            if !keys.is_empty() {
                return Err(format!("Value provided in {what} unused in expressions: keys: {{{}}}", keys.join(", ")));
            }
        }
        Ok(())
    }
}

/// A parser over one expression.
#[derive(Debug)]
pub(crate) struct Parser<'a> {
    /// The request field it came from, e.g. `ConditionExpression`.
    pub(crate) field: &'static str,
    tokens: Vec<Token>,
    position: usize,
    placeholders: &'a Placeholders,
}

impl<'a> Parser<'a> {
    /// Splits the expression into words; errors are DynamoDB's messages.
    pub(crate) fn new(field: &'static str, text: &str, placeholders: &'a Placeholders) -> Result<Self, String> {
        if text.trim().is_empty() {
            return Err(format!("Invalid {field}: The expression can not be empty;"));
        }
        let invalid = |token| format!("Invalid {field}: Syntax error; token: \"{token}\", near: \"{token}\"");
        Ok(Self { field, tokens: split(text).map_err(invalid)?, position: 0, placeholders })
    }

    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.position)
    }

    /// The next word, if it is this keyword (in any case); consumed.
    pub(crate) fn keyword(&mut self, keyword: &str) -> bool {
        let found = matches!(self.peek(), Some(Token::Word(word)) if word.eq_ignore_ascii_case(keyword));
        self.position += usize::from(found);
        found
    }

    /// The next word, if it is this symbol; consumed.
    pub(crate) fn symbol(&mut self, symbol: &str) -> bool {
        let found = matches!(self.peek(), Some(Token::Symbol(given)) if *given == symbol);
        self.position += usize::from(found);
        found
    }

    /// Demands a symbol.
    pub(crate) fn expect(&mut self, symbol: &str) -> Result<(), String> {
        if self.symbol(symbol) { Ok(()) } else { Err(self.unexpected()) }
    }

    /// The syntax error at the next word.
    pub(crate) fn unexpected(&self) -> String {
        let from = self.position.saturating_sub(1);
        let near: Vec<String> = self.tokens.iter().skip(from).take(3).map(Token::text).collect();
        let token = self.peek().map_or_else(|| "<EOF>".to_owned(), Token::text);
        format!("Invalid {}: Syntax error; token: \"{token}\", near: \"{}\"", self.field, near.join(" "))
    }

    /// Whether every word was read.
    pub(crate) fn at_end(&self) -> bool {
        self.position == self.tokens.len()
    }

    /// Demands the end.
    pub(crate) fn end(&self) -> Result<(), String> {
        if self.at_end() { Ok(()) } else { Err(self.unexpected()) }
    }

    /// The name of a function, when the next words are `name(`; both consumed.
    pub(crate) fn function(&mut self) -> Option<String> {
        let Some(Token::Word(name)) = self.peek() else { return None };
        let name = name.clone();
        if self.tokens.get(self.position + 1) != Some(&Token::Symbol("(")) {
            return None;
        }
        self.position += 2;
        Some(name)
    }

    /// A `:value`.
    pub(crate) fn value(&mut self) -> Result<AttributeValue, String> {
        let Some(Token::Value(name)) = self.peek() else { return Err(self.unexpected()) };
        let name = name.clone();
        let Some(value) = self.placeholders.values.get(&name) else {
            let field = self.field;
            return Err(format!(
                "Invalid {field}: An expression attribute value used in expression is not defined; attribute value: {name}"
            ));
        };
        self.placeholders.used.borrow_mut().insert(name);
        self.position += 1;
        Ok(value.clone())
    }

    fn name(&mut self) -> Result<String, String> {
        let token = self.peek().cloned();
        let field = self.field;
        let name = match token {
            Some(Token::Name(alias)) => {
                let name = self.placeholders.names.get(&alias).cloned().ok_or_else(|| {
                    format!("Invalid {field}: An expression attribute name used in the document path is not defined; attribute name: {alias}")
                })?;
                self.placeholders.used.borrow_mut().insert(alias);
                name
            }
            Some(Token::Word(word)) if reserved::contains(&word) => {
                return Err(format!("Invalid {field}: Attribute name is a reserved keyword; reserved keyword: {word}"));
            }
            Some(Token::Word(word)) => word,
            _ => return Err(self.unexpected()),
        };
        self.position += 1;
        Ok(name)
    }

    /// A document path.
    pub(crate) fn path(&mut self) -> Result<Path, String> {
        let mut path = vec![Segment::Name(self.name()?)];
        loop {
            if self.symbol(".") {
                path.push(Segment::Name(self.name()?));
            } else if self.symbol("[") {
                let Some(Token::Index(index)) = self.peek().cloned() else { return Err(self.unexpected()) };
                self.position += 1;
                self.expect("]")?;
                path.push(Segment::Index(index));
            } else {
                return Ok(path);
            }
        }
    }

    /// Whether the next word is a `:value`.
    pub(crate) fn at_value(&self) -> bool {
        matches!(self.peek(), Some(Token::Value(_)))
    }

    fn operand(&mut self) -> Result<Operand, String> {
        if self.at_value() {
            return self.value().map(Operand::Value);
        }
        match self.function() {
            Some(name) if name == "size" => {
                let path = self.path()?;
                self.expect(")")?;
                Ok(Operand::Size(path))
            }
            Some(name) => Err(self.bad_function(&name)),
            None => self.path().map(Operand::Path),
        }
    }

    /// The error for a function that does not exist or may not stand here.
    pub(crate) fn bad_function(&self, name: &str) -> String {
        format!("Invalid {}: Invalid function name; function: {name}", self.field)
    }

    /// A whole condition.
    pub(crate) fn condition(mut self) -> Result<Condition, String> {
        let condition = self.disjunction(0)?;
        self.end()?;
        condition.check(self.field)?;
        Ok(condition)
    }

    fn disjunction(&mut self, depth: usize) -> Result<Condition, String> {
        if depth > 100 {
            return Err(format!("Invalid {}: The expression is nested too deeply", self.field));
        }
        let mut left = self.conjunction(depth)?;
        while self.keyword("OR") {
            left = Condition::Or(Box::new(left), Box::new(self.conjunction(depth)?));
        }
        Ok(left)
    }

    fn conjunction(&mut self, depth: usize) -> Result<Condition, String> {
        let mut left = self.negation(depth)?;
        while self.keyword("AND") {
            left = Condition::And(Box::new(left), Box::new(self.negation(depth)?));
        }
        Ok(left)
    }

    fn negation(&mut self, depth: usize) -> Result<Condition, String> {
        let mut negated = false;
        while self.keyword("NOT") {
            negated = !negated;
        }
        let condition = self.primary(depth)?;
        Ok(if negated { Condition::Not(Box::new(condition)) } else { condition })
    }

    fn primary(&mut self, depth: usize) -> Result<Condition, String> {
        if self.symbol("(") {
            let condition = self.disjunction(depth + 1)?;
            self.expect(")")?;
            return Ok(condition);
        }
        let before = self.position;
        if let Some(name) = self.function() {
            if name != "size" {
                let condition = self.predicate(&name)?;
                self.expect(")")?;
                return Ok(condition);
            }
            self.position = before;
        }
        let left = self.operand()?;
        self.comparison(left)
    }

    fn predicate(&mut self, name: &str) -> Result<Condition, String> {
        match name {
            "attribute_exists" => self.path().map(Condition::Exists),
            "attribute_not_exists" => self.path().map(Condition::NotExists),
            "attribute_type" | "begins_with" | "contains" => {
                let left = self.operand()?;
                self.expect(",")?;
                let right = self.operand()?;
                Ok(match name {
                    "attribute_type" => Condition::Type(left, right),
                    "begins_with" => Condition::BeginsWith(left, right),
                    _ => Condition::Contains(left, right),
                })
            }
            _ => Err(self.bad_function(name)),
        }
    }

    fn comparison(&mut self, left: Operand) -> Result<Condition, String> {
        if self.keyword("BETWEEN") {
            let low = self.operand()?;
            if !self.keyword("AND") {
                return Err(self.unexpected());
            }
            return Ok(Condition::Between(left, low, self.operand()?));
        }
        if self.keyword("IN") {
            self.expect("(")?;
            let mut among = vec![self.operand()?];
            while self.symbol(",") {
                among.push(self.operand()?);
            }
            self.expect(")")?;
            return Ok(Condition::In(left, among));
        }
        let comparators = [
            ("=", Comparator::Equal),
            ("<>", Comparator::NotEqual),
            ("<", Comparator::Less),
            ("<=", Comparator::LessOrEqual),
            (">", Comparator::Greater),
            (">=", Comparator::GreaterOrEqual),
        ];
        for (symbol, comparator) in comparators {
            if self.symbol(symbol) {
                return Ok(Condition::Compare(left, comparator, self.operand()?));
            }
        }
        Err(self.unexpected())
    }

    /// A whole projection: paths separated by commas.
    pub(crate) fn projection(mut self) -> Result<Vec<Path>, String> {
        let mut paths = vec![self.path()?];
        while self.symbol(",") {
            paths.push(self.path()?);
        }
        self.end()?;
        Ok(paths)
    }
}
