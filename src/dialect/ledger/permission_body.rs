//! Permissions as bodies write them: objects all the way. Apart because a derived reader would take
//! a list for an object, member by member in an order that nobody was told; it changes nothing.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::{Deserialize, Deserializer, Error};
use serde_json::Value;

use crate::replay::view::PermissionPatchView;

/// What a body says of a permission.
pub(super) struct AskedPermission(pub(super) PermissionPatchView);

impl<'de> Deserialize<'de> for AskedPermission {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        if let Some(path) = not_an_object(&value) {
            return Err(D::Error::custom(format!("{path} has to be an object")));
        }
        let read = serde_json::from_value(value);
        read.map(Self).map_err(D::Error::custom)
    }
}

impl JsonSchema for AskedPermission {
    fn schema_name() -> Cow<'static, str> {
        PermissionPatchView::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        PermissionPatchView::json_schema(generator)
    }
}

/// The first place of a list where the contract has an object.
fn not_an_object(permission: &Value) -> Option<&'static str> {
    let receive = permission.get("receive");
    let of_receive = |name| receive.and_then(|receive| receive.get(name));
    let objects = [
        ("a permission", Some(permission)),
        ("`send`", permission.get("send")),
        ("`receive`", receive),
        ("`receive.base`", of_receive("base")),
    ];
    let rules = ["by_participant", "by_connection"].map(of_receive);
    let rules = rules.into_iter().flatten().filter_map(Value::as_object);
    let rules = rules.flat_map(|rules| rules.values());
    let rules = rules.map(|rule| ("a rule of `receive`", Some(rule)));
    let mut all = objects.into_iter().chain(rules);
    all.find_map(|(path, value)| value.filter(|value| value.is_array()).map(|_| path))
}
