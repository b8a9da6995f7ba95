//! `roomledger clock release`. Apart because it changes what a server does.

use serde_json::json;

use crate::cli::failure::{Exit, Failure};
use crate::cli::http::Client;
use crate::cli::output::{Format, Row, write_record};
use crate::cli::terminal::Terminal;

/// Has a server trust its wall clock again, and shows where that is recorded.
///
/// # Errors
/// `Refused` where the server does not answer or does not allow it; `No` where its clock is not
/// held.
pub fn release(
    server: &str,
    bearer: &dyn Fn() -> Result<String, Failure>,
    format: Format,
    terminal: &mut Terminal<'_>,
) -> Result<(), Failure> {
    let client = Client::new(server, bearer)?;
    let answer = client.post(&["clock", "release"], &json!({}))?;
    let member = |path: &str| answer.pointer(path).cloned().unwrap_or_default();
    let text = |path: &str| member(path).as_str().unwrap_or_default().to_owned();
    if member("/released") != true {
        let failure = format!("the clock of {server} is not held");
        return Err(Failure::new(Exit::No, failure)
            .because("its timers run, and nothing was recorded")
            .hint("'/readyz' of the server shows its clock"));
    }
    let position = format!("#{}", member("/position"));
    let row = Row {
        name: position.clone(),
        cells: vec![position, text("/clock/now"), text("/clock/wall")],
        record: answer.clone(),
    };
    Ok(write_record(terminal.out, format, &row, COLUMNS)?)
}

const COLUMNS: &[&str] = &["RECORDED", "LEDGER TIME", "WALL CLOCK"];
