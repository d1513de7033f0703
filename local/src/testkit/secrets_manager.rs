//! A real server of Secrets Manager's API: moto, fetched once with pip, pinned by version and hash, one per test.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use serde_json::{Value, json};

use crate::project;

const REQUIREMENTS: &str = include_str!("../../moto-requirements.txt");

/// Serves until standard input ends: so it ends with the test, also with one that is killed. One call at a time, as if
/// each were a transaction, and with two things as AWS has them: a version's text stays what it is, also while a rotation
/// prepares it, and a refusal is JSON.
const SERVER: &str = "
import json, os, sys, threading
from moto.core.exceptions import _RESTError
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from moto.secretsmanager.exceptions import ResourceExistsException
from moto.secretsmanager.models import SecretsManagerBackend
from werkzeug.serving import make_server

put = SecretsManagerBackend.put_secret_value
def put_once(self, secret_id, secret_string, secret_binary, client_request_token, version_stages):
    secret = self.secrets[secret_id] if secret_id in self.secrets else None
    version = secret.versions.get(client_request_token, {}) if secret else {}
    if version.get('secret_string', secret_string) != secret_string:
        raise ResourceExistsException('The version has another text.')
    return put(self, secret_id, secret_string, secret_binary, client_request_token, version_stages)
SecretsManagerBackend.put_secret_value = put_once

make = _RESTError.__init__
def make_json(self, error_type, message, *rest, **named):
    make(self, error_type, message, *rest, **named)
    self.description = json.dumps({'__type': error_type, 'message': message})
    self.content_type = 'application/json'
_RESTError.__init__ = make_json

server = make_server('127.0.0.1', 0, DomainDispatcherApplication(create_backend_app))
print(server.server_port, flush=True)
threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
server.serve_forever()
";

/// Where its secrets are.
const REGION: &str = "eu-central-1";

/// A running server without secrets, on a free port of 127.0.0.1. It ends when dropped.
pub struct SecretsManager {
    server: Child,
    url: String,
    http: reqwest::Client,
}

