//! The forms in which answers are written: one list or one record at a time, for people, for
//! scripts and for review documents. Apart, so that every command speaks all of them. Writes
//! nothing but to the stream it is given, and no text that has not been made safe to show.

use std::io::{self, Write};

use comfy_table::{ColumnConstraint, Table, Width, presets};
use serde_json::Value;

use crate::cli::sanitize;

/// A form of output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// Aligned columns with a header; what a terminal gets.
    Table,
    /// The same columns between tabs, without a header; what a pipe gets.
    Tsv,
    /// The records of the API: an array, or one object.
    Json,
    /// One record of the API a line.
    Jsonl,
    /// The columns of the table with a header, safe to open in a spreadsheet.
    Csv,
    /// Names or positions alone, one a line.
    Name,
    /// A Markdown list, to paste into a review.
    Md,
}

/// One entry of a list.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// What identifies it: a name, an identity, a position.
    pub name: String,
    /// A text for each column of the list; an empty one is a missing fact.
    pub cells: Vec<String>,
    /// The entry as the API has it.
    pub record: Value,
}

/// Writes a list, entry by entry.
pub struct Printer<'w> {
    out: &'w mut dyn Write,
    format: Format,
    columns: &'static [&'static str],
    /// Rows of a table that wait, so that the columns fit the widest of them.
    waiting: Vec<Vec<String>>,
    /// The widths of the table so far: a later part is never narrower.
    widths: Vec<u16>,
    started: bool,
}

impl Format {
    /// The form that was asked for; else a table for a terminal and its columns for a pipe.
    pub fn or_default(asked: Option<Self>, is_terminal: bool) -> Self {
        asked.unwrap_or(if is_terminal {
            Format::Table
        } else {
            Format::Tsv
        })
    }
}

