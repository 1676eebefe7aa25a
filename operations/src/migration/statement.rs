//! A migration's text cut into its statements, each as it stands and as far as the parser understands it.

use super::file::Migration;
use sqlparser::ast;
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::parser::Parser;
use sqlparser::tokenizer::{Location, Token, TokenWithSpan, Tokenizer, Whitespace};

/// The comment before a statement that is to be applied although it is not understood.
const MARK: &str = "unchecked:";
/// The longest excerpt of a statement, in characters.
const EXCERPT: usize = 100;
const DIALECT: PostgreSqlDialect = PostgreSqlDialect {};

/// One statement.
#[derive(Debug, Clone, PartialEq)]
pub struct Statement {
    /// Its text, without the semicolon.
    pub text: String,
    /// The line on which it begins, from 1.
    pub line: u64,
    /// Whether a comment `-- unchecked: <reason>` stands before it.
    pub marked: bool,
    /// The statement as the parser understands it, or why it does not.
    pub(super) parsed: Result<ast::Statement, String>,
}

/// An index that is to be created concurrently.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConcurrentIndex {
    /// Its name, quoted as SQL needs it.
    pub name: String,
    /// Its name as PostgreSQL stores it.
    pub stored: String,
    /// Its table, as the statement names it.
    pub table: String,
    /// Whether the statement is content with an index of that name that is there already.
    pub if_not_exists: bool,
    create: Box<ast::CreateIndex>,
}

impl ConcurrentIndex {
    /// The statement that creates the same index under another name on another table, in a transaction: from an
    /// empty copy of the table one reads how PostgreSQL itself writes the definition.
    pub fn on(&self, table: &str, name: &str) -> String {
        let mut create = (*self.create).clone();
        create.name = Some(vec![ast::Ident::new(name)].into());
        create.table_name = vec![ast::Ident::new(table)].into();
        (create.concurrently, create.if_not_exists) = (false, false);
        create.to_string()
    }
}

impl Statement {
    /// The index that it creates concurrently, when it does that and the index has a name.
    pub fn concurrent_index(&self) -> Option<ConcurrentIndex> {
        let Ok(ast::Statement::CreateIndex(create)) = &self.parsed else { return None };
        let name = create.name.as_ref().filter(|_| create.concurrently)?;
        Some(ConcurrentIndex {
            name: name.to_string(),
            stored: name.0.last().and_then(ast::ObjectNamePart::as_ident).map(stored).unwrap_or_default(),
            table: create.table_name.to_string(),
            if_not_exists: create.if_not_exists,
            create: Box::new(create.clone()),
        })
    }

    /// Whether its count of rows is one of rows changed.
    pub fn changes_rows(&self) -> bool {
        self.parsed.as_ref().is_ok_and(changes_rows)
    }

    /// Whether its waiting hurts nobody, so that the statement's own time-out is limit enough.
    pub fn is_concurrent(&self) -> bool {
        words(&self.text).is_some_and(|words| words.iter().any(|word| word.eq_ignore_ascii_case("concurrently")))
    }

    /// Its beginning on one line, for messages.
    pub fn excerpt(&self) -> String {
        let line = self.text.split_whitespace().collect::<Vec<_>>().join(" ");
        if line.chars().count() <= EXCERPT {
            return line;
        }
        format!("{}…", line.chars().take(EXCERPT).collect::<String>())
    }
}

/// Whether a statement inserts, updates or deletes at its outermost level, so that its count of rows says how many.
pub(super) fn changes_rows(sql: &ast::Statement) -> bool {
    use ast::{SetExpr, Statement as Sql};
    match sql {
        Sql::Insert(_) | Sql::Update(_) | Sql::Delete(_) | Sql::Merge(_) => true,
        Sql::Query(query) => {
            matches!(*query.body, SetExpr::Insert(_) | SetExpr::Update(_) | SetExpr::Delete(_) | SetExpr::Merge(_))
        }
        _ => false,
    }
}

/// An identifier as PostgreSQL stores it.
pub(super) fn stored(ident: &ast::Ident) -> String {
    if ident.quote_style.is_some() { ident.value.clone() } else { ident.value.to_lowercase() }
}

