//! The OpenAPI document as a judge: every answer of these tests is held against it, and every body
//! that was accepted.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Mutex, OnceLock, PoisonError};

use axum::body::{Body, to_bytes};
use axum::http::{Method, Request};
use jsonschema::Validator;
use roomledger::domain::Kind;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use super::support::{Answer, Server};

/// The document with validators for its parts, made as they are needed.
pub(crate) struct Contract {
    document: Value,
    /// Every schema of the components, refusing members that it does not tell of.
    strict: Value,
    validators: Mutex<BTreeMap<String, &'static Validator>>,
}

impl Contract {
    /// The document as it is served.
    pub(crate) const fn document(&self) -> &Value {
        &self.document
    }

    /// That of this build; all servers have the same.
    pub(crate) fn of(server: &Server) -> &'static Self {
        static CONTRACT: OnceLock<Contract> = OnceLock::new();
        CONTRACT.get_or_init(|| {
            let request = Request::get("/api/v1/openapi.json").body(Body::empty());
            let document = server.runtime.block_on(async {
                let answered = server.router.clone().oneshot(request.unwrap());
                let response = answered.await.unwrap();
                assert_eq!(response.status(), 200);
                let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
                serde_json::from_slice::<Value>(&body).unwrap()
            });
            let mut strict = document["components"]["schemas"].clone();
            close(&mut strict);
            Self {
                document,
                strict,
                validators: Mutex::default(),
            }
        })
    }

    /// Every route: method and path.
    fn routes(&self) -> Vec<(Method, String)> {
        let mut found = Vec::new();
        for (path, methods) in self.document["paths"].as_object().unwrap() {
            for method in methods.as_object().unwrap().keys() {
                let method = method.to_uppercase().parse().unwrap();
                found.push((method, path.clone()));
            }
        }
        found
    }

    /// Fails where a request that was accepted, or its answer, is not as the document says.
    #[track_caller]
    pub(crate) fn judge(&self, method: &Method, path: &str, body: &[u8], answer: &Answer) {
        let path = path.split('?').next().unwrap_or_default();
        let routes = self.routes();
        let route = routes
            .iter()
            .filter(|(other, template)| other == method && matches(template, path))
            .min_by_key(|(_, template)| template.matches('{').count());
        let Some((_, template)) = route else {
            assert!(
                matches!(answer.status, 404 | 405),
                "{method} {path} is not in the document, and answers {}",
                answer.status
            );
            self.judge_by("#/components/schemas/Problem", &answer.body, path);
            return;
        };
        let operation = &self.document["paths"][template][method.as_str().to_lowercase()];
        let place = format!("{method} {template} {}", answer.status);
        let mut told = &operation["responses"][answer.status.to_string()];
        if let Some(reference) = told["$ref"].as_str() {
            let pointer = reference.trim_start_matches('#');
            told = self.document.pointer(pointer).unwrap();
        }
        let content = told["content"].as_object();
        let content = content.unwrap_or_else(|| panic!("{place} is not in the document"));
        let kind = answer.header("content-type").unwrap_or_default();
        let schema = &content.get(kind).unwrap_or_else(|| {
            panic!("{place} answers {kind}, told is {:?}", content.keys());
        })["schema"];
        if kind.ends_with("json") {
            self.judge_by(schema["$ref"].as_str().unwrap(), &answer.body, &place);
        }
        for name in told["headers"]
            .as_object()
            .into_iter()
            .flat_map(|it| it.keys())
        {
            let is_always = name != "X-Ledger-Replayed";
            assert!(
                !is_always || answer.header(name).is_some(),
                "{place}: {name}"
            );
        }
        if answer.status < 300 && !body.is_empty() {
            let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
            let body: Value = serde_json::from_slice(body).unwrap();
            let forms = schema["oneOf"].as_array().cloned();
            let forms = forms.unwrap_or_else(|| vec![schema.clone()]);
            let valid = forms.iter().filter(|form| {
                let form = self.validator(form["$ref"].as_str().unwrap());
                form.is_valid(&body)
            });
            assert_eq!(valid.count(), 1, "{place} accepts {body:#}");
        }
    }

    #[track_caller]
    pub(crate) fn judge_by(&self, reference: &str, value: &Value, place: &str) {
        if let Err(error) = self.validator(reference).validate(value) {
            let at = error.instance_path();
            panic!("{place}: {error} at {at} by {reference}: {value:#}");
        }
    }

    fn validator(&self, reference: &str) -> &'static Validator {
        let known = self.validators.lock();
        let mut known = known.unwrap_or_else(PoisonError::into_inner);
        if let Some(made) = known.get(reference) {
            return made;
        }
        let whole = json!({ "$ref": reference, "components": { "schemas": self.strict } });
        let options = jsonschema::draft202012::options().should_validate_formats(true);
        let made: &'static Validator = Box::leak(Box::new(options.build(&whole).unwrap()));
        known.insert(reference.to_owned(), made);
        made
    }
}

