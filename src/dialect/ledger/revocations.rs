//! Tokens of API keys that are believed no more. Apart because they concern no room, and the people
//! in none.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::Serialize;

use crate::dialect::auth::keys::Key;
use crate::dialect::caller::Caller;
use crate::dialect::ledger::fields::{Fields, Wrong};
use crate::dialect::ledger::openapi::{Answer, Body, Operation};
use crate::dialect::ledger::operator::of_all_rooms;
use crate::dialect::ledger::problem::Problem;
use crate::dialect::ledger::state::{DIALECT, Ledger, State};
use crate::dialect::ledger::write::{Asked, Named};
use crate::dialect::recorded::Recorded;
use crate::domain::event::{ApiTokenRevocationLifted, ApiTokensRevoked};
use crate::domain::limits::{API_TOKENS_REVOKED_MAX, TOKEN_ID_BYTES_MAX};
use crate::domain::{Code, Event, Timestamp};
use crate::store::Position;

/// `POST /keys/{key}/revocations`
pub(super) async fn revoke(
    State(ledger): State<Ledger>,
    Named(key_id): Named<String>,
    asked: Asked,
) -> Result<Response, Problem> {
    let mut asked = of_all_rooms(&ledger, asked, REVOKE_CALL, KEYS_ARE).await?;
    let wish = asked.read_alone(read).await?;
    let ring = ledger.keys.ring();
    let known = ring.key(&key_id);
    let tag = |key: &Key, jti: &str| key.token_tag(jti);
    let event = match wish {
        Wish::Lift { jti: None } => Event::from(ApiTokenRevocationLifted {
            key: key_id,
            tag: None,
        }),
        Wish::Lift { jti: Some(jti) } => Event::from(ApiTokenRevocationLifted {
            tag: tag(known.ok_or_else(|| unknown(&key_id))?, &jti),
            key: key_id,
        }),
        Wish::One { jti } => {
            if ledger.engine.api_revocations().count() >= API_TOKENS_REVOKED_MAX {
                let detail = format!(
                    "{API_TOKENS_REVOKED_MAX} tokens are revoked one by one: revoke those of the \
                     key before a moment, or lift some"
                );
                let status = StatusCode::UNPROCESSABLE_ENTITY;
                return Err(Problem::new(status, Code::TooMany.as_str(), detail));
            }
            Event::from(ApiTokensRevoked {
                tag: tag(known.ok_or_else(|| unknown(&key_id))?, &jti),
                key: key_id,
                before: None,
            })
        }
        Wish::Before { before } => {
            known.ok_or_else(|| unknown(&key_id))?;
            let latest = ledger.engine.clock().wall().plus_seconds(DAY_S);
            if before > latest {
                let detail = "`before` lies more than a day ahead: it would lock out every token \
                              of the key until then";
                let status = StatusCode::UNPROCESSABLE_ENTITY;
                return Err(Problem::new(status, Code::Invalid.as_str(), detail));
            }
            Event::from(ApiTokensRevoked {
                key: key_id,
                tag: None,
                before: Some(before),
            })
        }
    };
    record(&ledger, asked, REVOKE_CALL, event).await
}

/// `DELETE /keys/{key}/revocations`
pub(super) async fn lift(
    State(ledger): State<Ledger>,
    Named(key_id): Named<String>,
    asked: Asked,
) -> Result<Response, Problem> {
    let mut asked = of_all_rooms(&ledger, asked, LIFT_CALL, KEYS_ARE).await?;
    asked.read_alone(|_| Ok(())).await?;
    let lifted = ApiTokenRevocationLifted {
        key: key_id,
        tag: None,
    };
    record(&ledger, asked, LIFT_CALL, Event::from(lifted)).await
}

/// The outcome.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "ApiTokenRevocation")]
struct Outcome {
    /// Whether it changed anything; otherwise nothing is recorded.
    changed: bool,
    /// Where it is recorded; the head, where it is not.
    position: Position,
}

pub(super) const REVOKE: Operation = Operation::command(
    "revokeApiTokens",
    "Takes tokens of an API key back: one by its `jti`, or all that were issued before a moment.",
    || {
        vec![Body {
            name: "revocation",
            read: |fields| read(fields).map(drop),
            example: r#"{"jti":"tok-77"}"#,
        }]
    },
    Answer::of::<Outcome>(200),
);

pub(super) const LIFT: Operation = Operation::command(
    "liftApiTokenRevocations",
    "Believes the tokens of an API key again that were taken back.",
    Vec::new,
    Answer::of::<Outcome>(200),
);

enum Wish {
    One { jti: String },
    Before { before: Timestamp },
    Lift { jti: Option<String> },
}

fn read(fields: &mut Fields) -> Result<Wish, Wrong> {
    let jti: Option<String> = fields.optional("jti")?;
    let before: Option<Timestamp> = fields.optional("before")?;
    let lift = fields.optional("lift")?.unwrap_or(false);
    if let Some(jti) = &jti
        && (jti.is_empty() || jti.len() > TOKEN_ID_BYTES_MAX)
    {
        let problem = format!("has 1 to {TOKEN_ID_BYTES_MAX} bytes");
        return Err(fields.wrong("jti", problem));
    }
    match (lift, jti, before) {
        (true, jti, None) => Ok(Wish::Lift { jti }),
        (false, Some(jti), None) => Ok(Wish::One { jti }),
        (false, None, Some(before)) => Ok(Wish::Before { before }),
        _ => Err(fields.wrong(
            "jti",
            "stands alone, or `before` does; `lift` takes one back by `jti`, or all without it",
        )),
    }
}

async fn record(
    ledger: &Ledger,
    asked: Asked,
    call: &str,
    event: Event,
) -> Result<Response, Problem> {
    let claims = asked.claims().clone();
    let caller = Caller::new(claims, &asked.into_parts());
    let provenance = caller.provenance(DIALECT, call);
    let provenance = provenance.map_err(|error| Problem::malformed(error.to_string()))?;
    let done = ledger.engine.record_by(provenance, event).await?;
    let body = Outcome {
        changed: done.changed,
        position: done.position,
    };
    let mut response = Json(body).into_response();
    let recorded = Recorded {
        position: done.position.0,
        replayed: done.replayed,
    };
    recorded.mark(response.headers_mut());
    Ok(response)
}

fn unknown(key_id: &str) -> Problem {
    Problem::not_found("no-such-key", format!("there is no API key {key_id:?}"))
}

/// As far ahead as a revocation may lie, here and in rooms.
const DAY_S: u32 = 86_400;
const KEYS_ARE: &str = "API keys are those";
/// How events name the calls.
const REVOKE_CALL: &str = "revoke_api_tokens";
const LIFT_CALL: &str = "lift_api_token_revocations";
