//! `roomledger keys revoke` and `keys lift`. Apart because they change whom a server believes.

use serde_json::{Value, json};

use crate::cli::args::{LiftArgs, RevokeArgs};
use crate::cli::failure::{Exit, Failure};
use crate::cli::http::Client;
use crate::cli::output::{Format, Row, write_record};
use crate::cli::terminal::Terminal;
use crate::domain::Timestamp;
use crate::replay::position::{Frame, Pos};

/// Has a server believe a token no more, or all tokens of a key that were issued before a moment;
/// `now_us` is the present.
///
/// # Errors
/// `Usage` where the moment is none; else as [`lift`].
pub fn revoke(
    args: &RevokeArgs,
    now_us: i64,
    bearer: &dyn Fn() -> Result<String, Failure>,
    format: Format,
    terminal: &mut Terminal<'_>,
) -> Result<(), Failure> {
    let body = match (&args.jti, &args.before) {
        (Some(jti), _) => json!({ "jti": jti }),
        (None, before) => {
            let before = before.as_deref().unwrap_or_default();
            json!({ "before": moment(before, now_us)? })
        }
    };
    let client = Client::new(&args.operated.server, bearer)?;
    tell(
        &client,
        (&args.key, &body),
        "they are believed no more already",
        format,
        terminal,
    )
}

/// Has a server believe a token again, or all tokens of a key.
///
/// # Errors
/// `Refused` where the server does not answer or does not allow it; `No` where it was so already.
pub fn lift(
    args: &LiftArgs,
    bearer: &dyn Fn() -> Result<String, Failure>,
    format: Format,
    terminal: &mut Terminal<'_>,
) -> Result<(), Failure> {
    let body = match &args.jti {
        Some(jti) => json!({ "lift": true, "jti": jti }),
        None => json!({ "lift": true }),
    };
    let client = Client::new(&args.operated.server, bearer)?;
    tell(
        &client,
        (&args.key, &body),
        "none of them was taken back",
        format,
        terminal,
    )
}

fn tell(
    client: &Client<'_>,
    (key, body): (&str, &Value),
    already: &str,
    format: Format,
    terminal: &mut Terminal<'_>,
) -> Result<(), Failure> {
    let answer = client.post(&["keys", key, "revocations"], body)?;
    let member = |name: &str| answer.get(name).cloned().unwrap_or_default();
    if member("changed") != true {
        let failure = format!("nothing changed for the tokens of key '{key}'");
        return Err(
            Failure::new(Exit::No, failure).because(format!("{already}, and nothing was recorded"))
        );
    }
    let position = format!("#{}", member("position"));
    let row = Row {
        name: position.clone(),
        cells: vec![position, key.to_owned()],
        record: answer.clone(),
    };
    Ok(write_record(terminal.out, format, &row, COLUMNS)?)
}

fn moment(text: &str, now_us: i64) -> Result<Timestamp, Failure> {
    if text == "now" {
        return Ok(Timestamp::from_micros(now_us));
    }
    let none = |problem: String| {
        Failure::new(Exit::Usage, problem).hint("--before takes now, '10m ago' or an instant")
    };
    match Pos::parse(text, &Frame::utc(now_us)) {
        Ok(Pos::Time(at_us)) => Ok(Timestamp::from_micros(at_us)),
        Ok(other) => Err(none(format!("'{other}' is no instant"))),
        Err(error) => Err(none(error.to_string())),
    }
}

const COLUMNS: &[&str] = &["RECORDED", "KEY"];