/// Whether a run of this migration that was cut short can be taken up again: a batched one goes on, and concurrently
/// created indexes are recognised.
pub fn resumes(migration: &Migration) -> bool {
    let Ok(statements) = split(&migration.text) else { return false };
    let indexes = || statements.iter().all(|statement| statement.concurrent_index().is_some());
    migration.header.batch.is_some() || (migration.header.no_transaction && !statements.is_empty() && indexes())
}

/// The words and signs of a text, without blanks and comments; `None` when it cannot be cut into any.
pub fn words(text: &str) -> Option<Vec<String>> {
    let tokens = Tokenizer::new(&DIALECT, text).tokenize().ok()?;
    Some(tokens.iter().filter(|token| !matches!(token, Token::Whitespace(_))).map(ToString::to_string).collect())
}

/// Cuts a text into statements.
///
/// # Errors
/// Says where the text stops being SQL: a quotation or a comment that does not end.
pub fn split(text: &str) -> Result<Vec<Statement>, String> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let tokens = Tokenizer::new(&DIALECT, text).tokenize_with_location().map_err(|error| error.to_string())?;
    let mut places = Places::of(text);
    let mut statements = Vec::new();
    let mut body = Body::default();
    let (mut current, mut marked) = (Vec::new(), false);
    for token in tokens {
        match &token.token {
            Token::EOF => {}
            Token::SemiColon if !body.open() => {
                statements.extend(statement(text, &mut places, std::mem::take(&mut current), marked));
                (marked, body) = (false, Body::default());
                continue;
            }
            Token::Whitespace(blank) if current.is_empty() => {
                marked |= is_mark(blank);
                continue;
            }
            other => body.see(other),
        }
        if token.token != Token::EOF {
            current.push(token);
        }
    }
    statements.extend(statement(text, &mut places, current, marked));
    Ok(statements)
}

/// A mark with a reason behind it.
fn is_mark(blank: &Whitespace) -> bool {
    let Whitespace::SingleLineComment { comment, .. } = blank else { return false };
    comment.trim().strip_prefix(MARK).is_some_and(|reason| !reason.trim().is_empty())
}

fn statement(text: &str, places: &mut Places<'_>, mut tokens: Vec<TokenWithSpan>, marked: bool) -> Option<Statement> {
    while tokens.last().is_some_and(|token| matches!(token.token, Token::Whitespace(_))) {
        tokens.pop();
    }
    let (first, last) = (tokens.first()?.span.start, tokens.last()?.span.end);
    let begin = places.offset(first);
    let end = places.offset(last);
    Some(Statement { text: text[begin..end].to_owned(), line: first.line, marked, parsed: parse(tokens) })
}

fn parse(tokens: Vec<TokenWithSpan>) -> Result<ast::Statement, String> {
    let mut parser = Parser::new(&DIALECT).with_tokens_with_locations(tokens);
    let statement = parser.parse_statement().map_err(|error| error.to_string())?;
    let rest = parser.peek_token_ref();
    if rest.token == Token::EOF { Ok(statement) } else { Err(format!("unexpected {rest}{}", rest.span.start)) }
}

/// Reads one statement that stands alone.
pub(super) fn parse_one(text: &str) -> Option<ast::Statement> {
    let mut statements = Parser::parse_sql(&DIALECT, text).ok()?;
    if statements.len() == 1 { statements.pop() } else { None }
}

/// Reads a type's name.
pub(super) fn parse_type(text: &str) -> Option<ast::DataType> {
    Parser::new(&DIALECT).try_with_sql(text).ok()?.parse_data_type().ok()
}

/// Whether we are in a function's body of the form `BEGIN ATOMIC … END`, in which semicolons end no statement.
#[derive(Debug, Default)]
struct Body {
    after_begin: bool,
    depth: u32,
}

impl Body {
    fn open(&self) -> bool {
        self.depth > 0
    }

    fn see(&mut self, token: &Token) {
        let Token::Word(word) = token else {
            self.after_begin &= matches!(token, Token::Whitespace(_));
            return;
        };
        let plain = if word.quote_style.is_none() { word.value.to_ascii_uppercase() } else { String::new() };
        match plain.as_str() {
            "ATOMIC" if self.after_begin => self.depth += 1,
            "CASE" if self.depth > 0 => self.depth += 1,
            "END" => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
        self.after_begin = plain == "BEGIN";
    }
}

/// From lines and columns to bytes, for places that are asked for in ascending order.
#[derive(Debug)]
struct Places<'a> {
    characters: std::str::CharIndices<'a>,
    here: Location,
    length: usize,
}

