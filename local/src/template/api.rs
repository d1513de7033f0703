//! The `AWS::Serverless::Api`: stage, CORS, gateway responses, throttling, binary types.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use super::{function::number, intrinsics::text};

/// Settings of the REST API.
#[derive(Debug, Clone, PartialEq)]
pub struct Api {
    /// Logical id.
    pub logical_id: String,
    /// The API's id, ten characters made from the logical id.
    pub id: String,
    /// `StageName`
    pub stage: String,
    /// `Variables` of the stage.
    pub variables: BTreeMap<String, String>,
    /// `Cors`: preflights are answered from it. `None`: OPTIONS is an unknown route.
    pub cors: Option<Cors>,
    /// `GatewayResponses` by response type (`DEFAULT_4XX`, `THROTTLED` …).
    pub responses: BTreeMap<String, GatewayResponse>,
    /// Media types that pass as base64, `image/*` and `*/*` included.
    pub binary_media_types: Vec<String>,
    /// `MinimumCompressionSize`: answers of at least so many bytes are compressed. `None`: none are.
    pub minimum_compression_size: Option<usize>,
    /// `MethodSettings` that limit rates.
    pub throttles: Vec<MethodSetting>,
}

/// SAM's `Cors`. Header values are already free of their quotes.
#[derive(Debug, Clone, PartialEq)]
pub struct Cors {
    /// `Access-Control-Allow-Origin`
    pub allow_origin: String,
    /// `Access-Control-Allow-Headers`
    pub allow_headers: Option<String>,
    /// `Access-Control-Allow-Methods`; `None`: the methods that the path has.
    pub allow_methods: Option<String>,
    /// `Access-Control-Max-Age`
    pub max_age: Option<String>,
    /// `Access-Control-Allow-Credentials: true`
    pub allow_credentials: bool,
}

/// How the gateway words one of its own errors.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct GatewayResponse {
    /// The status, when it differs from AWS's.
    pub status: Option<u16>,
    /// Headers with where their values come from.
    pub headers: Vec<(String, ParameterSource)>,
    /// Body templates by media type.
    pub templates: BTreeMap<String, String>,
}

/// Where API Gateway takes a mapped value from.
#[derive(Debug, Clone, PartialEq)]
pub enum ParameterSource {
    /// `'text'`
    Literal(String),
    /// `context.requestId`, without the `context.`
    Context(String),
    /// `stageVariables.name`
    StageVariable(String),
    /// `method.request.header.Origin`
    RequestHeader(String),
    /// `method.request.querystring.name`, and `multivaluequerystring`
    RequestQuery(String),
    /// `method.request.path.name`
    RequestPath(String),
}

/// One entry of `MethodSettings` with a limit.
#[derive(Debug, Clone, PartialEq)]
pub struct MethodSetting {
    /// `*` or a method.
    pub method: String,
    /// `/*` or a resource path.
    pub path: String,
    /// Requests per second.
    pub rate: f64,
    /// Size of the bucket.
    pub burst: f64,
}

impl Api {
    pub(super) fn read(logical_id: &str, properties: &Value) -> Result<Self> {
        let variables = properties.get("Variables").and_then(Value::as_object);
        let variables = variables.into_iter().flatten();
        let mut responses = BTreeMap::new();
        if let Some(declared) = properties.get("GatewayResponses").and_then(Value::as_object) {
            for (kind, response) in declared {
                let response =
                    GatewayResponse::read(response).with_context(|| format!("in GatewayResponses.{kind}"))?;
                responses.insert(kind.clone(), response);
            }
        }
        let media = properties.get("BinaryMediaTypes").and_then(Value::as_array).into_iter().flatten();
        let settings = properties.get("MethodSettings").and_then(Value::as_array).into_iter().flatten();
        Ok(Self {
            logical_id: logical_id.to_owned(),
            id: id(logical_id),
            stage: properties.get("StageName").map(text).transpose()?.unwrap_or_else(|| "Prod".to_owned()),
            variables: variables
                .map(|(name, value)| Ok((name.clone(), text(value)?)))
                .collect::<Result<_>>()?,
            cors: properties.get("Cors").map(Cors::read).transpose().context("in Cors")?,
            responses,
            // SAM writes `image~1png` for `image/png`.
            binary_media_types: media
                .map(|kind| Ok(text(kind)?.replace("~1", "/")))
                .collect::<Result<_>>()?,
            minimum_compression_size: properties
                .get("MinimumCompressionSize")
                .map(|size| text(size)?.parse().context("in MinimumCompressionSize"))
                .transpose()?,
            throttles: settings
                .filter_map(|setting| MethodSetting::read(setting).transpose())
                .collect::<Result<_>>()?,
        })
    }
}

