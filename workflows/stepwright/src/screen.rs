//! Output for people: tables, colours, times. For programs it is JSON, one document per line.

use std::io::{IsTerminal as _, Write as _};

use clap::ValueEnum;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Who reads the output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// People.
    #[default]
    Text,
    /// Programs.
    Json,
}

/// Where output goes, and what it can show.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Screen {
    pub(crate) format: Format,
    /// Standard output is a terminal that may show colours.
    pub(crate) colour: bool,
    /// Columns of a line.
    pub(crate) width: usize,
}

/// What a text means, which decides its colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    /// It went well.
    Good,
    /// It went badly.
    Bad,
    /// It is under way, or wants attention.
    Busy,
    /// It matters less.
    Quiet,
    /// It heads something.
    Strong,
}

impl Screen {
    /// Standard output as it is; `plain` forbids colours (`NO_COLOR`).
    pub(crate) fn standard(format: Format, plain: bool, width: usize) -> Self {
        let colour = !plain && format == Format::Text && std::io::stdout().is_terminal();
        Self { format, colour, width: width.max(40) }
    }

    pub(crate) fn is_json(&self) -> bool {
        self.format == Format::Json
    }

    /// `text` in the colour of `tone`, where colours are shown.
    pub(crate) fn paint(&self, tone: Tone, text: &str) -> String {
        let code = match tone {
            Tone::Good => "32",
            Tone::Bad => "31",
            Tone::Busy => "33",
            Tone::Quiet => "2",
            Tone::Strong => "1",
        };
        if self.colour && !text.is_empty() { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }

    /// Prints a line; a reader that has gone away is no error.
    pub(crate) fn line(&self, text: &str) {
        let mut out = std::io::stdout().lock();
        let _ = writeln!(out, "{text}").and_then(|()| out.flush());
    }

    /// Rows under headers, in columns as wide as their widest cell; the last column is cut at the line's end.
    pub(crate) fn table(&self, headers: &[&str], rows: &[Vec<Cell>]) -> String {
        let widths: Vec<usize> = (0..headers.len())
            .map(|column| {
                let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| columns(&cell.text));
                cells.chain([columns(headers[column])]).max().unwrap_or_default()
            })
            .collect();
        let head: Vec<Cell> = headers.iter().map(|header| Cell::toned(*header, Tone::Quiet)).collect();
        let lines: Vec<String> = std::iter::once(&head).chain(rows).map(|row| self.row(row, &widths)).collect();
        lines.join("\n")
    }

    fn row(&self, row: &[Cell], widths: &[usize]) -> String {
        let mut line = String::new();
        let mut used = 0;
        for (index, (cell, width)) in row.iter().zip(widths).enumerate() {
            let last = index + 1 == widths.len();
            let room = if last { self.width.saturating_sub(used).max(10) } else { *width };
            let text = cut(&cell.text, room);
            let padding = if last { 0 } else { width.saturating_sub(columns(&text)) + 2 };
            line.push_str(&cell.tone.map_or_else(|| text.clone(), |tone| self.paint(tone, &text)));
            line.extend(std::iter::repeat_n(' ', padding));
            used += width + 2;
        }
        line.trim_end().to_owned()
    }
}

/// One cell of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cell {
    pub(crate) text: String,
    pub(crate) tone: Option<Tone>,
}

impl Cell {
    pub(crate) fn plain(text: impl Into<String>) -> Self {
        Self { text: text.into(), tone: None }
    }

    pub(crate) fn toned(text: impl Into<String>, tone: Tone) -> Self {
        Self { text: text.into(), tone: Some(tone) }
    }
}

/// Characters, which stand for columns well enough.
fn columns(text: &str) -> usize {
    text.chars().count()
}

/// `text` on one line of at most `room` columns.
pub(crate) fn cut(text: &str, room: usize) -> String {
    let flat: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if columns(&flat) <= room {
        return flat;
    }
    let kept: String = flat.chars().take(room.saturating_sub(1)).collect();
    format!("{}…", kept.trim_end())
}

/// A duration in milliseconds, in at most two units: `0.35s`, `12.4s`, `3m05s`, `2h10m`, `3d04h`.
pub(crate) fn duration(millis: i64) -> String {
    let seconds = millis.max(0) / 1000;
    match seconds {
        0..10 => format!("{:.2}s", millis.max(0) as f64 / 1000.0),
        10..60 => format!("{:.1}s", millis as f64 / 1000.0),
        60..3600 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        3600..86_400 => format!("{}h{:02}m", seconds / 3600, seconds / 60 % 60),
        _ => format!("{}d{:02}h", seconds / 86_400, seconds / 3600 % 24),
    }
}

/// An instant, in milliseconds since 1970, as RFC 3339 in seconds.
pub(crate) fn instant(millis: i64) -> String {
    OffsetDateTime::from_unix_timestamp(millis.div_euclid(1000))
        .ok()
        .and_then(|at| at.format(&Rfc3339).ok())
        .unwrap_or_else(|| millis.to_string())
}

/// The tone of an execution's status.
pub(crate) fn status_tone(status: &str) -> Tone {
    match status {
        "SUCCEEDED" => Tone::Good,
        "RUNNING" => Tone::Busy,
        _ => Tone::Bad,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Screen = Screen { format: Format::Text, colour: false, width: 40 };

    #[test]
    fn columns_align_and_the_last_is_cut() {
        let rows = [
            vec![Cell::plain("a"), Cell::plain("1"), Cell::plain("short")],
            vec![Cell::plain("longer name"), Cell::plain("22"), Cell::plain("x".repeat(50))],
        ];
        assert_eq!(
            PLAIN.table(&["NAME", "N", "NOTE"], &rows),
            "NAME         N   NOTE\na            1   short\nlonger name  22  xxxxxxxxxxxxxxxxxxxxxx…"
        );
    }

    #[test]
    fn colours_only_where_they_show() {
        assert_eq!(PLAIN.paint(Tone::Bad, "x"), "x");
        assert_eq!(Screen { colour: true, ..PLAIN }.paint(Tone::Bad, "x"), "\u{1b}[31mx\u{1b}[0m");
    }

    #[test]
    fn durations_and_instants_read_well() {
        let read: Vec<String> = [0, 350, 9_999, 12_440, 185_000, 7_800_000, 273_600_000].map(duration).into();
        assert_eq!(read, ["0.00s", "0.35s", "10.00s", "12.4s", "3m05s", "2h10m", "3d04h"]);
        assert_eq!(instant(1_700_000_000_999), "2023-11-14T22:13:20Z");
    }

    #[test]
    fn a_cell_stays_on_its_line() {
        assert_eq!(cut("a\nb\tc", 10), "a b c");
        assert_eq!(cut("abcdef", 4), "abc…");
    }
}
