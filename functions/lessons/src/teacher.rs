//! A teacher's card, which others see once an admin has approved it.

use shared::prelude::*;

/// A teacher's card.
#[row]
pub struct TeacherProfile {
    /// The card's id.
    pub id: Uuid,
    /// The teacher.
    pub user_id: Uuid,
    /// The name that students see.
    pub display_name: String,
    /// Who the teacher is.
    pub bio: String,
    /// For how many years they have taught.
    pub experience_years: i16,
    /// Whether others see the card.
    pub is_approved: bool,
    /// When it was made.
    pub created_at: Time,
    /// When it was last changed.
    pub updated_at: Time,
}

/// What a new card is made from.
#[input]
pub struct NewTeacherProfile {
    /// The teacher: the caller, or for an admin anybody with the role.
    pub user_id: Uuid,
    /// The name that students see.
    pub display_name: Name<2, 128>,
    /// Who the teacher is.
    pub bio: Option<Text<0, 5000>>,
    /// For how many years they have taught.
    #[default]
    pub experience_years: Int<0, 80>,
}

/// Changes of a card; absent fields and nulls stay as they are.
#[input]
pub struct TeacherProfilePatch {
    /// The name that students see.
    pub display_name: Option<Name<2, 128>>,
    /// Who the teacher is.
    pub bio: Option<Text<0, 5000>>,
    /// For how many years they have taught.
    pub experience_years: Option<Int<0, 80>>,
    /// Whether others see the card; for admins.
    pub is_approved: Option<Flag>,
}

/// The card of a path.
#[input]
pub struct TeacherProfilePath {
    /// The card's id.
    pub profile_id: Uuid,
}

/// Which cards a list shows: all.
#[input]
pub struct TeacherProfileFilter {}

/// Stores a card. 403 for another's unless the caller is an admin, 409 for a second one.
pub async fn insert(tx: &Tx, user: &User, new: &NewTeacherProfile) -> Result<TeacherProfile> {
    let made = tx
        .find(
            "insert into lessons.teachers (id, user_id, display_name, bio, experience_years)
             select $1, $2, $3, $4, $5
             where $2 = $6 or identity.request_has_role('admin')
             returning id, user_id, display_name, bio, experience_years, is_approved, created_at, updated_at",
            &[
                &Uuid::now_v7(),
                &new.user_id,
                &new.display_name.as_str(),
                &new.bio.as_ref().map_or("", Text::as_str),
                &i16::try_from(new.experience_years.get())?,
                &user.id,
            ],
        )
        .await
        .on_constraint("teachers_role", || forbidden("only a teacher has a profile").by_rule("role"))
        .on_constraint("teachers_user_id_fkey", || not_found("user not found"))
        .on_constraint("teachers_user", || conflict("Teacher profile already exists for user"))?;
    made.ok_or_else(|| forbidden("Only admin or owner can create profile").by_rule("role"))
}

/// A card that the caller may see; 404 otherwise. Others see approved ones.
pub async fn get(tx: &Tx, profile_id: Uuid) -> Result<TeacherProfile> {
    let sql = "select id, user_id, display_name, bio, experience_years, is_approved, created_at, updated_at
               from lessons.teachers where id = $1";
    tx.find(sql, &[&profile_id]).await?.ok_or_else(missing)
}

/// A page of the cards that anybody may see, the newest first.
pub async fn list(tx: &Tx, paging: Paging) -> Result<Page<TeacherProfile>> {
    let (total, items) = tx
        .page(
            "id",
            "with counted as (select count(*) as total from lessons.teachers where is_approved),
             page as (
                 select id, user_id, display_name, bio, experience_years, is_approved, created_at, updated_at
                 from lessons.teachers
                 where is_approved
                 order by created_at desc, id desc
                 limit $1 offset $2
             )
             select * from counted left join page on true
             order by created_at desc, id desc",
            &[&paging.limit, &paging.offset],
        )
        .await?;
    Ok(paging.page(items, total))
}

/// Changes a card of the caller's, or for an admin anybody's; 404 otherwise. 403 if somebody else approves.
pub async fn update(
    tx: &Tx,
    user: &User,
    profile_id: Uuid,
    patch: &TeacherProfilePatch,
) -> Result<TeacherProfile> {
    let years = patch.experience_years.map(|years| i16::try_from(years.get())).transpose()?;
    let found = tx
        .find(
            "update lessons.teachers set
                 display_name = coalesce($3, display_name),
                 bio = coalesce($4, bio),
                 experience_years = coalesce($5, experience_years),
                 is_approved = coalesce($6, is_approved),
                 updated_at = case when num_nonnulls($3, $4, $5, $6) > 0 then now() else updated_at end
             where id = $1 and (user_id = $2 or identity.request_has_role('admin'))
             returning id, user_id, display_name, bio, experience_years, is_approved, created_at, updated_at",
            &[
                &profile_id,
                &user.id,
                &patch.display_name.as_ref().map(Name::as_str),
                &patch.bio.as_ref().map(Text::as_str),
                &years,
                &patch.is_approved,
            ],
        )
        .await
        .on_constraint("teachers_approval", || {
            forbidden("Only admin can approve teacher profile").by_rule("role")
        })?;
    found.ok_or_else(missing)
}

fn missing() -> shared::error::Error {
    not_found("Teacher profile not found")
}
