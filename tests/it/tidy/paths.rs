//! A small reader of Rust: enough of its words to tell code from comments and strings, and to list
//! the paths that a file names. Never a parser: what it can't tell it leaves out.

/// What the rules look at in one file.
pub(super) struct Code {
    /// Every line without its comments; strings are kept.
    pub(super) lines: Vec<String>,
    /// Every word outside strings, by line.
    pub(super) words: Vec<(usize, String)>,
    /// Every path of two words or more, and every import.
    pub(super) paths: Vec<UsedPath>,
    /// Modules of this file's own, by `mod name;`.
    pub(super) children: Vec<String>,
}

/// One path as it stands in the code.
pub(super) struct UsedPath {
    /// Counted from 1.
    pub(super) line: usize,
    /// Segment by segment, braces expanded; `*` for a glob.
    pub(super) written: Vec<String>,
    /// The same from the crate's root, when it starts with `crate`, `self`, `super` or a child.
    pub(super) absolute: Option<Vec<String>>,
    /// The name it gets here, when it is a `pub use`.
    pub(super) exported_as: Option<String>,
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Word(String),
    PathSeparator,
    Mark(char),
}

impl Token {
    /// The end of `pub` or of `pub(crate)`.
    fn ends_a_visibility(&self) -> bool {
        *self == Self::Mark(')') || *self == Self::Word("pub".to_owned())
    }
}

type Tokens = Vec<(usize, Token)>;

impl Code {
    /// Reads the source of the file `name` (relative to `src/`).
    pub(super) fn read(name: &str, source: &str) -> Self {
        let (tokens, lines) = tokens(source);
        let words = tokens.iter().filter_map(|(line, token)| match token {
            Token::Word(word) => Some((*line, word.clone())),
            Token::PathSeparator | Token::Mark(_) => None,
        });
        let mut code = Self {
            lines,
            words: words.collect(),
            paths: vec![],
            children: vec![],
        };
        code.find_children(&tokens);
        code.find_paths(&module_of(name), &tokens);
        code
    }

    fn find_children(&mut self, tokens: &Tokens) {
        for three in tokens.windows(3) {
            if let [
                (_, Token::Word(key)),
                (_, Token::Word(child)),
                (_, Token::Mark(';')),
            ] = three
                && key == "mod"
            {
                self.children.push(child.clone());
            }
        }
    }

    fn find_paths(&mut self, module: &[String], tokens: &Tokens) {
        // Inline modules, innermost last, with the brace depth at which each ends.
        let mut inline: Vec<(usize, String)> = Vec::new();
        let mut depth = 0;
        let mut at = 0;
        while let Some((line, token)) = tokens.get(at) {
            let after_path = at > 0 && tokens[at - 1].1 == Token::PathSeparator;
            match token {
                Token::Mark('{') => depth += 1,
                Token::Mark('}') => {
                    depth -= 1;
                    inline.retain(|(ends, _)| *ends != depth);
                }
                Token::Word(word) if word == "mod" => {
                    let opens = tokens
                        .get(at + 2)
                        .is_some_and(|next| next.1 == Token::Mark('{'));
                    if let (Some((_, Token::Word(name))), true) = (tokens.get(at + 1), opens) {
                        inline.push((depth, name.clone()));
                    }
                }
                Token::Word(word) if word == "use" => {
                    let before = at.checked_sub(1).map(|before| &tokens[before].1);
                    let public = before.is_some_and(Token::ends_a_visibility);
                    let mut leaves = Vec::new();
                    at = use_tree(tokens, at + 1, &[], &mut leaves);
                    for (line, written, alias) in leaves {
                        let exported_as = alias.filter(|_| public);
                        self.push(module, &inline, line, written, exported_as, true);
                    }
                    continue;
                }
                Token::Word(_) if !after_path => {
                    let (written, next) = plain_path(tokens, at);
                    if written.len() > 1 && !is_visibility(tokens, at) {
                        self.push(module, &inline, *line, written, None, false);
                    }
                    at = next;
                    continue;
                }
                Token::Word(_) | Token::PathSeparator | Token::Mark(_) => {}
            }
            at += 1;
        }
    }

