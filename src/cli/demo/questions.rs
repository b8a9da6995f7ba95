//! The three questions of a review, as command lines. Apart from the story, which knows the
//! moments. Never answers.

/// A question and the command that answers it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// As a person asks it.
    pub text: String,
    /// The command, without the program and the directory.
    command: Vec<String>,
}

impl Question {
    /// A question whose command has no spaces in its words.
    pub(super) fn new(text: &str, command: &str) -> Self {
        Question {
            text: text.to_owned(),
            command: command.split_whitespace().map(str::to_owned).collect(),
        }
    }

    /// The whole command line, for the log in this directory.
    pub fn words(&self, directory: &str) -> Vec<String> {
        let program = ["roomledger".to_owned()];
        let source = ["--data".to_owned(), directory.to_owned()];
        [&program[..], &self.command, &source].concat()
    }
}