impl<'w> Printer<'w> {
    /// A list of entries with these columns.
    pub fn new(out: &'w mut dyn Write, format: Format, columns: &'static [&'static str]) -> Self {
        Printer {
            out,
            format,
            columns,
            waiting: Vec::new(),
            widths: Vec::new(),
            started: false,
        }
    }

    /// Writes one entry; a table may keep it until [`Printer::flush`].
    ///
    /// # Errors
    /// Those of the stream.
    pub fn row(&mut self, row: &Row) -> io::Result<()> {
        match self.format {
            Format::Table => {
                let shown = |cell: &String| match cell.as_str() {
                    "" => MISSING.to_owned(),
                    text => sanitize::short(text, CELL_CHARS_MAX).into_owned(),
                };
                self.waiting.push(row.cells.iter().map(shown).collect());
                if self.waiting.len() >= TABLE_ROWS_MAX {
                    self.flush()?;
                }
                return Ok(());
            }
            Format::Tsv => self.joined(&row.cells, "\t", |cell| sanitize::visible(cell).into())?,
            Format::Csv => {
                if !self.started {
                    let header: Vec<String> =
                        self.columns.iter().map(|&name| name.into()).collect();
                    self.joined(&header, ",", sanitize::csv)?;
                }
                self.joined(&row.cells, ",", sanitize::csv)?;
            }
            Format::Json => {
                self.out
                    .write_all(if self.started { b",\n" } else { b"[\n" })?;
                write_json(self.out, &row.record, false)?;
            }
            Format::Jsonl => {
                write_json(self.out, &row.record, false)?;
                self.out.write_all(b"\n")?;
            }
            Format::Name => writeln!(self.out, "{}", sanitize::visible(&row.name))?,
            Format::Md => self.bullet(&row.cells)?,
        }
        self.started = true;
        Ok(())
    }

    /// Writes what a table still keeps and hands everything to the reader.
    ///
    /// # Errors
    /// Those of the stream.
    pub fn flush(&mut self) -> io::Result<()> {
        if !self.waiting.is_empty() {
            self.part_of_table()?;
            self.started = true;
        }
        self.out.flush()
    }

    /// Ends the list.
    ///
    /// # Errors
    /// Those of the stream.
    pub fn finish(mut self) -> io::Result<()> {
        if self.format == Format::Json {
            self.out
                .write_all(if self.started { b"\n]\n" } else { b"[]\n" })?;
        }
        self.flush()
    }

    fn part_of_table(&mut self) -> io::Result<()> {
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        if !self.started {
            table.set_header(self.columns.iter().copied());
        }
        table.add_rows(self.waiting.drain(..));
        let found = table.column_max_content_widths();
        self.widths.resize(found.len(), 0);
        for ((column, width), found) in table.column_iter_mut().zip(&mut self.widths).zip(found) {
            *width = found.max(*width);
            column.set_padding((0, PADDING));
            column.set_constraint(ColumnConstraint::LowerBoundary(Width::Fixed(
                width.saturating_add(PADDING),
            )));
        }
        for (index, line) in table.lines().enumerate() {
            let line = line.trim_end();
            if index == 0 && !self.started {
                writeln!(self.out, "{BOLD}{line}{PLAIN}")?;
            } else {
                writeln!(self.out, "{line}")?;
            }
        }
        Ok(())
    }

    fn bullet(&mut self, cells: &[String]) -> io::Result<()> {
        let mut present = cells.iter().filter(|cell| !cell.is_empty());
        let first = present.next().map_or("", String::as_str);
        write!(self.out, "- **{}**", sanitize::markdown(first))?;
        for (index, cell) in present.enumerate() {
            let between = if index == 0 { ": " } else { ", " };
            write!(self.out, "{between}{}", sanitize::markdown(cell))?;
        }
        writeln!(self.out)
    }

    fn joined(
        &mut self,
        cells: &[String],
        separator: &str,
        safe: impl Fn(&str) -> String,
    ) -> io::Result<()> {
        let cells: Vec<String> = cells.iter().map(|cell| safe(cell)).collect();
        writeln!(self.out, "{}", cells.join(separator))
    }
}

/// Writes one record: its fields, one a line, or the whole of it as the API has it.
///
/// # Errors
/// Those of the stream.
pub fn write_record(
    out: &mut dyn Write,
    format: Format,
    row: &Row,
    columns: &[&str],
) -> io::Result<()> {
    let fields = columns.iter().zip(&row.cells);
    let present = fields.filter(|(_, cell)| !cell.is_empty());
    let label_chars = columns.iter().map(|name| name.len()).max().unwrap_or(0);
    match format {
        Format::Json | Format::Jsonl => {
            write_json(out, &row.record, format == Format::Json)?;
            writeln!(out)?;
        }
        Format::Name => writeln!(out, "{}", sanitize::visible(&row.name))?,
        Format::Table => {
            for (name, cell) in present {
                let cell = sanitize::visible(cell);
                writeln!(out, "{BOLD}{name:label_chars$}{PLAIN}  {cell}")?;
            }
        }
        Format::Tsv => {
            for (name, cell) in present {
                writeln!(out, "{name}\t{}", sanitize::visible(cell))?;
            }
        }
        Format::Csv => {
            writeln!(out, "field,value")?;
            for (name, cell) in present {
                writeln!(out, "{name},{}", sanitize::csv(cell))?;
            }
        }
        Format::Md => {
            for (name, cell) in present {
                writeln!(out, "- **{name}**: {}", sanitize::markdown(cell))?;
            }
        }
    }
    out.flush()
}

/// Writes JSON in which nothing but the line feeds of its layout can move a terminal's cursor.
///
/// # Errors
/// Those of the stream.
pub fn write_json(out: &mut dyn Write, value: &Value, pretty: bool) -> io::Result<()> {
    let text = if pretty {
        serde_json::to_string_pretty(value)?
    } else {
        serde_json::to_string(value)?
    };
    out.write_all(sanitize::json(&text).as_bytes())
}

const MISSING: &str = "-";
const PADDING: u16 = 2;

/// A cell beyond this is a blob: the table shows its start, the other forms all of it.
const CELL_CHARS_MAX: usize = 240;

/// So many rows are kept to find the widths; a longer table comes in parts, in constant memory.
const TABLE_ROWS_MAX: usize = 1_000;

const BOLD: &str = "\x1b[1m";
const PLAIN: &str = "\x1b[0m";
