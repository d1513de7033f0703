//! What a function is allowed to cost follows from what it is, and that stands in the template: its role.

use anyhow::Result;
use serde::Deserialize;

use crate::{
    problem::problem,
    template::{Event, Function, Template},
};

/// A kind of function with budgets of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Class {
    /// A public route without a database.
    Plain,
    /// A route that reads or writes the database.
    Database,
    /// A route that also calls a model.
    Model,
    /// A route that also asks a provider, of identities or of payments.
    Provider,
    /// Invoked by a schedule, a subscription, or hand.
    Job,
}

impl Class {
    /// As it stands in tables and budgets.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Database => "database",
            Self::Model => "model",
            Self::Provider => "provider",
            Self::Job => "job",
        }
    }

    /// The class of a function by the last part of its role's ARN.
    ///
    /// # Errors
    /// When the template gives it a role without a class.
    pub(super) fn of(template: &Template, function: &Function) -> Result<Self> {
        let properties = &template.resources[&function.logical_id]["Properties"];
        let role = properties["Role"].as_str().unwrap_or_default();
        let role = role.rsplit(':').next().unwrap_or_default();
        let is_route = function.events.iter().any(|(_, event)| matches!(event, Event::Api { .. }));
        match role {
            "ModelRole" => Ok(Self::Model),
            _ if !is_route => Ok(Self::Job),
            "PublicRole" | "PublicKeysRole" => Ok(Self::Plain),
            "RouteRole" | "ReadinessRole" | "AccountRole" | "SignInRole" | "OperationsRole" => {
                Ok(Self::Database)
            }
            "OidcRole" | "PaymentRole" => Ok(Self::Provider),
            other => Err(problem(
                format!("the role {other:?} of {} has no budgets", function.name),
                "say in local/src/bench/class.rs what a function with this role is",
            )),
        }
    }
}
