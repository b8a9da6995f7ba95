//! What every call may answer instead, by status. Apart because calls share it; which slugs stand
//! behind a status is told by the problems themselves.

use schemars::SchemaGenerator;
use serde_json::{Map, Value, json};

use super::operation::Group;
use crate::dialect::ledger::problem::Problem;

/// The statuses that calls of a group have in common.
pub(super) const fn of(group: Group) -> &'static [u16] {
    match group {
        Group::Open => &[],
        Group::Reading => &[400, 401, 403, 413, 415, 429, 500, 503],
        Group::Reports | Group::Commands => {
            &[400, 401, 403, 404, 409, 413, 415, 422, 429, 500, 503, 507]
        }
    }
}

/// All of them, by the names that calls refer to.
pub(super) fn responses(generator: &mut SchemaGenerator) -> Map<String, Value> {
    let schema = Problem::schema(generator);
    let told = KNOWN.iter().map(|(status, description)| {
        let mut response = json!({
            "description": description,
            "content": { "application/problem+json": { "schema": schema } },
        });
        if matches!(status, 429 | 503)
            && let Some(members) = response.as_object_mut()
        {
            let header = json!({
                "description": "Seconds until it is worth another try.",
                "schema": { "type": "integer", "minimum": 0 },
            });
            members.insert("headers".to_owned(), json!({ "Retry-After": header }));
        }
        (name(*status), response)
    });
    told.collect()
}

/// A reference to one of them.
pub(super) fn reference(status: u16) -> Value {
    json!({ "$ref": format!("#/components/responses/{}", name(status)) })
}

fn name(status: u16) -> String {
    format!("Problem{status}")
}

const KNOWN: &[(u16, &str)] = &[
    (400, "The request cannot be read; `detail` names the place."),
    (401, "No token, or none that is good."),
    (403, "The token or the rules do not allow it; `type` tells."),
    (404, "There is no such thing."),
    (409, "It conflicts with what is so; `type` tells."),
    (410, "The place is of another history of the log."),
    (413, "It is larger than what is taken."),
    (415, "The body is encoded; send it as it is."),
    (422, "It breaks a rule; `type` tells."),
    (429, "Overloaded: try again."),
    (500, "The server or its log is broken."),
    (
        503,
        "Not taking commands now, or not there yet; `type` tells.",
    ),
    (507, "The disk is nearly full."),
];
