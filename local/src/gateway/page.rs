//! Pages of the local stack's own, which no deployment has: plain HTML, in which nothing runs.

use axum::body::Body;
use http::{HeaderValue, Response, StatusCode, header};

const STYLE: &str = "
:root { color-scheme: light dark; --text: #1f2430; --muted: #5c6475; --back: #fdfdfc; --line: #dcdcd6; --link: #1d5fa8; }
@media (prefers-color-scheme: dark) {
  :root { --text: #e4e6eb; --muted: #9aa3b2; --back: #15171c; --line: #323743; --link: #7db4f0; }
}
body { margin: 0 auto; max-width: 60rem; padding: 1.5rem 1.25rem 4rem; font: 16px/1.55 system-ui, sans-serif;
       color: var(--text); background: var(--back); overflow-wrap: anywhere; }
a { color: var(--link); }
table { width: 100%; border-collapse: collapse; }
td { padding: .5rem 1rem .5rem 0; border-bottom: 1px solid var(--line); vertical-align: top; overflow-wrap: anywhere; }
td:last-child, dt, p { color: var(--muted); }
td:last-child { white-space: nowrap; font-variant-numeric: tabular-nums; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .25rem 1rem; }
dd { margin: 0; overflow-wrap: anywhere; }
iframe { width: 100%; height: 36rem; border: 1px solid var(--line); border-radius: .5rem; background: #fff; }
pre { padding: 1rem; border: 1px solid var(--line); border-radius: .5rem; white-space: pre-wrap; overflow-wrap: anywhere; }
form { display: grid; gap: .75rem; max-width: 24rem; margin: 1.5rem 0; }
button { font: inherit; min-height: 2.75rem; padding: .5rem 1rem; color: var(--text); background: transparent;
         border: 1px solid var(--muted); border-radius: .5rem; cursor: pointer; }
button.first { background: var(--link); border-color: var(--link); color: var(--back); }
:focus-visible { outline: 3px solid var(--link); outline-offset: 2px; }
.price { font-size: 1.75rem; color: var(--text); margin: 0; font-variant-numeric: tabular-nums; }
";

pub(super) fn page(status: StatusCode, title: &str, body: &str) -> Response<Body> {
    let title = escaped(title);
    let text = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>{title}</title>
         <meta name=\"viewport\" content=\"width=device-width\"><link rel=\"icon\" href=\"data:,\"><style>{STYLE}</style><main><h1>{title}</h1>{body}</main>"
    );
    respond(status, text)
}

pub(super) fn respond(status: StatusCode, text: String) -> Response<Body> {
    let mut answer = Response::new(Body::from(text));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // Links in mails hold secrets.
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    answer
}

pub(super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
