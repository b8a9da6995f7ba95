//! The parts put together to one OpenAPI 3.1 document. Apart from the parts, none of which knows
//! another; whatever it tells of a route comes from the table.

use schemars::generate::SchemaSettings;
use schemars::{Schema, SchemaGenerator};
use serde_json::{Map, Value, json};

use super::bodies;
use super::errors;
use super::operation::{Body, Group, Operation};
use super::table::Listed;
use crate::dialect::ledger::command_body::COMMANDS;
use crate::domain::{Identity, RoomName};
use crate::replay::view::event_schemas;
use crate::store::Position;

/// The whole document.
///
/// # Errors
/// Which example is not read by its own reader.
pub(super) fn document(listed: &[Listed]) -> Result<Value, String> {
    let mut parts = Parts {
        // What is answered and what is read differ in which members may be absent.
        answered: settings().for_serialize().into_generator(),
        read: settings().for_deserialize().into_generator(),
        more: Map::new(),
    };
    let mut paths: Map<String, Value> = Map::new();
    for route in listed {
        let told = parts.operation(route)?;
        let path = paths
            .entry(route.path.as_str())
            .or_insert_with(|| json!({}));
        if let Some(methods) = path.as_object_mut() {
            methods.insert(route.method.as_str().to_ascii_lowercase(), told);
        }
    }
    let responses = errors::responses(&mut parts.answered);
    Ok(json!({
        "openapi": "3.1.0",
        "info": {
            "title": "roomledger",
            "version": env!("CARGO_PKG_VERSION"),
            "description": DESCRIPTION,
        },
        "servers": [{ "url": "/" }],
        "security": [{ "token": [] }],
        "paths": paths,
        "components": {
            "schemas": parts.schemas(),
            "responses": responses,
            "parameters": headers_read(),
            "headers": headers_answered(),
            "securitySchemes": {
                "token": { "type": "http", "scheme": "bearer", "bearerFormat": "JWT" },
            },
        },
    }))
}

fn settings() -> SchemaSettings {
    SchemaSettings::draft2020_12().with(|settings| {
        settings.definitions_path = "/components/schemas".into();
        settings.meta_schema = None;
    })
}

struct Parts {
    answered: SchemaGenerator,
    read: SchemaGenerator,
    /// Schemas that no single type stands for.
    more: Map<String, Value>,
}

impl Parts {
    fn operation(&mut self, route: &Listed) -> Result<Value, String> {
        let operation = &route.operation;
        let writes = matches!(operation.group, Group::Reports | Group::Commands);
        let mut parameters = self.in_path(&route.path);
        if let Some(read) = operation.query {
            parameters.append(&mut bodies::parameters(read, &mut self.read)?);
        }
        if writes {
            let headers = HEADERS_READ.iter();
            parameters.extend(headers.map(|(name, _)| refer("parameters", name)));
        }
        let mut told = Map::new();
        told.insert("operationId".to_owned(), operation.id.into());
        told.insert("summary".to_owned(), operation.summary.into());
        told.insert("tags".to_owned(), json!([tag(operation.group)]));
        told.insert("parameters".to_owned(), parameters.into());
        if operation.group == Group::Open {
            told.insert("security".to_owned(), json!([]));
        }
        let bodies = (operation.bodies)();
        if !bodies.is_empty() {
            told.insert("requestBody".to_owned(), self.body(operation.id, &bodies)?);
        }
        told.insert("responses".to_owned(), self.responses(operation, writes));
        Ok(told.into())
    }

    fn in_path(&mut self, path: &str) -> Vec<Value> {
        let named = path.split('/').filter_map(|part| {
            let part = part.strip_prefix('{')?;
            part.strip_suffix('}')
        });
        let named: Vec<&str> = named.collect();
        let told = named.into_iter().map(|name| {
            let schema = match name {
                "room" => self.read.subschema_for::<RoomName>(),
                "identity" => self.read.subschema_for::<Identity>(),
                "position" => self.read.subschema_for::<Position>(),
                _ => schemars::json_schema!({ "type": "string", "minLength": 1 }),
            };
            json!({ "name": name, "in": "path", "required": true, "schema": schema })
        });
        told.collect()
    }

    fn body(&mut self, id: &str, forms: &[Body]) -> Result<Value, String> {
        let mut schemas = Vec::new();
        let mut examples = Map::new();
        let mut required = true;
        for body in forms {
            let mut schema = bodies::schema(body, &mut self.read)?;
            let example: Value = serde_json::from_str(body.example).unwrap_or_default();
            name_command(&mut schema, body.name, &example);
            required &= !is_empty(schema.get("required"));
            examples.insert(body.name.to_owned(), json!({ "value": example }));
            let name = format!("{id}.{}", body.name);
            self.more.insert(name.clone(), schema);
            schemas.push(refer("schemas", &name));
        }
        let schema = match schemas.as_slice() {
            [only] => only.clone(),
            several => json!({ "oneOf": several }),
        };
        let content = json!({ "schema": schema, "examples": examples });
        Ok(json!({ "required": required, "content": { "application/json": content } }))
    }

