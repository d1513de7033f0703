// A small caller of the generated client: it must compile. Nothing that has a default needs to be sent, and a value of an
// enumeration is one of its texts.
import createClient from "openapi-fetch";
import type { components, paths } from "openapi";

const api = createClient<paths>({ baseUrl: "http://127.0.0.1:3000" });

export async function practise(email: string, password: string): Promise<string> {
  await api.POST("/api/v1/identity/auth/register", { body: { email, password } });
  const login = await api.POST("/api/v1/identity/auth/login", { body: { email, password } });
  if (!login.data) throw new Error(login.error.message);
  const headers = { Authorization: `Bearer ${login.data.access_token}` };
  const scene = await api.POST("/api/v1/scenes", {
    headers,
    body: {
      title: "Late hand-over",
      template_id: "PEER_FEEDBACK",
      counterparty_role: "PEER",
      relationship_level: "NEUTRAL",
      power_dynamic: "PEER_LEVEL",
      goal: "agree a date",
      context: "the hand-over slipped twice",
    },
  });
  if (!scene.data) throw new Error(scene.error.error_code);
  const session = await api.POST("/api/v1/sessions", {
    headers,
    body: { scene_id: scene.data.scene_id, target_turns: 5 },
  });
  if (!session.data) throw new Error(session.error.error_code);
  const turn = await api.POST("/api/v1/sessions/{session_id}/messages", {
    headers,
    params: { path: { session_id: session.data.session_id } },
    body: { client_message_id: crypto.randomUUID(), content: "Could we agree a date?" },
  });
  if (!turn.data) throw new Error(turn.error.error_code);
  const status: "MISSING" | "WEAK" | "GOOD" = turn.data.feedback.ofnr.need.status;
  const known: components["schemas"]["Status"] = status;
  // @ts-expect-error: not one of its texts
  const unknown: components["schemas"]["Status"] = "BEST";
  return known + unknown;
}

export async function list(): Promise<number> {
  const scenes = await api.GET("/api/v1/scenes", { params: { query: { limit: 5 } } });
  return scenes.data?.items.length ?? 0;
}
