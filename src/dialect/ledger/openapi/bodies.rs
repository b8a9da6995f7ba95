//! Schemas of what is read, by reading an example and asking what was looked for.
//! Apart from the rest of the document; it knows no member by name.

use std::cell::RefCell;

use schemars::SchemaGenerator;
use serde_json::{Map, Value, json};

use super::operation::{Body, ReadQuery};
use crate::dialect::ledger::fields::{Fields, Form, Known};
use crate::dialect::ledger::query::Query;

/// The schema of one form of a body.
///
/// # Errors
/// Why its example cannot be read.
pub(super) fn schema(body: &Body, generator: &mut SchemaGenerator) -> Result<Value, String> {
    let name = body.name;
    let unreadable = |problem: String| format!("the example {name:?} is unreadable: {problem}");
    let fields = Fields::parse(body.example.as_bytes());
    let mut fields = fields.map_err(|wrong| unreadable(wrong.to_string()))?;
    let known = fields.known();
    let read = (body.read)(&mut fields).and_then(|()| fields.finish());
    read.map_err(|wrong| unreadable(wrong.to_string()))?;
    Ok(object(&known, generator))
}

/// The parameters of a query.
///
/// # Errors
/// Why an empty one is refused.
pub(super) fn parameters(
    read: ReadQuery,
    generator: &mut SchemaGenerator,
) -> Result<Vec<Value>, String> {
    let mut query = Query::default();
    read(&mut query).map_err(|problem| problem.detail().to_owned())?;
    let known = query.known().iter();
    let told = known.map(|parameter| {
        let schema = (parameter.schema)(generator);
        json!({
            "name": parameter.name,
            "in": "query",
            "schema": { "anyOf": [schema, { "description": "As if absent.", "const": "" }] },
        })
    });
    Ok(told.collect())
}

fn object(known: &RefCell<Known>, generator: &mut SchemaGenerator) -> Value {
    let known = known.borrow();
    let mut properties = Map::new();
    for member in &known.members {
        let schema = match &member.form {
            Form::Value(schema) => schema(generator).to_value(),
            Form::Object(inside) => json!({
                "anyOf": [object(inside, generator), { "type": "null" }],
            }),
            Form::Objects(inside) => json!({
                "type": "array",
                "items": object(inside, generator),
            }),
        };
        properties.insert(member.name.to_owned(), schema);
    }
    let required = known.members.iter().filter(|member| member.required);
    let required: Vec<&str> = required.map(|member| member.name).collect();
    json!({
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": known.open,
    })
}