    fn push(
        &mut self,
        module: &[String],
        inline: &[(usize, String)],
        line: usize,
        written: Vec<String>,
        exported_as: Option<String>,
        import: bool,
    ) {
        let mut here = module.to_vec();
        here.extend(inline.iter().map(|(_, name)| name.clone()));
        let first = written.first().map_or("", String::as_str);
        let child = inline.is_empty() && self.children.iter().any(|child| child == first);
        let absolute = match first {
            "crate" => Some(written[1..].to_vec()),
            "self" | "super" => {
                let ups = written
                    .iter()
                    .take_while(|segment| *segment == "super")
                    .count();
                let skip = if first == "self" { 1 } else { ups };
                here.truncate(here.len().saturating_sub(ups));
                here.extend(written[skip..].iter().cloned());
                Some(here)
            }
            _ if child && (import || written.len() > 1) => {
                here.extend(written.iter().cloned());
                Some(here)
            }
            _ => None,
        };
        self.paths.push(UsedPath {
            line,
            written,
            absolute,
            exported_as,
        });
    }
}

/// The module path of a file: `store/sled/mod.rs` is `store::sled`.
pub(super) fn module_of(name: &str) -> Vec<String> {
    let stem = name.trim_end_matches(".rs");
    let stem = stem.strip_suffix("/mod").unwrap_or(stem);
    match stem {
        "lib" | "main" => Vec::new(),
        _ => stem.split('/').map(str::to_owned).collect(),
    }
}

/// `a::b::c` from the word at `at`; turbofish and calls end it.
fn plain_path(tokens: &Tokens, at: usize) -> (Vec<String>, usize) {
    let mut written = Vec::new();
    let mut at = at;
    while let Some((_, Token::Word(word))) = tokens.get(at) {
        written.push(word.clone());
        at += 1;
        match (tokens.get(at), tokens.get(at + 1)) {
            (Some((_, Token::PathSeparator)), Some((_, Token::Word(_)))) => at += 1,
            _ => break,
        }
    }
    (written, at)
}

/// Whether the path at `at` stands in `pub(in a::b)`: it bounds who may look, and imports nothing.
fn is_visibility(tokens: &Tokens, at: usize) -> bool {
    let before = at.checked_sub(2).and_then(|start| tokens.get(start..at));
    matches!(before, Some([(_, Token::Mark('(')), (_, Token::Word(word))]) if word == "in")
}

type Leaf = (usize, Vec<String>, Option<String>);

/// One branch of a `use` after `start`; returns where the reader stands behind it.
fn use_tree(tokens: &Tokens, at: usize, start: &[String], leaves: &mut Vec<Leaf>) -> usize {
    let mut path = start.to_vec();
    let mut alias = None;
    let mut at = at;
    while let Some((line, token)) = tokens.get(at) {
        at += 1;
        match token {
            Token::PathSeparator => {}
            Token::Word(word) if word == "as" => {
                if let Some((_, Token::Word(name))) = tokens.get(at) {
                    alias = Some(name.clone());
                    at += 1;
                }
            }
            // `use a::{self}` names `a`.
            Token::Word(word) if word == "self" && !path.is_empty() => {}
            Token::Word(word) => path.push(word.clone()),
            Token::Mark('*') => path.push("*".to_owned()),
            Token::Mark('{') => {
                while !matches!(tokens.get(at), None | Some((_, Token::Mark('}')))) {
                    at = use_tree(tokens, at, &path, leaves);
                    if matches!(tokens.get(at), Some((_, Token::Mark(',')))) {
                        at += 1;
                    }
                }
                return at + 1;
            }
            Token::Mark(_) => {
                at -= 1;
                alias = alias.or_else(|| path.last().cloned());
                leaves.push((*line, path, alias));
                return at;
            }
        }
    }
    at
}

