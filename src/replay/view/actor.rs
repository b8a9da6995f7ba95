//! Who did something, as readers see it. Apart because envelope and sentence both name them.

use serde::{Deserialize, Serialize};

use crate::domain::{Actor, ActorKind};
use crate::replay::view::resolve::Resolver;

/// Who did something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(
    feature = "server",
    derive(schemars::JsonSchema),
    schemars(rename = "Actor")
)]
pub struct ActorView {
    /// Which kind of actor.
    pub kind: ActorKind,
    /// The key id, the participant's identity, or the name of the rule.
    pub id: String,
    /// The person behind the call, as the caller says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_behalf_of: Option<String>,
    /// The participant's connection, where one acted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection: Option<String>,
    /// The key that the participant's call came with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_id: Option<String>,
}

impl ActorView {
    pub(super) fn of(actor: &Actor, resolver: &Resolver<'_>) -> Self {
        let on_behalf_of = actor.on_behalf_of.as_ref();
        let on_behalf_of = on_behalf_of.map(|person| person.as_str().to_owned());
        let Some(number) = actor.connection else {
            return Self {
                kind: actor.kind,
                id: actor.id.clone(),
                on_behalf_of,
                connection: None,
                key_id: None,
            };
        };
        Self {
            kind: ActorKind::Participant,
            id: resolver.identity_of(number),
            on_behalf_of,
            connection: Some(resolver.connection_id(number)),
            key_id: Some(actor.id.clone()).filter(|id| !id.is_empty()),
        }
    }

    /// Who acted, as a line for people names them.
    pub fn name(&self) -> String {
        let own = match self.kind {
            ActorKind::ApiKey | ActorKind::Participant => self.id.clone(),
            ActorKind::System => "the ledger".to_owned(),
            ActorKind::Policy => format!("the rule {}", self.id),
        };
        match &self.on_behalf_of {
            Some(person) => format!("{person} ({own})"),
            None => own,
        }
    }

    pub(super) fn name_of(actor: &Actor, resolver: &Resolver<'_>) -> String {
        Self::of(actor, resolver).name()
    }
}