    fn responses(&mut self, operation: &Operation, writes: bool) -> Value {
        let answer = operation.answer;
        let schema = (answer.schema)(&mut self.answered);
        let mut good = json!({
            "description": "Done.",
            "content": { answer.content_type: { "schema": schema } },
        });
        if let Some(members) = good.as_object_mut().filter(|_| writes) {
            let headers = HEADERS_ANSWERED.iter();
            let headers: Map<String, Value> = headers
                .map(|(name, _, _)| ((*name).to_owned(), refer("headers", name)))
                .collect();
            members.insert("headers".to_owned(), headers.into());
        }
        let mut responses = Map::from_iter([(answer.status.to_string(), good)]);
        for status in errors::of(operation.group).iter().chain(operation.errors) {
            responses.insert(status.to_string(), errors::reference(*status));
        }
        responses.into()
    }

    /// Every schema by its name.
    fn schemas(mut self) -> Map<String, Value> {
        let kinds = event_schemas(&mut self.answered);
        let mut schemas = self.answered.take_definitions(true);
        let read = self.read.take_definitions(true);
        // What is shown may hold more than what can be asked for: two schemas, two names.
        let both = read.iter().filter(|(name, schema)| {
            let answered = schemas.get(*name);
            answered.is_some_and(|answered| answered != *schema)
        });
        let asked: Vec<String> = both.map(|(name, _)| name.clone()).collect();
        for (name, mut schema) in read.into_iter().chain(self.more) {
            rename(&mut schema, &asked);
            let own = asked.contains(&name).then(|| format!("{name}{ASKED}"));
            schemas.insert(own.unwrap_or(name), schema);
        }
        let mut forms = Vec::new();
        for (kind, schema) in kinds {
            let name = format!("event_data.{kind}");
            forms.push(json!({
                "properties": { "kind": { "const": kind }, "data": refer("schemas", &name) },
            }));
            schemas.insert(name, Schema::to_value(schema));
        }
        for event in ["Event", "EventInChain"] {
            if let Some(Value::Object(members)) = schemas.get_mut(event) {
                members.insert("oneOf".to_owned(), forms.clone().into());
            }
        }
        schemas
    }
}

/// Points references to these names to their other form.
fn rename(schema: &mut Value, asked: &[String]) {
    match schema {
        Value::Object(members) => {
            for (name, member) in members {
                if let (Value::String(reference), "$ref") = (&mut *member, name.as_str()) {
                    let named = reference.rsplit('/').next().unwrap_or_default();
                    if asked.iter().any(|asked| asked == named) {
                        reference.push_str(ASKED);
                    }
                } else {
                    rename(member, asked);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| rename(item, asked)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// A command's body tells by its name which one it is.
fn name_command(schema: &mut Value, name: &str, example: &Value) {
    let is_command =
        COMMANDS.iter().any(|command| command.name == name) && example.get("command").is_some();
    if let Some(command) = schema
        .pointer_mut("/properties/command")
        .filter(|_| is_command)
    {
        *command = json!({ "const": name });
    }
}

fn is_empty(list: Option<&Value>) -> bool {
    list.and_then(Value::as_array).is_none_or(Vec::is_empty)
}

fn refer(what: &str, name: &str) -> Value {
    json!({ "$ref": format!("#/components/{what}/{name}") })
}

const fn tag(group: Group) -> &'static str {
    match group {
        Group::Open => "server",
        Group::Reports => "reports",
        Group::Commands => "commands",
        Group::Reading => "reading",
    }
}

fn headers_read() -> Map<String, Value> {
    let told = HEADERS_READ.iter().map(|(name, description)| {
        let told = json!({
            "name": name,
            "in": "header",
            "description": description,
            "schema": { "type": "string" },
        });
        ((*name).to_owned(), told)
    });
    told.collect()
}

fn headers_answered() -> Map<String, Value> {
    let told = HEADERS_ANSWERED.iter().map(|(name, kind, description)| {
        let told = json!({ "description": description, "schema": { "type": kind } });
        ((*name).to_owned(), told)
    });
    told.collect()
}

const DESCRIPTION: &str = "How media servers report what happens in rooms, how admins give \
                           commands, and how programs read the ledger.";

/// Behind the name of what can be asked for, where more can be shown.
const ASKED: &str = ".asked";

const HEADERS_READ: &[(&str, &str)] = &[
    (
        "Idempotency-Key",
        "Names the request: a repeat gets the outcome of the first.",
    ),
    (
        "X-Request-Id",
        "An id for tracing: recorded, answered, and never a reason to skip a call.",
    ),
    ("traceparent", "The span of the call (W3C Trace Context)."),
    (
        "X-Audit-Actor",
        "The person on whose behalf the caller claims to act; may be percent-encoded.",
    ),
    ("X-Audit-Reason", "Why; may be percent-encoded."),
    (
        "X-Correlation-Id",
        "The caller's own id of what belongs together.",
    ),
];

const HEADERS_ANSWERED: &[(&str, &str, &str)] = &[
    (
        "X-Ledger-Position",
        "integer",
        "The last position that the call made durable.",
    ),
    (
        "X-Ledger-Replayed",
        "string",
        "`true` where an earlier outcome is given again.",
    ),
];