impl SecretsManager {
    /// Starts one.
    ///
    /// # Panics
    /// When moto cannot be fetched, or does not start.
    pub async fn start() -> SecretsManager {
        let started = tokio::task::spawn_blocking(|| {
            let mut server = Command::new(python())
                .args(["-c", SERVER])
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::null())
                .spawn()
                .expect("the Python that moto was installed with");
            let mut port = String::new();
            let output = server.stdout.take().expect("its output is a pipe");
            BufReader::new(output).read_line(&mut port).expect("a line of its output");
            (server, port.trim().parse::<u16>().expect("moto does not start"))
        });
        let (server, port) = started.await.expect("starting does not panic");
        let http = reqwest::Client::builder().no_proxy().build().expect("an HTTP client");
        SecretsManager { server, url: format!("http://127.0.0.1:{port}"), http }
    }

    /// The variables with which a program finds it, and may do everything.
    pub fn environment(&self) -> [(&'static str, String); 5] {
        [
            ("AWS_ENDPOINT_URL", self.url.clone()),
            ("AWS_REGION", REGION.to_owned()),
            ("AWS_ACCESS_KEY_ID", "test".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "test".to_owned()),
            ("AWS_SESSION_TOKEN", String::new()),
        ]
    }

    /// From now on a caller may do what the policies of its user allow, and this one has none; the first four
    /// variables of [`SecretsManager::environment`] with its key.
    ///
    /// # Panics
    /// When the server fails.
    pub async fn user_without_rights(&self) -> [(&'static str, String); 5] {
        let iam = async |action: &str| {
            let form = format!("Action={action}&Version=2010-05-08&UserName=nobody");
            let answer = self
                .http
                .post(&self.url)
                .header("Authorization", authorization("iam"))
                .header("Content-Type", "application/x-www-form-urlencoded")
                .body(form);
            answer.send().await.expect("moto answers").text().await.expect("moto answers")
        };
        iam("CreateUser").await;
        let made = iam("CreateAccessKey").await;
        let member = |name: &str| {
            let (_, rest) = made.split_once(&format!("<{name}>")).expect("the members of a key");
            rest.split_once('<').expect("the members of a key").0.to_owned()
        };
        let (id, secret) = (member("AccessKeyId"), member("SecretAccessKey"));
        let switched = self.http.post(format!("{}/moto-api/reset-auth", self.url)).body("0").send().await;
        assert!(switched.expect("moto answers").status().is_success());
        let [endpoint, region, _, _, token] = self.environment();
        [endpoint, region, ("AWS_ACCESS_KEY_ID", id), ("AWS_SECRET_ACCESS_KEY", secret), token]
    }

    /// Makes a secret and gives its ARN.
    ///
    /// # Panics
    /// When the server refuses.
    pub async fn create(&self, name: &str, text: &str) -> String {
        let made = self.call("CreateSecret", json!({ "Name": name, "SecretString": text })).await;
        made.expect("a new secret")["ARN"].as_str().expect("an ARN").to_owned()
    }

    /// The text of the version with this label, if there is one.
    pub async fn text(&self, secret: &str, stage: &str) -> Option<String> {
        let asked = json!({ "SecretId": secret, "VersionStage": stage });
        let answer = self.call("GetSecretValue", asked).await.ok()?;
        answer["SecretString"].as_str().map(str::to_owned)
    }

    /// Stores a text that everybody reads from now on.
    ///
    /// # Panics
    /// When the server refuses.
    pub async fn put(&self, secret: &str, text: &str) {
        let stored = self.call("PutSecretValue", json!({ "SecretId": secret, "SecretString": text })).await;
        stored.expect("a stored version");
    }

    /// Begins a rotation: its version has a label and no text, and its steps are for the test to call.
    pub async fn begin_rotation(&self, secret: &str, token: &str) {
        // moto takes a label that stayed on the current version for another rotation; AWS does not.
        let described = self.call("DescribeSecret", json!({ "SecretId": secret })).await.expect("a secret");
        let versions = described["VersionIdsToStages"].as_object().into_iter().flatten();
        let has = |stages: &Value, label: &str| {
            stages.as_array().is_some_and(|stages| stages.iter().any(|stage| stage == label))
        };
        for (version, _) in
            versions.filter(|(_, stages)| has(stages, "AWSCURRENT") && has(stages, "AWSPENDING"))
        {
            let label =
                json!({ "SecretId": secret, "VersionStage": "AWSPENDING", "RemoveFromVersionId": version });
            self.call("UpdateSecretVersionStage", label).await.expect("a label that goes");
        }
        // And it calls the function itself, and knows none; by then all else is done.
        let begun = json!({
            "SecretId": secret,
            "ClientRequestToken": token,
            "RotationLambdaARN": format!("arn:aws:lambda:{REGION}:123456789012:function:none"),
            "RotationRules": { "AutomaticallyAfterDays": 30 },
        });
        let refused = self.call("RotateSecret", begun).await.expect_err("moto has no such function");
        assert!(refused.contains("Resource not found for ARN"), "{refused}");
    }

    /// One call of the API.
    ///
    /// # Errors
    /// The server's answer, when it refuses.
    ///
    /// # Panics
    /// When it does not answer.
    pub async fn call(&self, operation: &str, body: Value) -> Result<Value, String> {
        let request = self
            .http
            .post(&self.url)
            .header("Authorization", authorization("secretsmanager"))
            .header("X-Amz-Target", format!("secretsmanager.{operation}"))
            .header("Content-Type", "application/x-amz-json-1.1")
            .body(body.to_string());
        let answer = request.send().await.expect("moto answers");
        let succeeded = answer.status().is_success();
        let text = answer.text().await.expect("moto answers");
        if succeeded { Ok(serde_json::from_str(&text).expect("JSON")) } else { Err(text) }
    }
}

impl Drop for SecretsManager {
    fn drop(&mut self) {
        drop(self.server.stdin.take());
        let _ = self.server.wait();
    }
}

/// moto reads the service and the region off it, and looks at nothing else of it.
fn authorization(service: &str) -> String {
    format!(
        "AWS4-HMAC-SHA256 Credential=test/20260101/{REGION}/{service}/aws4_request, SignedHeaders=host, Signature=0"
    )
}

/// The Python of an environment with moto in it, made on first use, and once for each content of the pins.
fn python() -> PathBuf {
    use sha2::{Digest, Sha256};
    let pins = Sha256::digest(REQUIREMENTS)[..6].iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let base = project::target().join("moto");
    let environment = base.join(pins);
    if !environment.join("complete").is_file() {
        fs::create_dir_all(&base).expect("a folder in the build directory");
        // Tests run side by side, and an environment cannot be moved: one makes it, the others wait.
        let lock = fs::File::create(base.join("lock")).expect("a file in the build directory");
        lock.lock().expect("a lock in the build directory");
        if !environment.join("complete").is_file() {
            install(&environment);
            fs::write(environment.join("complete"), "").expect("a file in the build directory");
        }
    }
    environment.join("bin/python")
}

fn install(environment: &Path) {
    eprintln!("fetching moto (once, 30 MB)");
    let run = |command: &mut Command| {
        let output = command.stdin(Stdio::null()).output().expect("python3, which fetches moto");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "pip could not fetch moto: {}", said.trim());
    };
    run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(environment));
    let requirements = environment.join("requirements.txt");
    fs::write(&requirements, REQUIREMENTS).expect("a file in the build directory");
    run(Command::new(environment.join("bin/python"))
        .args(["-m", "pip", "install", "--quiet", "--no-deps", "--no-compile", "--only-binary=:all:"])
        .args(["--require-hashes", "--disable-pip-version-check", "--no-input", "--requirement"])
        .arg(&requirements));
}
