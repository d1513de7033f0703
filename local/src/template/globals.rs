//! `Globals` merged into resources, by the rules of the SAM translator.

use serde_json::{Map, Value};

use super::intrinsics::is_intrinsic;

/// The resource's properties with the globals of its kind (`Function`, `Api`) underneath.
/// `ignore` is the resource's `IgnoreGlobals` (`"*"` or a list of property names).
pub(super) fn merge(globals: Option<&Value>, properties: &Value, ignore: Option<&Value>) -> Value {
    let Some(Value::Object(globals)) = globals else { return properties.clone() };
    let ignored = |name: &str| match ignore {
        Some(Value::String(all)) => all == "*",
        Some(Value::Array(names)) => names.iter().any(|ignored| ignored == name),
        _ => false,
    };
    let kept: Map<String, Value> = globals
        .iter()
        .filter(|(name, _)| !ignored(name))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    overlay(&Value::Object(kept), properties, "")
}

/// Maps are merged, lists joined with the global part first, everything else is replaced.
fn overlay(global: &Value, own: &Value, path: &str) -> Value {
    match (global, own) {
        (Value::Object(below), Value::Object(above)) if !is_intrinsic(global) && !is_intrinsic(own) => {
            let mut merged = below.clone();
            for (key, value) in above {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                let value =
                    below.get(key).map_or_else(|| value.clone(), |global| overlay(global, value, &path));
                merged.insert(key.clone(), value);
            }
            Value::Object(merged)
        }
        (Value::Array(below), Value::Array(above)) if path != "Architectures" => {
            Value::Array(below.iter().chain(above).cloned().collect())
        }
        _ => own.clone(),
    }
}
