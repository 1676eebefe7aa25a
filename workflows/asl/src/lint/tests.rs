//! The registry against its cases and its documentation.

use std::path::{Path, PathBuf};

use super::RULES;
use crate::Code;

fn file(path: &str) -> (PathBuf, String) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    (path, text)
}

fn codes(text: &str) -> Vec<Code> {
    crate::parse(text).diagnostics.iter().map(|diagnostic| diagnostic.code).collect()
}

#[test]
fn every_rule_has_a_case_that_it_finds() {
    for rule in &RULES {
        let (path, text) = file(&format!("tests/cases/lint_{}.json", rule.code.name().to_lowercase()));
        let codes = codes(&text);
        assert!(codes.contains(&rule.code), "{} gives {codes:?}", path.display());
    }
}

/// A chapter of the documentation: its title, its text, its examples.
struct Chapter<'a> {
    title: &'a str,
    text: &'a str,
    examples: Vec<&'a str>,
}

fn chapters(text: &str) -> Vec<Chapter<'_>> {
    let chapter = |chapter| {
        let (title, text): (&str, &str) = str::split_once(chapter, '\n').unwrap();
        let blocks = text.split("```json\n").skip(1);
        let examples = blocks.map(|block| block.split("```").next().unwrap()).collect();
        Chapter { title, text, examples }
    };
    text.split("\n## ").skip(1).map(chapter).collect()
}

#[test]
fn every_rule_is_documented_and_its_examples_are_true() {
    let (_, text) = file("../LINTS.md");
    let chapters = chapters(&text);
    let titles: Vec<&str> = chapters.iter().map(|chapter| chapter.title).collect();
    let mut names: Vec<&str> = RULES.iter().map(|rule| rule.code.name()).collect();
    names.sort_unstable();
    assert_eq!(titles, names, "the chapters of LINTS.md are the rules, by name");
    for chapter in &chapters {
        let rule = RULES.iter().find(|rule| rule.code.name() == chapter.title).unwrap();
        for part in ["**What.**", "**Why.**"] {
            assert!(chapter.text.contains(part), "{} has no {part}", chapter.title);
        }
        let [bad, good] = chapter.examples[..] else { panic!("{} needs two examples: bad, good", chapter.title) };
        assert!(codes(bad).contains(&rule.code), "{}: the first example has not this finding", chapter.title);
        assert_eq!(codes(good), [], "{}: the second example has no finding", chapter.title);
    }
}
