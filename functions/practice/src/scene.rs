//! The situation to practise: who the other person is, what it is about, and what is to come of it.

use shared::prelude::*;

text_enum! {
    /// Which preset of the client the scene came from.
    pub enum Template {
        PeerFeedback = "PEER_FEEDBACK",
        ManagerAlignment = "MANAGER_ALIGNMENT",
        CrossTeamConflict = "CROSS_TEAM_CONFLICT",
        Custom = "CUSTOM",
    }
}

text_enum! {
    /// Who the other person is to the learner.
    pub enum CounterpartyRole {
        Peer = "PEER",
        Manager = "MANAGER",
        Report = "REPORT",
        Client = "CLIENT",
        Other = "OTHER",
    }
}

text_enum! {
    /// How the two get on.
    pub enum RelationshipLevel {
        Smooth = "SMOOTH",
        Neutral = "NEUTRAL",
        Tense = "TENSE",
    }
}

text_enum! {
    /// Who of the two has more say.
    pub enum PowerDynamic {
        UserHigher = "USER_HIGHER",
        PeerLevel = "PEER_LEVEL",
        CounterpartHigher = "COUNTERPART_HIGHER",
    }
}

text_enum! {
    /// An archived scene takes no new sessions.
    pub enum SceneStatus {
        Active = "ACTIVE",
        Archived = "ARCHIVED",
    }
}

/// A scene as its owner sees it.
#[row]
pub struct Scene {
    /// Its id.
    pub scene_id: Uuid,
    /// A short name.
    pub title: String,
    /// The preset it came from.
    pub template_id: Template,
    /// Who the other person is.
    pub counterparty_role: CounterpartyRole,
    /// How the two get on.
    pub relationship_level: RelationshipLevel,
    /// What the learner wants to come of the talk.
    pub goal: String,
    /// What makes the talk hard.
    pub pain_points: Vec<String>,
    /// What happened so far.
    pub context: String,
    /// Who has more say.
    pub power_dynamic: PowerDynamic,
    /// Whether it takes new sessions.
    pub status: SceneStatus,
    /// When it was made.
    pub created_at: Time,
    /// When it was last changed.
    pub updated_at: Time,
}

/// What a new scene is made from.
#[input]
pub struct NewScene {
    /// A short name.
    pub title: Text<1, 80>,
    /// The preset it came from.
    pub template_id: Template,
    /// Who the other person is.
    pub counterparty_role: CounterpartyRole,
    /// How the two get on.
    pub relationship_level: RelationshipLevel,
    /// What the learner wants to come of the talk.
    pub goal: Text<1, 240>,
    /// What makes the talk hard.
    #[default]
    pub pain_points: PainPoints,
    /// What happened so far.
    pub context: Text<1, 1200>,
    /// Who has more say.
    pub power_dynamic: PowerDynamic,
}

/// What makes the talk hard: at most five points.
pub type PainPoints = List<Text<1, 80>, 5>;

/// A scene just made.
#[row]
pub struct SceneCreated {
    /// Its id.
    pub scene_id: Uuid,
    /// ACTIVE.
    pub status: SceneStatus,
    /// When it was made.
    pub created_at: Time,
}

/// Changes of a scene; absent fields stay as they are.
#[input]
pub struct ScenePatch {
    /// A short name.
    pub title: Change<Text<1, 80>>,
    /// The preset it came from.
    pub template_id: Change<Template>,
    /// Who the other person is.
    pub counterparty_role: Change<CounterpartyRole>,
    /// How the two get on.
    pub relationship_level: Change<RelationshipLevel>,
    /// What the learner wants to come of the talk.
    pub goal: Change<Text<1, 240>>,
    /// What makes the talk hard.
    pub pain_points: Change<PainPoints>,
    /// What happened so far.
    pub context: Change<Text<1, 1200>>,
    /// Who has more say.
    pub power_dynamic: Change<PowerDynamic>,
}

/// The scene of a path.
#[input]
pub struct ScenePath {
    /// The scene's id.
    pub scene_id: Uuid,
}

/// Which scenes a list shows.
#[input]
pub struct SceneFilter {
    /// Only those of one status.
    pub status: Option<SceneStatus>,
}

