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
    /// The participant's identity; else the verified subject of the caller's token, or the key id
    /// where the token names nobody; the name of the rule.
    pub id: String,
    /// The id of the key that the call came with, where `id` is not that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The verified subject of the token with which a participant acted, where it names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// The person behind the call, as the caller claims.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_behalf_of: Option<String>,
    /// The participant's connection, where one acted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection: Option<String>,
}

impl ActorView {
    pub(in crate::replay) fn of(actor: &Actor, resolver: &Resolver<'_>) -> Self {
        let on_behalf_of = actor.on_behalf_of.as_ref();
        let on_behalf_of = on_behalf_of.map(|person| person.as_str().to_owned());
        let Some(number) = actor.connection else {
            return Self {
                kind: actor.kind,
                id: actor.id.as_str().to_owned(),
                key: actor.subject().and(actor.key.clone()),
                subject: None,
                on_behalf_of,
                connection: None,
            };
        };
        Self {
            kind: ActorKind::Participant,
            id: resolver.identity_of(number),
            key: actor.key.clone(),
            subject: actor.subject().map(str::to_owned),
            on_behalf_of,
            connection: Some(resolver.connection_id(number)),
        }
    }

    /// Who acted, as a line for people names them: what is proven first, and a claim as one.
    pub fn name(&self) -> String {
        let own = match (self.kind, &self.key) {
            (ActorKind::ApiKey, Some(key)) => format!("{} (key {key})", self.id),
            (ActorKind::ApiKey | ActorKind::Participant, _) => self.id.clone(),
            (ActorKind::System, _) => "the ledger".to_owned(),
            (ActorKind::Policy, _) => format!("the rule {}", self.id),
        };
        match &self.on_behalf_of {
            Some(person) => format!("{own}, on behalf of {person} (as it says)"),
            None => own,
        }
    }

    pub(super) fn name_of(actor: &Actor, resolver: &Resolver<'_>) -> String {
        Self::of(actor, resolver).name()
    }
}