impl Cors {
    fn read(cors: &Value) -> Result<Self> {
        if let Value::String(origin) = cors {
            let allow_origin = literal(origin)?;
            return Ok(Self {
                allow_origin,
                allow_headers: None,
                allow_methods: None,
                max_age: None,
                allow_credentials: false,
            });
        }
        let object = cors.as_object().context("expected text or a map")?;
        let known = ["AllowOrigin", "AllowHeaders", "AllowMethods", "MaxAge", "AllowCredentials"];
        if let Some(unknown) = object.keys().find(|key| !known.contains(&key.as_str())) {
            bail!("unknown key {unknown}");
        }
        let value = |name: &str| {
            object
                .get(name)
                .map(|value| literal(&text(value)?).with_context(|| format!("at {name}")))
                .transpose()
        };
        Ok(Self {
            allow_origin: value("AllowOrigin")?.unwrap_or_else(|| "*".to_owned()),
            allow_headers: value("AllowHeaders")?,
            allow_methods: value("AllowMethods")?,
            max_age: value("MaxAge")?,
            // SAM refuses this beside a literal `*`, and does not look into a condition, where it means nothing: a
            // browser with credentials takes no `*` for its origin.
            allow_credentials: object.get("AllowCredentials").map(text).transpose()?.as_deref()
                == Some("true"),
        })
    }
}

impl GatewayResponse {
    fn read(response: &Value) -> Result<Self> {
        let headers = response.pointer("/ResponseParameters/Headers").and_then(Value::as_object);
        let templates = response.get("ResponseTemplates").and_then(Value::as_object);
        Ok(Self {
            status: number(response, "StatusCode")?
                .map(u16::try_from)
                .transpose()
                .context("bad StatusCode")?,
            headers: headers
                .into_iter()
                .flatten()
                .map(|(name, source)| {
                    let source =
                        ParameterSource::read(&text(source)?).with_context(|| format!("at header {name}"))?;
                    Ok((name.clone(), source))
                })
                .collect::<Result<_>>()?,
            templates: templates
                .into_iter()
                .flatten()
                .map(|(media, template)| Ok((media.clone(), text(template)?)))
                .collect::<Result<_>>()?,
        })
    }
}

type MakeSource = fn(String) -> ParameterSource;

impl ParameterSource {
    /// Mapping expressions as in
    /// <https://docs.aws.amazon.com/apigateway/latest/developerguide/rest-api-parameter-mapping-sources.html>.
    pub(crate) fn read(expression: &str) -> Result<Self> {
        if expression.starts_with('\'') {
            return Ok(Self::Literal(literal(expression)?));
        }
        let expression = expression.trim_start_matches('$');
        let kinds: [(&str, MakeSource); 6] = [
            ("context.", Self::Context),
            ("stageVariables.", Self::StageVariable),
            ("method.request.header.", Self::RequestHeader),
            ("method.request.querystring.", Self::RequestQuery),
            ("method.request.multivaluequerystring.", Self::RequestQuery),
            ("method.request.path.", Self::RequestPath),
        ];
        for (prefix, make) in kinds {
            if let Some(name) = expression.strip_prefix(prefix) {
                return Ok(make(name.to_owned()));
            }
        }
        bail!("{expression} is no mapping expression: literals need single quotes, \"'text'\"")
    }
}

impl MethodSetting {
    fn read(setting: &Value) -> Result<Option<Self>> {
        let limit = |name: &str| -> Result<Option<f64>> {
            let Some(value) = setting.get(name) else { return Ok(None) };
            Ok(Some(text(value)?.parse().with_context(|| format!("{name} is not a number"))?))
        };
        let (Some(rate), Some(burst)) = (limit("ThrottlingRateLimit")?, limit("ThrottlingBurstLimit")?)
        else {
            return Ok(None);
        };
        let name = |name: &str| setting.get(name).and_then(Value::as_str).unwrap_or("*");
        // CloudFormation spells the slashes of a path as ~1, after one real slash.
        let path = name("ResourcePath").replace("~1", "/").replacen("//", "/", 1);
        Ok(Some(Self { method: name("HttpMethod").to_ascii_uppercase(), path, rate, burst }))
    }
}

/// The text between single quotes. API Gateway takes unquoted text for an expression, so a missing
/// quote is a deployment that fails.
fn literal(quoted: &str) -> Result<String> {
    let inner = quoted.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\''));
    Ok(inner.with_context(|| format!("{quoted} must stand in single quotes: \"'{quoted}'\""))?.to_owned())
}

/// Ten characters, stable for a name: API ids and resource ids of API Gateway look like this.
pub(crate) fn id(name: &str) -> String {
    use sha2::{Digest as _, Sha256};
    let alphabet = b"abcdefghijklmnopqrstuvwxyz0123456789";
    let digest = Sha256::digest(name.as_bytes());
    digest.iter().take(10).map(|byte| char::from(alphabet[usize::from(*byte) % alphabet.len()])).collect()
}
