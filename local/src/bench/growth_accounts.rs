//! Accounts among which growth is measured, and the lists that show them and what they have.

use anyhow::{Context, Result};

use super::{
    database::{Database, SAMPLE_PERSON},
    growth_rows::Person,
    request::{asking, sample_event},
};

/// What is asked of a list.
pub(super) struct Case {
    /// The function.
    pub(super) route: &'static str,
    /// What is asked of it, in words that follow its name.
    pub(super) title: &'static str,
    /// How many of the rows are the caller's own; `None` where a list shows everybody's.
    pub(super) own: Option<usize>,
    /// Its event.
    pub(super) event: String,
}

/// The lists: everybody's as the person with the fewest own rows, who is an admin, and each person's own.
///
/// # Errors
/// When there is no sample event.
pub(super) fn cases(own: [usize; 2]) -> Result<Vec<Case>> {
    let admin = Person { own: own[0] }.id();
    let mut cases = Vec::new();
    let everybody = [
        ("list-users", "", vec![]),
        ("list-users", " of one role", vec![("role", "admin")]),
        ("list-users", " who are deactivated", vec![("is_active", "false")]),
        ("list-users", " by words", vec![("q", "ada")]),
        ("list-audit", "", vec![]),
        ("list-audit", " of one kind of thing", vec![("entity_type", "user")]),
        ("list-audit", " of one act", vec![("action", "user.roles_changed")]),
        ("list-audit", " of one person", vec![("actor_id", admin.as_str())]),
    ];
    for (route, title, query) in everybody {
        let event = asking(&sample_event(route)?.replace(SAMPLE_PERSON, &admin), &query)?;
        cases.push(Case { route, title, own: None, event });
    }
    for own in own {
        let person = Person { own }.id();
        // The sample of this list is another person's.
        let sign_ins =
            sample_event("list-sign-ins")?.replace("00000000-0000-7000-8000-000000000072", &person);
        cases.push(Case { route: "list-sign-ins", title: "", own: Some(own), event: sign_ins });
        let scenes = sample_event("list-scenes")?.replace(SAMPLE_PERSON, &person);
        for (title, query) in [(" of every status", vec![]), (" of one status", vec![("status", "ACTIVE")])] {
            let event = asking(&scenes, &query)?;
            cases.push(Case { route: "list-scenes", title, own: Some(own), event });
        }
    }
    Ok(cases)
}

/// Fills an empty database with `accounts` accounts of two years, each with a scene, a sign-in and an act in the audit log;
/// and two admins, who have `own` of each of these spread evenly among them. A hundred accounts are deactivated, a tenth of
/// the scenes is active, and three sign-ins of four still work. 10^6 take half a minute to a minute and 1.8 GB.
///
/// # Errors
/// When the server refuses.
pub(super) async fn fill(database: &Database, accounts: usize, own: [usize; 2]) -> Result<()> {
    let [first, second] = own.map(|own| Person { own }.id());
    let [few, many] = own;
    let script = format!(
        "-- Rows that refer to each other by construction need no check of each.
         set session_replication_role = replica;
         create temporary table made as
         select nth, person, is_admin, at, uuidv7(at - now()) as id
         from (select n, ('b0000000-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid, false, {accounts}
               from generate_series(0, {accounts} - 1) n
               union all select n, '{first}', true, {few} from generate_series(0, {few} - 1) n
               union all select n, '{second}', true, {many} from generate_series(0, {many} - 1) n)
                  as row (nth, person, is_admin, of),
              lateral (select now() - interval '730 days' * (1 - (nth + 0.5) / of) as at) moment
         order by at;

         insert into identity.users (id, email, display_name, locale, timezone, roles, created_at, deactivated_at)
         select person, person || '@example.org', case when is_admin then 'Ada' else 'Grace' end, 'en', 'UTC',
                case when is_admin then array['student', 'admin'] when nth % 50 = 0 then array['teacher'] else array['student'] end,
                at, case when not is_admin and nth % ({accounts} / 100) = 0 then now() end
         from made where not is_admin or nth = 0 order by at;
         insert into identity.emails (email, user_id, created_at)
         select email, id, created_at from identity.users order by created_at;

         insert into identity.sign_ins (id, user_id, kind, method, ip, user_agent, created_at, idle_expires_at, expires_at,
                                        revoked_at, revoked_because)
         select id, person, 'token', 'password', '192.0.2.1', 'curl/8.14.1', at, now() + interval '30 days',
                now() + interval '90 days', case when nth % 4 = 3 then now() end, case when nth % 4 = 3 then 'logout' end
         from made order by at;

         insert into identity.audit_log (id, occurred_at, actor_id, action, entity_type, entity_id, payload)
         select id, at, person, case when person = '{first}' then 'user.roles_changed' else 'user.signed_in' end,
                case when nth % 3 = 0 then 'user' else 'sign_in' end, id::text, '{{\"kind\": \"token\"}}'
         from made order by at;

         insert into practice.scenes (id, user_id, title, template_id, counterparty_role, relationship_level, goal, context,
                                      power_dynamic, status, created_at, updated_at)
         select id, person, 'Late hand-over', 'PEER_FEEDBACK', 'PEER', 'TENSE', 'Agree on a date',
                'Twice this month the draft came two days after the agreed date, and I was told only when I asked.',
                'PEER_LEVEL', case when nth % 10 = 0 then 'ACTIVE' else 'ARCHIVED' end, at, at
         from made order by at;
         drop table made"
    );
    let superuser = database.superuser().await?;
    superuser.batch_execute(&script).await.context("cannot make the accounts")?;
    // As a server in use does by itself: without it no index alone could tell which rows there are.
    superuser.batch_execute("vacuum (analyze)").await.context("cannot vacuum the database")
}