impl<'a> Places<'a> {
    fn of(text: &'a str) -> Self {
        Self { characters: text.char_indices(), here: Location::new(1, 1), length: text.len() }
    }

    fn offset(&mut self, place: Location) -> usize {
        while (self.here.line, self.here.column) < (place.line, place.column) {
            match self.characters.next() {
                Some((_, '\n')) => self.here = Location::new(self.here.line + 1, 1),
                Some(_) => self.here.column += 1,
                None => return self.length,
            }
        }
        self.characters.offset()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str) -> Vec<(u64, String)> {
        split(text).unwrap().into_iter().map(|statement| (statement.line, statement.text)).collect()
    }

    #[test]
    fn statements_are_cut_as_they_stand() {
        let text = "\u{feff}-- über; alles\r\nSELECT 'ä;b', \"c;d\" ; /* ; /* ; */ ; */\r\n\r\n  DO $x$ BEGIN; END $x$;;\n\
            SELECT E'\\';', 1 -- behind\n;\nSELECT 2";
        let wanted =
            [(2, "SELECT 'ä;b', \"c;d\""), (4, "DO $x$ BEGIN; END $x$"), (5, "SELECT E'\\';', 1"), (7, "SELECT 2")];
        assert_eq!(texts(text), wanted.map(|(line, text)| (line, text.to_owned())));
    }

    #[test]
    fn a_body_in_sql_is_one_statement() {
        let body = "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; SELECT 2; END";
        assert_eq!(texts(&format!("{body}; SELECT 3")), [(1, body.to_owned()), (1, "SELECT 3".to_owned())]);
        assert_eq!(texts("BEGIN; COMMIT; END").len(), 3);
    }

    #[test]
    fn a_text_that_does_not_end_is_told() {
        assert!(split("SELECT 'a").unwrap_err().contains("Unterminated"));
        assert_eq!(words("SELECT 'a"), None);
    }

    #[test]
    fn the_mark_needs_a_reason_and_belongs_to_the_next_statement() {
        let text = "-- unchecked: a reason\nFROB a;\n-- unchecked:\nFROB b;\nSELECT 1; -- unchecked: of c\nFROB c";
        let marked: Vec<_> = split(text).unwrap().into_iter().map(|statement| statement.marked).collect();
        assert_eq!(marked, [true, false, false, true]);
    }

    #[test]
    fn concurrent_indexes_are_recognised_and_written_for_a_copy() {
        let text = "CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS \"By C\" ON shop.orders USING btree (lower(c) DESC) \
            WHERE status = 'open'; CREATE INDEX plain ON orders (c); CREATE INDEX CONCURRENTLY ON orders (c)";
        let statements = split(text).unwrap();
        let index = statements[0].concurrent_index().unwrap();
        assert_eq!((index.name.as_str(), index.stored.as_str()), ("\"By C\"", "By C"));
        assert_eq!((index.table.as_str(), index.if_not_exists), ("shop.orders", true));
        let probe = index.on("copy", "probe");
        assert!(probe.starts_with("CREATE UNIQUE INDEX probe ON copy"), "{probe}");
        assert!(probe.contains("WHERE status = 'open'"), "{probe}");
        assert_eq!(statements[1].concurrent_index(), None);
        assert_eq!(statements[2].concurrent_index(), None, "what has no name cannot be found again");
    }

    #[test]
    fn what_can_be_taken_up_again() {
        let resumes = |text: &str| resumes(&Migration::read("1_a.sql", text).unwrap().unwrap());
        assert!(resumes("-- batch: 5\nUPDATE a SET b = 1 WHERE c IN (SELECT c FROM a WHERE b IS NULL LIMIT $1)"));
        assert!(resumes("-- no-transaction\nCREATE INDEX CONCURRENTLY a ON b (c)"));
        assert!(!resumes("-- no-transaction\nCREATE INDEX CONCURRENTLY a ON b (c); VACUUM b"));
        assert!(!resumes("CREATE INDEX CONCURRENTLY a ON b (c)"));
        assert!(!resumes("-- no-transaction\n"));
    }
}
