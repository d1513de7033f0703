//! get-portal-file.

use local::testkit;
use portal::file::FILES;

use crate::files::assert_served;

#[tokio::test(flavor = "multi_thread")]
async fn every_file_has_its_type_its_policy_and_its_tag() {
    let stack = testkit::stack().await;
    for file in FILES {
        let content_type = match file.name.rsplit('.').next().unwrap() {
            "js" => "text/javascript; charset=utf-8",
            "css" => "text/css; charset=utf-8",
            "svg" => "image/svg+xml; charset=utf-8",
            other => panic!("{other} is served as nothing"),
        };
        let path = format!("/portal/{}", file.name);
        let text = assert_served(&stack.anonymous(), &path, content_type).await.text();
        // Nobody's text becomes markup, no third party is asked, and nothing outlives the session in the browser.
        for forbidden in [
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "eval(",
            "localStorage",
            "sessionStorage",
        ] {
            assert!(!text.contains(forbidden), "{path} has {forbidden}");
        }
        let addresses = text.matches("://").count();
        let namespaces = text.matches("\"http://www.w3.org/").count();
        assert_eq!(addresses, namespaces, "{path} names an address elsewhere");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_page_or_a_module_names_is_there() {
    let stack = testkit::stack().await;
    let mut wanted = Vec::new();
    for page in ["/", "/portal"] {
        let text = stack.anonymous().get(page).await.text();
        let named = text.split('"').filter_map(|part| part.strip_prefix("portal/"));
        wanted.extend(named.map(str::to_owned));
    }
    for file in FILES.iter().filter(|file| file.name.ends_with(".js")) {
        let text = stack.anonymous().get(&format!("/portal/{}", file.name)).await.text();
        let named = text.lines().filter_map(|line| line.split(" from \"./").nth(1)?.strip_suffix("\";"));
        wanted.extend(named.map(str::to_owned));
    }
    assert!(wanted.len() > FILES.len(), "{wanted:?}");
    for name in &wanted {
        assert!(FILES.iter().any(|file| file.name == name), "{name} is named and not there");
    }
    for file in FILES {
        assert!(wanted.iter().any(|name| name == file.name), "{} is there and nobody names it", file.name);
    }
}

/// Where `APP_URL` is the portal's address, links in mails are `/portal/verify-email#token=…`.
#[tokio::test]
async fn pages_that_mails_name_lead_to_the_portal() {
    let stack = testkit::stack().await;
    let cases = [
        ("verify-email", "../portal?open=verify-email"),
        ("reset-password", "../portal?open=reset-password"),
        ("confirm-email", "../portal?open=confirm-email"),
        ("restore", "../portal?open=restore"),
        ("sign-in?error=signed_out", "../portal?open=sign-in&error=signed_out"),
        (
            "payment?id=01A1FDD9-e147-7000-8000-000000000001",
            "../portal?open=payment&id=01a1fdd9-e147-7000-8000-000000000001",
        ),
        // Nobody's text becomes part of an address.
        ("payment?id=a%26open=b", "../portal?open=payment"),
        ("sign-in?error=%0d%0aX:1", "../portal?open=sign-in"),
        ("sign-in?error=a%26open=b", "../portal?open=sign-in"),
        ("sign-in?open=b", "../portal?open=sign-in"),
    ];
    for (name, location) in cases {
        let answer = stack.anonymous().get(&format!("/portal/{name}")).await;
        answer.assert_status(302);
        assert_eq!(answer.header("location"), Some(location), "{name}");
    }
}

#[tokio::test]
async fn another_name_is_404() {
    let stack = testkit::stack().await;
    let names =
        ["nothing.js", "portal.html", "PORTAL.JS", "..", "%2e%2e%2fCargo.toml", "portal.js%00", "%EF%BF%BD"];
    for name in names {
        let answer = stack.anonymous().get(&format!("/portal/{name}")).await;
        assert!([400, 404].contains(&answer.status()) || name == "..", "{name}: {answer}");
    }
    let answer = stack.anonymous().get("/portal/nothing.js").await;
    answer.assert_error(404, "NOT_FOUND", "file not found");
    assert_eq!(answer.header("cache-control"), Some("no-store"));
}
