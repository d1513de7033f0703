//! Who may call: the parameters that guard a route.

use std::ops::Deref;
use std::sync::OnceLock;

use http::header;
use sha2::{Digest, Sha256};

use crate::auth::{Browser, User, Verifier};
use crate::database::Db;
use crate::describe::Operation;
use crate::error::{Result, forbidden, internal, unauthorized};
use crate::language;
use crate::request::{FromRequest, Request, is_repeated};
use crate::secrets;
use crate::settings::{self, Environment, SettingError};
use crate::text_enum;

static VERIFIER: OnceLock<Verifier> = OnceLock::new();
/// Empty where this system signs nobody in: a session's cookie is then as if it were absent.
static BROWSER: OnceLock<Browser> = OnceLock::new();

/// Any signed-in person, by an access token or by a browser's session. 401 without either.
impl FromRequest for User {
    const HAS_CALLER: bool = true;

    fn start() -> Result<(), SettingError> {
        let verifier = Verifier::from_settings(&settings::find)?;
        if verifier.has_sessions() {
            let browser = Browser::start()?;
            BROWSER.get_or_init(|| browser);
        }
        language::start()?;
        VERIFIER.get_or_init(|| verifier);
        // A session is a row.
        Db::start()
    }

    async fn from_request(request: &mut Request) -> Result<User> {
        let verifier = VERIFIER.get().ok_or_else(|| internal("the verifier was not started"))?;
        let headers = &request.headers;
        let locale = language::of_request(headers);
        if is_repeated(headers, header::AUTHORIZATION) {
            // Which of them a gateway or a proxy has looked at is not known.
            return Err(unauthorized("invalid Authorization header"));
        }
        let user = match BROWSER.get() {
            Some(browser) if !headers.contains_key(header::AUTHORIZATION) && Browser::is_named(headers) => {
                browser.user(request).await?
            }
            _ => verifier.verify(request.header(header::AUTHORIZATION.as_str())).await?,
        };
        request.user_id = Some(user.id);
        Ok(User { locale, ..user })
    }

    fn describe(operation: &mut Operation) {
        operation.security = Some("user");
        operation.error(401, "No valid access token and no valid session");
        operation.error(403, "The account is deactivated, or a write by a session lacks its CSRF token");
    }
}

text_enum! {
    /// What a person may do beyond what everybody may. A person has one or more.
    pub enum Role {
        /// Learns.
        Student = "student",
        /// Gives lessons.
        Teacher = "teacher",
        /// Works at a school.
        Educator = "educator",
        /// Coaches educators.
        Coach = "coach",
        /// Runs the practice.
        Admin = "admin",
    }
}

macro_rules! callers {
    ($($(#[$doc:meta])* $name:ident),+) => {
        $(
            $(#[$doc])*
            #[derive(Debug, Clone)]
            pub struct $name(pub User);

            impl Deref for $name {
                type Target = User;

                fn deref(&self) -> &User {
                    &self.0
                }
            }

            impl FromRequest for $name {
                const HAS_CALLER: bool = true;

                fn start() -> Result<(), SettingError> {
                    User::start()
                }

                async fn from_request(request: &mut Request) -> Result<$name> {
                    with_role(request, Role::$name).await.map($name)
                }

                fn describe(operation: &mut Operation) {
                    User::describe(operation);
                    operation.error(403, concat!("The caller has not the role `", stringify!($name), "`"));
                }
            }
        )+
    };
}

callers! {
    /// A signed-in person with the role `student`; 403 for others.
    Student,
    /// A signed-in person with the role `teacher`; 403 for others.
    Teacher,
    /// A signed-in person with the role `educator`; 403 for others.
    Educator,
    /// A signed-in person with the role `coach`; 403 for others.
    Coach,
    /// A signed-in person with the role `admin`; 403 for others.
    Admin
}

/// The caller, if they have the role now: it is read for each request, so that a change counts at once.
async fn with_role(request: &mut Request, role: Role) -> Result<User> {
    let user = User::from_request(request).await?;
    let tx = request.db.begin(&user).await?;
    let sql = "select id from identity.users where id = $1 and $2 = any (roles)";
    match tx.execute(sql, &[&user.id, &role.as_str()]).await? {
        0 => Err(forbidden(format!("this needs the role {}", role.as_str())).by_rule("role")),
        _ => Ok(user),
    }
}

/// Who operates the product: `Authorization: Bearer <OPS_TOKEN>`. Without that setting the route is closed (403), unless
/// `OPS_OPEN` says `true`, as on a laptop: a stage in the cloud is everybody's to call, whatever it is for. In production
/// that counts for nothing.
pub struct Operator;

impl FromRequest for Operator {
    const HAS_CALLER: bool = true;

    async fn from_request(request: &mut Request) -> Result<Operator> {
        let token = match (settings::find("OPS_TOKEN"), settings::find("OPS_SECRET_ARN")) {
            (Some(token), _) => token,
            (None, Some(arn)) => operator_secret(&arn).await?,
            (None, None) if is_open() => return Ok(Operator),
            (None, None) => return Err(forbidden("closed: OPS_TOKEN is not set")),
        };
        let given = request
            .header(header::AUTHORIZATION.as_str())
            .filter(|_| !is_repeated(&request.headers, header::AUTHORIZATION))
            .and_then(|text| text.strip_prefix("Bearer "));
        // Digests are compared, so that the time says nothing about how much of a guess was right.
        match given {
            Some(given) if Sha256::digest(given.trim()) == Sha256::digest(&token) => Ok(Operator),
            _ => Err(unauthorized("missing or wrong operations token").by_rule("operations_token")),
        }
    }

    fn describe(operation: &mut Operation) {
        operation.security = Some("operator");
        operation.error(401, "No valid operations token");
        operation.error(403, "Without `OPS_TOKEN` the route is closed, except on a laptop");
    }
}

fn is_open() -> bool {
    Environment::current() != Environment::Production
        && settings::find("OPS_OPEN").is_some_and(|value| value.eq_ignore_ascii_case("true"))
}

/// Read once per sandbox.
async fn operator_secret(arn: &str) -> Result<String> {
    static SECRET: OnceLock<String> = OnceLock::new();
    match SECRET.get() {
        Some(secret) => Ok(secret.clone()),
        None => {
            let secret = secrets::get(arn).await?.trim().to_owned();
            Ok(SECRET.get_or_init(|| secret).clone())
        }
    }
}
