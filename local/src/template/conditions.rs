//! Conditions: named ones, and the functions that they are made of.

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use super::intrinsics::{Scope, items, text};

impl Scope {
    /// The truth of a named condition; a condition may use others, but not itself.
    pub(super) fn condition(&self, name: &str) -> Result<bool> {
        match self.evaluated.borrow().get(name) {
            Some(Some(known)) => return Ok(*known),
            Some(None) => bail!("condition {name} depends on itself"),
            None => {}
        }
        let definition = self.conditions.get(name).with_context(|| format!("unknown condition {name}"))?;
        self.evaluated.borrow_mut().insert(name.to_owned(), None);
        let truth = self.truth(definition).with_context(|| format!("in condition {name}"))?;
        self.evaluated.borrow_mut().insert(name.to_owned(), Some(truth));
        Ok(truth)
    }

    pub(super) fn truth(&self, value: &Value) -> Result<bool> {
        let object = value.as_object().filter(|object| object.len() == 1);
        let Some((name, argument)) = object.and_then(|object| object.iter().next()) else {
            bail!("expected a condition function, found {value}");
        };
        match name.as_str() {
            "Condition" => self.condition(argument.as_str().context("expected a condition's name")?),
            "Fn::Equals" => {
                let [left, right] = items(argument)?;
                Ok(comparable(&self.required(left)?) == comparable(&self.required(right)?))
            }
            "Fn::Not" => {
                let [inner] = items(argument)?;
                Ok(!self.truth(inner)?)
            }
            "Fn::And" | "Fn::Or" => {
                let inner = argument.as_array().context("expected a list of conditions")?;
                let truths = inner.iter().map(|item| self.truth(item)).collect::<Result<Vec<_>>>()?;
                Ok(if name == "Fn::And" { truths.iter().all(|t| *t) } else { truths.iter().any(|t| *t) })
            }
            other => bail!("{other} is not a condition function"),
        }
    }
}

/// Comparison is by text: `!Equals [!Ref Flag, true]` holds for the parameter value "true".
fn comparable(value: &Value) -> String {
    text(value).unwrap_or_else(|_| value.to_string())
}