/// What is answered may grow; here it must not grow without the document.
fn close(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            let is_object = members.get("type").is_some_and(|it| it == "object");
            if is_object && !members.contains_key("additionalProperties") {
                members.insert("unevaluatedProperties".to_owned(), false.into());
            }
            members.values_mut().for_each(close);
        }
        Value::Array(items) => items.iter_mut().for_each(close),
        _ => {}
    }
}

fn matches(template: &str, path: &str) -> bool {
    let (template, path): (Vec<&str>, Vec<&str>) =
        (template.split('/').collect(), path.split('/').collect());
    let mut parts = template.iter().zip(&path);
    template.len() == path.len() && parts.all(|(told, part)| told.starts_with('{') || told == part)
}

/// The whole document, so that no change of the contract goes unseen.
#[test]
fn the_contract_is_the_golden_one() {
    let contract = Contract::of(&Server::new());
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/openapi.json");
    let document = format!("{:#}\n", contract.document);
    if std::env::var_os("ROOMLEDGER_BLESS").is_some() {
        std::fs::write(&path, &document).unwrap();
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_default();
    let differs = golden
        .lines()
        .zip(document.lines())
        .position(|(old, new)| old != new);
    assert!(
        golden == document,
        "the contract changed, first in line {differs:?} of {}: ROOMLEDGER_BLESS=1 accepts it",
        path.display()
    );
}

/// Routes are taken by the table alone, each is in the document, and each of the document is taken.
#[test]
fn the_document_and_the_router_have_the_same_routes() {
    let server = Server::new();
    let contract = Contract::of(&server);
    let routes = contract.routes();
    let all = ["GET", "POST", "PUT", "PATCH", "DELETE"];
    for (_, template) in &routes {
        let path = template.replace(['{', '}'], "");
        for method in all {
            let method: Method = method.parse().unwrap();
            let told = routes.contains(&(method.clone(), template.clone()));
            let taken = server.status_of(method.clone(), &path) != 405;
            assert_eq!(told, taken, "{method} {template}");
        }
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/dialect/ledger");
    let mut readers = Vec::new();
    let mut folders = vec![folder];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let source = std::fs::read_to_string(&path).unwrap();
            if source.contains(".route(") || source.contains(".route_service(") {
                readers.push(path.file_name().unwrap().to_owned());
            }
        }
    }
    assert_eq!(
        readers,
        ["table.rs"],
        "routes that the document cannot know"
    );
}

#[test]
fn every_kind_of_event_and_every_command_has_its_schema() {
    let server = Server::new();
    let contract = Contract::of(&server);
    for kind in Kind::ALL {
        let schema = &contract.strict[format!("event_data.{}", kind.as_str())];
        assert_eq!(schema["type"], "object", "{}", kind.as_str());
    }
    // The reader of commands tells which it knows.
    let unknown = server.post("/rooms/town/commands", &json!({ "command": "dance" }));
    let detail = unknown.expect(400)["detail"].as_str().unwrap().to_owned();
    let (_, known) = detail.split_once("known are ").unwrap();
    let operation = &contract.document["paths"]["/api/v1/rooms/{room}/commands"]["post"];
    let content = &operation["requestBody"]["content"]["application/json"];
    for command in known.split(", ") {
        let name = format!("command.{command}");
        let schema = &contract.strict[&name];
        assert_eq!(schema["properties"]["command"]["const"], command);
        let example = &content["examples"][command]["value"];
        contract.judge_by(&format!("#/components/schemas/{name}"), example, command);
    }
}

/// Each schema tells exactly the members that the reader knows: it says so when there is one more.
#[test]
fn bodies_are_read_as_they_are_told() {
    let server = Server::new();
    server.join("town", "alice");
    let contract = Contract::of(&server);
    for (method, template) in contract.routes() {
        let operation = &contract.document["paths"][&template][method.as_str().to_lowercase()];
        let content = &operation["requestBody"]["content"]["application/json"];
        for (name, example) in content["examples"].as_object().into_iter().flatten() {
            let mut body = example["value"].clone();
            body["no_such_member"] = json!(1);
            let path = template.replace("/api/v1", "").replace(['{', '}'], "");
            let headers = [("content-type", "application/json")];
            let body = body.to_string().into_bytes();
            let detail = server
                .send(method.clone(), &path, &headers, body)
                .expect(400);
            let detail = detail["detail"].as_str().unwrap();
            let (_, known) = detail.split_once("known are ").unwrap_or_else(|| {
                panic!("{method} {template} {name}: {detail}");
            });
            let mut known: Vec<&str> = known.split(", ").collect();
            known.sort_unstable();
            let id = operation["operationId"].as_str().unwrap();
            let told = &contract.strict[format!("{id}.{name}")]["properties"];
            let told: Vec<&String> = told.as_object().unwrap().keys().collect();
            assert_eq!(told, known, "{method} {template} {name}");
        }
    }
}
