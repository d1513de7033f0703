//! The environment variables that Lambda gives a function
//! (<https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime>).

use std::{collections::BTreeMap, path::Path};

use crate::template::Function;

/// Passed through from the developer's environment: what a process needs on this machine.
const INHERITED: [&str; 12] = [
    "PATH",
    "HOME",
    "USER",
    "LANG",
    "TMPDIR",
    "TEMP",
    "SystemRoot",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "LD_LIBRARY_PATH",
    "LLVM_PROFILE_FILE",
    "RUST_BACKTRACE",
];

/// As whom a function calls AWS. Lambda provides credentials; these let a client be built, are known to what stands in for AWS
/// here, and are refused by AWS.
pub(crate) const CREDENTIALS: Credentials = Credentials { key_id: "local", secret: "local", token: "local" };

/// A function's credentials.
pub(crate) struct Credentials {
    pub(crate) key_id: &'static str,
    pub(crate) secret: &'static str,
    pub(crate) token: &'static str,
}

/// Everything that the process sees. Later sources win: the machine, Lambda, the template, `overrides`,
/// whose empty values remove a variable. The address of the Runtime API cannot be overridden.
pub(super) fn variables(
    function: &Function,
    binaries: &Path,
    overrides: &BTreeMap<String, String>,
    sandbox: &str,
    runtime_api: &str,
) -> BTreeMap<String, String> {
    let inherited = INHERITED.iter().filter_map(|name| Some(((*name).to_owned(), std::env::var(name).ok()?)));
    let mut variables: BTreeMap<String, String> = inherited.collect();
    let region = std::env::var("AWS_REGION").unwrap_or_else(|_| "us-east-1".to_owned());
    let today = jiff::Timestamp::now().strftime("%Y/%m/%d").to_string();
    let lambda = [
        ("AWS_LAMBDA_FUNCTION_NAME", function.name.clone()),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST".to_owned()),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", function.memory.to_string()),
        ("AWS_LAMBDA_LOG_GROUP_NAME", function.log_group.clone()),
        ("AWS_LAMBDA_LOG_STREAM_NAME", format!("{today}/{}[$LATEST]{sandbox}", function.name)),
        ("AWS_LAMBDA_LOG_FORMAT", function.log_format.clone()),
        ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand".to_owned()),
        ("AWS_REGION", region.clone()),
        ("AWS_DEFAULT_REGION", region),
        ("AWS_ACCESS_KEY_ID", CREDENTIALS.key_id.to_owned()),
        ("AWS_SECRET_ACCESS_KEY", CREDENTIALS.secret.to_owned()),
        ("AWS_SESSION_TOKEN", CREDENTIALS.token.to_owned()),
        ("_HANDLER", function.handler.clone()),
        ("LAMBDA_TASK_ROOT", binaries.display().to_string()),
        ("LAMBDA_RUNTIME_DIR", binaries.display().to_string()),
        ("TZ", ":UTC".to_owned()),
    ];
    variables.extend(lambda.map(|(name, value)| (name.to_owned(), value)));
    if let Some(level) = &function.log_level {
        variables.insert("AWS_LAMBDA_LOG_LEVEL".to_owned(), level.clone());
    }
    variables.extend(function.variables(overrides));
    variables.retain(|name, value| !value.is_empty() || !overrides.contains_key(name));
    variables.insert("AWS_LAMBDA_RUNTIME_API".to_owned(), runtime_api.to_owned());
    variables
}
