//! The client that we are to a provider, from the settings.

use std::ops::Deref;
use std::sync::OnceLock;

use reqwest::Url;
use serde_json::Value;
use shared::describe::Operation;
use shared::prelude::*;
use shared::request::{FromRequest, Request};
use shared::secrets;
use shared::settings::{self, Environment, SettingError};

use super::Provider;

/// What a provider has registered us as (RFC 6749, section 2).
pub struct OidcClient {
    pub(super) provider: Provider,
    pub(super) client_id: String,
    pub(super) client_secret: String,
    pub(super) issuer: String,
    /// Where the provider sends the browser back to. Each provider has its own, so that none is given the code of
    /// another (RFC 9700, section 4.4.2.2).
    pub(super) redirect_url: String,
    /// Where Clever tells of the people who have no ID token.
    pub(super) clever_api_url: String,
}

macro_rules! clients {
    ($($(#[$doc:meta])* $name:ident),+) => {
        $(
            $(#[$doc])*
            pub struct $name(OidcClient);

            impl Deref for $name {
                type Target = OidcClient;

                fn deref(&self) -> &OidcClient {
                    &self.0
                }
            }

            impl FromRequest for $name {
                fn start() -> Result<(), SettingError> {
                    Settings::of(Provider::$name).map(drop)
                }

                async fn from_request(request: &mut Request) -> Result<$name> {
                    OidcClient::of(Provider::$name, request).await.map($name)
                }

                fn describe(operation: &mut Operation) {
                    operation.error(503, concat!("Sign-in with ", stringify!($name), " is not configured"));
                }
            }
        )+
    };
}

clients! {
    /// Our client at Google; 503 without one.
    Google,
    /// Our client at Clever; 503 without one.
    Clever
}

/// What the environment says of a provider.
struct Settings {
    client_id: String,
    secret: SecretSetting,
    issuer: String,
    clever_api_url: String,
    /// Unset only on a laptop, whose address is the one that it is called by.
    api_url: Option<String>,
}

enum SecretSetting {
    Given(String),
    Arn(String),
}

impl Settings {
    /// `None` without a client id: then there is no sign-in with this provider.
    fn of(provider: Provider) -> Result<Option<Settings>, SettingError> {
        let (id, secret, issuer, default_issuer) = match provider {
            Provider::Google => {
                ("GOOGLE_CLIENT_ID", "GOOGLE_CLIENT_SECRET", "GOOGLE_ISSUER", "https://accounts.google.com")
            }
            Provider::Clever => {
                ("CLEVER_CLIENT_ID", "CLEVER_CLIENT_SECRET", "CLEVER_ISSUER", "https://clever.com")
            }
        };
        let is_production = Environment::current() == Environment::Production;
        let Some(client_id) = settings::find(id) else { return Ok(None) };
        let secret = match (settings::find(secret), settings::find("OIDC_SECRET_ARN")) {
            (Some(secret), _) => SecretSetting::Given(secret),
            (None, Some(arn)) => SecretSetting::Arn(arn),
            (None, None) => return Err(format!("{secret} or OIDC_SECRET_ARN must be set, because {id} is")),
        };
        let scheme = |text: &str| Url::parse(text).ok().map(|url| url.scheme().to_owned());
        let address = |name: &str, default: &str| {
            let address = settings::find(name).unwrap_or_else(|| default.to_owned());
            match scheme(&address).as_deref() {
                Some("https") => Ok(address),
                Some("http") if !is_production => Ok(address),
                _ => Err(format!("{name} must be an https address")),
            }
        };
        let issuer = address(issuer, default_issuer)?;
        let clever_api_url = address("CLEVER_API_URL", "https://api.clever.com")?;
        let api_url = settings::find("API_URL");
        match api_url.as_deref().map(scheme) {
            Some(Some(scheme)) if matches!(scheme.as_str(), "https" | "http") => {}
            None if !is_production => {}
            _ => return Err(format!("API_URL must be this API's address, because {id} is set")),
        }
        Ok(Some(Settings { client_id, secret, issuer, clever_api_url, api_url }))
    }
}

impl OidcClient {
    async fn of(provider: Provider, request: &Request) -> Result<OidcClient> {
        let Some(settings) = Settings::of(provider).map_err(internal)? else {
            let message = format!("sign-in with {} is not configured", provider.label());
            return Err(unavailable(message, 3600));
        };
        let secret = match settings.secret {
            SecretSetting::Given(secret) => secret,
            SecretSetting::Arn(arn) => secret(provider, &arn).await?,
        };
        let api_url = settings
            .api_url
            .unwrap_or_else(|| format!("http://{}", request.header("host").unwrap_or("localhost:3000")));
        let callback =
            format!("{}/api/v1/auth/{}/callback", api_url.trim_end_matches('/'), provider.as_str());
        Ok(OidcClient {
            provider,
            client_id: settings.client_id,
            client_secret: secret,
            issuer: settings.issuer,
            redirect_url: callback,
            clever_api_url: settings.clever_api_url,
        })
    }

    /// Whom we are registered with.
    pub fn provider(&self) -> Provider {
        self.provider
    }
}

/// The secret out of `{"google": "…", "clever": "…"}`, read once per sandbox.
async fn secret(provider: Provider, arn: &str) -> Result<String> {
    static SECRET: OnceLock<String> = OnceLock::new();
    if let Some(secret) = SECRET.get() {
        return Ok(secret.clone());
    }
    let text = secrets::get(arn).await?;
    // A parser's complaint could repeat a part of the secret.
    let secrets: Value =
        serde_json::from_str(&text).map_err(|_| internal("the secret of OIDC_SECRET_ARN is no JSON"))?;
    let secret = secrets[provider.as_str()].as_str().filter(|secret| !secret.is_empty());
    let secret = secret.ok_or_else(|| {
        internal(format!("the secret of OIDC_SECRET_ARN has no text `{}`", provider.as_str()))
    })?;
    Ok(SECRET.get_or_init(|| secret.to_owned()).clone())
}

/// The page of the web application where a sign-in ends.
pub fn page(return_to: &str) -> String {
    format!("{}{return_to}", settings::app_url())
}
