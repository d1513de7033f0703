//! The session with `curl` that a start prints: it works when pasted, in any POSIX shell, with no other tool.

/// The lines for the API at `base`.
pub(super) fn lines(base: &str) -> String {
    SESSION.replace("BASE", base)
}

const SESSION: &str = r#"  api=BASE
  token="Authorization: Bearer mock_11111111-1111-4111-8111-111111111111"
  json="Content-Type: application/json"
  field() { sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p"; }
  curl -s -X PATCH "$api/api/v1/me" -H "$token" -H "$json" -d '{"locale":"en","timezone":"Europe/Berlin"}'; echo
  scene=$(curl -s "$api/api/v1/scenes" -H "$token" -H "$json" -d '{"title":"Late hand-over",
    "template_id":"PEER_FEEDBACK","counterparty_role":"PEER","relationship_level":"NEUTRAL",
    "goal":"agree a date","context":"the hand-over slipped twice","power_dynamic":"PEER_LEVEL"}' | field scene_id)
  session=$(curl -s "$api/api/v1/sessions" -H "$token" -H "$json" \
    -d "{\"scene_id\":\"$scene\",\"target_turns\":5}" | field session_id)
  curl -s "$api/api/v1/sessions/$session/messages" -H "$token" -H "$json" \
    -d '{"client_message_id":"22222222-2222-4222-8222-222222222222",
      "content":"Twice this month the hand-over came a day late. I am worried. Could we agree a date?"}'; echo
  curl -s "$api/api/v1/sessions/$session/history" -H "$token"; echo
"#;
