//! get-openapi: the committed description, which must be what the functions say.

use local::{functions, openapi, project, testkit};

#[tokio::test]
async fn anybody_gets_the_committed_description() {
    let stack = testkit::stack().await;
    let answer = stack.anonymous().get("/openapi.json").await;
    answer.assert_status(200);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.text(), committed("openapi.json"));
    assert_eq!(answer.json()["openapi"], "3.1.1");
    stack.user().get("/openapi.json").await.assert_status(200);
}

#[test]
fn the_committed_files_are_what_the_functions_say() {
    let programs = functions::fresh_for_tests().unwrap();
    let wanted = openapi::assemble(&project::root(), &programs).unwrap().files();
    for (file, text) in wanted {
        assert!(committed(file) == text, "{file} is stale: run `cargo local openapi` and commit it");
    }
}

#[test]
fn the_files_are_the_same_every_time() {
    let programs = functions::fresh_for_tests().unwrap();
    let once = openapi::assemble(&project::root(), &programs).unwrap();
    assert_eq!(once.files(), openapi::assemble(&project::root(), &programs).unwrap().files());
}

fn committed(file: &str) -> String {
    std::fs::read_to_string(project::root().join(file)).unwrap()
}