/// The words and marks of the source, and its lines without comments.
fn tokens(source: &str) -> (Tokens, Vec<String>) {
    let mut reader = Reader {
        rest: source,
        line: 1,
        tokens: vec![],
        kept: String::new(),
    };
    while !reader.rest.is_empty() {
        reader.step();
    }
    (
        reader.tokens,
        reader.kept.lines().map(str::to_owned).collect(),
    )
}

struct Reader<'a> {
    rest: &'a str,
    line: usize,
    tokens: Tokens,
    kept: String,
}

impl Reader<'_> {
    fn step(&mut self) {
        let rest = self.rest;
        let first = rest.chars().next().unwrap_or(' ');
        if rest.starts_with("//") {
            self.skip(rest.find('\n').unwrap_or(rest.len()));
        } else if rest.starts_with("/*") {
            self.skip(block_comment(rest));
        } else if let Some(length) = string(rest) {
            self.keep(length);
        } else if first.is_alphanumeric() || first == '_' {
            let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_');
            let word = &rest[..end.unwrap_or(rest.len())];
            self.tokens.push((self.line, Token::Word(word.to_owned())));
            self.keep(word.len());
        } else if rest.starts_with("::") {
            self.tokens.push((self.line, Token::PathSeparator));
            self.keep(2);
        } else {
            if !first.is_whitespace() {
                self.tokens.push((self.line, Token::Mark(first)));
            }
            self.keep(first.len_utf8());
        }
    }

    fn keep(&mut self, length: usize) {
        let (taken, rest) = self.rest.split_at(length);
        self.kept.push_str(taken);
        self.line += taken.matches('\n').count();
        self.rest = rest;
    }

    fn skip(&mut self, length: usize) {
        let (taken, rest) = self.rest.split_at(length);
        let breaks = taken.matches('\n').count();
        self.kept.push_str(&"\n".repeat(breaks));
        self.line += breaks;
        self.rest = rest;
    }
}

/// Length of the block comment at the start; they nest.
fn block_comment(rest: &str) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while at < rest.len() {
        let ahead = rest.get(at..at + 2).unwrap_or("");
        match ahead {
            "/*" => depth += 1,
            "*/" => depth -= 1,
            _ => {
                at += 1;
                continue;
            }
        }
        at += 2;
        if depth == 0 {
            return at;
        }
    }
    rest.len()
}

/// Length of the string or character literal at the start, when there is one.
fn string(rest: &str) -> Option<usize> {
    let quoted = ["\"", "b\"", "c\""]
        .iter()
        .find(|open| rest.starts_with(**open));
    if let Some(open) = quoted {
        return Some(closed_by(rest, open.len(), '"'));
    }
    let raw = rest.strip_prefix("br").or_else(|| rest.strip_prefix('r'));
    if let Some(raw) = raw {
        let hashes = raw.len() - raw.trim_start_matches('#').len();
        if raw[hashes..].starts_with('"') {
            let close = format!("\"{}", "#".repeat(hashes));
            let body = &raw[hashes + 1..];
            let open = rest.len() - body.len();
            return Some(
                body.find(&close)
                    .map_or(rest.len(), |at| open + at + close.len()),
            );
        }
    }
    // A character, not a lifetime: `'x'` or `'\...'`.
    let open = if rest.starts_with("b'") { 2 } else { 1 };
    let mut after = rest
        .strip_prefix("b'")
        .or_else(|| rest.strip_prefix('\''))?
        .chars();
    match (after.next()?, after.next()) {
        ('\\', _) | (_, Some('\'')) => Some(closed_by(rest, open, '\'')),
        _ => None,
    }
}

/// Length up to and with the closing quote; a backslash guards the character behind it.
fn closed_by(rest: &str, open: usize, quote: char) -> usize {
    let mut guarded = false;
    for (at, letter) in rest[open..].char_indices() {
        if guarded {
            guarded = false;
        } else if letter == '\\' {
            guarded = true;
        } else if letter == quote {
            return open + at + 1;
        }
    }
    rest.len()
}