/// Stores a new scene. 409 for the one too many.
pub async fn insert(tx: &Tx, user: &User, new: &NewScene) -> Result<SceneCreated> {
    tx.one(
        "insert into practice.scenes (id, user_id, title, template_id, counterparty_role, relationship_level, goal,
                                      pain_points, context, power_dynamic)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
         returning id as scene_id, status, created_at",
        &[
            &Uuid::now_v7(),
            &user.id,
            &new.title,
            &new.template_id,
            &new.counterparty_role,
            &new.relationship_level,
            &new.goal,
            &texts(&new.pain_points),
            &new.context,
            &new.power_dynamic,
        ],
    )
    .await
    .on_constraint("scenes_quota", || conflict("you have 1000 scenes, which is as many as there may be"))
}

/// The caller's scene; 404 otherwise.
pub async fn get(tx: &Tx, user: &User, scene_id: Uuid) -> Result<Scene> {
    let found = tx
        .find(
            "select id as scene_id, title, template_id, counterparty_role, relationship_level, goal, pain_points,
                    context, power_dynamic, status, created_at, updated_at
             from practice.scenes
             where id = $1 and user_id = $2",
            &[&scene_id, &user.id],
        )
        .await?;
    found.ok_or_else(|| not_found("scene not found"))
}

/// A page of the caller's scenes with the number of all that match.
pub async fn list(tx: &Tx, user: &User, filter: &SceneFilter, paging: Paging) -> Result<Page<Scene>> {
    let (total, items) = tx
        .page(
            "scene_id",
            "with counted as (
                 select count(*) as total from practice.scenes
                 where user_id = $1 and ($2::text is null or status = $2)
             ), page as (
                 select id as scene_id, title, template_id, counterparty_role, relationship_level, goal, pain_points,
                        context, power_dynamic, status, created_at, updated_at
                 from practice.scenes
                 where user_id = $1 and ($2::text is null or status = $2)
                 order by updated_at desc, id desc
                 limit $3 offset $4
             )
             select * from counted left join page on true
             order by updated_at desc, scene_id desc",
            &[&user.id, &filter.status, &paging.limit, &paging.offset],
        )
        .await?;
    Ok(paging.page(items, total))
}

/// Changes the caller's scene; 404 otherwise.
pub async fn update(tx: &Tx, user: &User, scene_id: Uuid, patch: &ScenePatch) -> Result<Scene> {
    let found = tx
        .find(
            "update practice.scenes set
                 title = coalesce($3, title),
                 template_id = coalesce($4, template_id),
                 counterparty_role = coalesce($5, counterparty_role),
                 relationship_level = coalesce($6, relationship_level),
                 goal = coalesce($7, goal),
                 pain_points = coalesce($8, pain_points),
                 context = coalesce($9, context),
                 power_dynamic = coalesce($10, power_dynamic),
                 updated_at = case when num_nonnulls($3, $4, $5, $6, $7, $8, $9, $10) > 0 then now()
                                   else updated_at end
             where id = $1 and user_id = $2
             returning id as scene_id, title, template_id, counterparty_role, relationship_level, goal, pain_points,
                       context, power_dynamic, status, created_at, updated_at",
            &[
                &scene_id,
                &user.id,
                &patch.title.as_set().map(Text::as_str),
                &patch.template_id.as_set().copied(),
                &patch.counterparty_role.as_set().copied(),
                &patch.relationship_level.as_set().copied(),
                &patch.goal.as_set().map(Text::as_str),
                &patch.pain_points.as_set().map(texts),
                &patch.context.as_set().map(Text::as_str),
                &patch.power_dynamic.as_set().copied(),
            ],
        )
        .await?;
    found.ok_or_else(|| not_found("scene not found"))
}

/// Archives or restores the caller's scene; 404 otherwise. Setting the status it has changes nothing.
pub async fn set_status(tx: &Tx, user: &User, scene_id: Uuid, status: SceneStatus) -> Result<Scene> {
    let found = tx
        .find(
            "update practice.scenes set
                 updated_at = case when status = $3 then updated_at else now() end,
                 status = $3
             where id = $1 and user_id = $2
             returning id as scene_id, title, template_id, counterparty_role, relationship_level, goal, pain_points,
                       context, power_dynamic, status, created_at, updated_at",
            &[&scene_id, &user.id, &status],
        )
        .await?;
    found.ok_or_else(|| not_found("scene not found"))
}

impl Scene {
    /// 409 unless the scene takes new sessions.
    pub fn must_be_active(&self) -> Result<()> {
        match self.status {
            SceneStatus::Active => Ok(()),
            SceneStatus::Archived => Err(conflict("scene is not active")),
        }
    }
}

fn texts(points: &PainPoints) -> Vec<String> {
    points.0.iter().map(|point| point.as_str().to_owned()).collect()
}
