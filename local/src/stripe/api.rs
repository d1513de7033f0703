//! The calls over HTTP.

use axum::{
    Router,
    extract::State,
    http::{HeaderMap, Method, StatusCode, Uri},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use serde_json::{Value, json};

use super::{Shared, StripeCall, Trouble, account::Form, lock, teller::Teller};

pub(super) fn router(account: Shared, teller: Option<Teller>) -> Router {
    Router::new().fallback(answer).with_state((account, teller))
}

async fn answer(
    State((account, teller)): State<(Shared, Option<Teller>)>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let form = form(&body);
    let key = header("idempotency-key");
    let trouble = {
        let mut account = lock(&account);
        account.calls.push(StripeCall {
            line: format!("{method} {}", uri.path()),
            form: form.clone(),
            key: key.clone(),
            version: header("stripe-version"),
        });
        account.troubles.pop_front()
    };
    if !header("authorization").is_some_and(|value| value.starts_with("Bearer sk_test_")) {
        return error(StatusCode::UNAUTHORIZED, "api_key_invalid");
    }
    match trouble {
        Some(Trouble::Outage) => return error(StatusCode::INTERNAL_SERVER_ERROR, "api_error"),
        Some(Trouble::Refusal) => return error(StatusCode::PAYMENT_REQUIRED, "refused"),
        Some(Trouble::Delay(time)) => tokio::time::sleep(time).await,
        Some(Trouble::LostAnswer | Trouble::Silence) | None => {}
    }
    let (done, told) = {
        let mut account = lock(&account);
        match key.as_ref().and_then(|key| account.kept.get(key)) {
            Some((before, kept)) if *before == form => (Ok(kept.clone()), Vec::new()),
            Some(_) => (Err((StatusCode::BAD_REQUEST, "idempotency_error")), Vec::new()),
            None => {
                let done = account.act(&method, uri.path(), &form);
                if let (Some(key), Ok(done)) = (key, &done) {
                    account.kept.insert(key, (form, done.clone()));
                    account.keep();
                }
                let told = match &done {
                    Ok(done) if method == Method::POST && teller.is_some() => account.events_of(done),
                    _ => Vec::new(),
                };
                (done, told)
            }
        }
    };
    // Heard of before, while or after the answer is read: all of it happens.
    if let Some(teller) = teller {
        told.into_iter().for_each(|event| teller.send(event));
    }
    if trouble == Some(Trouble::Silence) {
        lock(&account).silent += 1;
        // Until whoever asked goes away.
        return std::future::pending().await;
    }
    match (done, trouble) {
        (_, Some(Trouble::LostAnswer)) => error(StatusCode::INTERNAL_SERVER_ERROR, "api_error"),
        (Ok(done), _) => ([("content-type", "application/json")], done.to_string()).into_response(),
        (Err((status, code)), _) => error(status, code),
    }
}

fn form(body: &[u8]) -> Form {
    let text = String::from_utf8_lossy(body);
    let url = reqwest::Url::parse(&format!("http://form/?{text}")).expect("an address");
    url.query_pairs().into_owned().collect()
}

fn error(status: StatusCode, code: &str) -> Response {
    let body: Value =
        json!({ "error": { "code": code, "type": "invalid_request_error", "message": "scripted" } });
    (status, [("content-type", "application/json")], body.to_string()).into_response()
}
