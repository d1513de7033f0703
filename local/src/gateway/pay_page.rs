//! `/_local/pay`: where payments to the stand-in for Stripe are made, which no deployment has. Whoever comes decides what
//! becomes of the money; the stand-in tells the API, and the page leads back to where its button was.

use std::fmt::Write as _;

use axum::body::Body;
use http::{HeaderValue, Method, Response, StatusCode, header};
use serde_json::Value;

use super::page::{escaped, page};
use crate::stripe::{PAGES, State, Stripe};

/// Answers a request for a page; `None` when `path` is another.
pub(super) async fn answer(stripe: &Stripe, method: &Method, path: &str) -> Option<Response<Body>> {
    let rest = path.strip_prefix(PAGES)?;
    if !rest.is_empty() && !rest.starts_with('/') {
        return None;
    }
    let parts: Vec<&str> = rest.split('/').filter(|part| !part.is_empty()).collect();
    let missing = || page(StatusCode::NOT_FOUND, "Payments", "<p>There is no such payment.</p>");
    Some(match (method, parts.as_slice()) {
        (&Method::GET, []) => page(StatusCode::OK, "Payments", &list(stripe)),
        (&Method::GET, [id]) => match stripe.state(id) {
            Some(state) => page(StatusCode::OK, title(state), &one(&stripe.session(id), state)),
            None => missing(),
        },
        (&Method::POST, [id, what]) => match stripe.state(id) {
            Some(state) => act(stripe, id, what, state).await,
            None => missing(),
        },
        _ => missing(),
    })
}

fn title(state: State) -> &'static str {
    match state {
        State::Open => "Pay",
        State::OnItsWay => "The money is on its way",
        State::Paid => "Paid",
        State::Failed => "The money did not come",
        State::Expired => "The time to pay is over",
    }
}

fn list(stripe: &Stripe) -> String {
    let mut rows = String::new();
    for session in stripe.sessions() {
        let id = session["id"].as_str().unwrap_or_default();
        let state = stripe.state(id).map_or("", title);
        let _ = write!(
            rows,
            "<tr><td><a href=\"{PAGES}/{}\">{}</a></td><td>{}</td><td>{state}</td></tr>",
            escaped(id),
            escaped(what(&session)),
            escaped(&price(&session)),
        );
    }
    if rows.is_empty() {
        return "<p>Nobody has bought anything yet.</p>".to_owned();
    }
    format!("<table>{rows}</table>")
}

fn one(session: &Value, state: State) -> String {
    let text = |name: &str| escaped(session[name].as_str().unwrap_or_default());
    // The first is what most people come for.
    let (buttons, back): (&[(&str, &str)], _) = match state {
        State::Open => (
            &[
                ("pay", "Pay"),
                ("slow", "Pay by a slow method"),
                ("fail", "Let the payment fail"),
                ("expire", "Let the time to pay run out"),
            ],
            ("cancel_url", "Leave without paying"),
        ),
        State::OnItsWay => (
            &[("arrive", "The money arrives"), ("bounce", "The money does not come")],
            ("success_url", "Go back"),
        ),
        State::Paid => (&[], ("success_url", "Go back")),
        State::Failed | State::Expired => (&[], ("cancel_url", "Go back")),
    };
    let mut form = String::new();
    for (at, (action, words)) in buttons.iter().enumerate() {
        let class = if at == 0 { " class=\"first\"" } else { "" };
        let _ =
            write!(form, "<button formaction=\"{PAGES}/{}/{action}\"{class}>{words}</button>", text("id"));
    }
    if !form.is_empty() {
        form = format!("<form method=\"post\">{form}</form>");
    }
    format!(
        "<p class=\"price\">{}</p><p>{}</p><p>No money moves: this page stands in for Stripe's, because there is no \
         <code>STRIPE_SECRET_KEY</code>.</p>{form}<p><a href=\"{}\">{}</a></p>",
        escaped(&price(session)),
        escaped(what(session)),
        text(back.0),
        back.1,
    )
}

/// Does what a button says, tells of it, and leads back. A button of a page that has been left behind does nothing.
async fn act(stripe: &Stripe, id: &str, what: &str, state: State) -> Response<Body> {
    let (events, back) = match (what, state) {
        ("pay", State::Open) => (vec![stripe.pay(id, "paid")], "success_url"),
        ("slow", State::Open) => (vec![stripe.pay(id, "unpaid")], "success_url"),
        ("fail", State::Open) => (vec![stripe.pay(id, "unpaid"), stripe.arrive(id, false)], "cancel_url"),
        ("expire", State::Open) => (vec![stripe.expire(id)], "cancel_url"),
        ("arrive", State::OnItsWay) => (vec![stripe.arrive(id, true)], "success_url"),
        ("bounce", State::OnItsWay) => (vec![stripe.arrive(id, false)], "cancel_url"),
        _ => (Vec::new(), "url"),
    };
    for event in events {
        stripe.tell(event).await;
    }
    let session = stripe.session(id);
    let mut answer = Response::new(Body::empty());
    match HeaderValue::from_str(session[back].as_str().unwrap_or_default()) {
        Ok(address) if !address.is_empty() => {
            *answer.status_mut() = StatusCode::SEE_OTHER;
            answer.headers_mut().insert(header::LOCATION, address);
            answer
        }
        _ => page(StatusCode::OK, "Done", "<p>The shop has not said where to go from here.</p>"),
    }
}

fn what(session: &Value) -> &str {
    session["line_items"]["data"][0]["description"].as_str().unwrap_or("A payment")
}

/// `80.00 EUR`, of Stripe's own units. Source: docs.stripe.com/currencies.
fn price(session: &Value) -> String {
    let currency = session["currency"].as_str().unwrap_or_default().to_uppercase();
    let amount = session["amount_total"].as_i64().unwrap_or_default();
    let decimals = match currency.as_str() {
        "BIF" | "CLP" | "DJF" | "GNF" | "JPY" | "KMF" | "KRW" | "MGA" | "PYG" | "RWF" | "VND" | "VUV"
        | "XAF" | "XOF" | "XPF" => return format!("{amount} {currency}"),
        "BHD" | "JOD" | "KWD" | "OMR" | "TND" => 3,
        _ => 2,
    };
    let unit = 10_i64.pow(decimals);
    format!("{}.{:0width$} {currency}", amount / unit, amount % unit, width = decimals as usize)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_page_shows_the_price_and_no_markup_of_anybodys() {
        for (amount, currency, words) in [
            (8000, "eur", "80.00 EUR"),
            (8000, "jpy", "8000 JPY"),
            (1230, "kwd", "1.230 KWD"),
            (5, "usd", "0.05 USD"),
        ] {
            assert_eq!(price(&json!({ "amount_total": amount, "currency": currency })), words);
        }
        let session = json!({
            "id": "cs_1", "amount_total": 1, "currency": "eur", "cancel_url": "https://a.example/?b=\"c",
            "line_items": { "data": [{ "description": "<b>Eight</b> lessons" }] },
        });
        let page = one(&session, State::Open);
        assert!(
            page.contains("&lt;b&gt;Eight") && page.contains("?b=&quot;c\"") && !page.contains("<b>"),
            "{page}"
        );
    }
}
