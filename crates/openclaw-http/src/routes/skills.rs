//! `/skills`: list, install, remove.

use hyper::StatusCode;
use openclaw_core::{Failure, limits, port::SkillInstall};

use crate::{
    body,
    handle::{Call, require_json},
    respond::{self, Answer},
    wire::skills::{InstallRequest, SkillItem, SkillList, SkillRemoved},
};

/// `GET /skills`.
pub(crate) async fn list(call: &Call) -> Answer {
    let skills = call.conn.app.services.skills.list().await?;
    let items: Vec<_> = skills.iter().map(SkillItem::from).collect();
    let total = items.len();
    Ok(respond::ok(&SkillList { skills: items, total }))
}

/// `POST /skills/install`.
pub(crate) async fn install(call: &mut Call) -> Answer {
    require_json(&call.parts.headers)?;
    let app = &call.conn.app;
    let bytes = body::read(&mut call.body, limits::BODY_BYTES, app).await?;
    let request: InstallRequest = body::parse(&bytes)?;
    let name = request.name.ok_or_else(|| Failure::bad_field("name", "is required"))?;
    if name.trim().is_empty() {
        return Err(Failure::bad_field("name", "must not be empty").into());
    }
    let (status, skill) = match app.services.skills.install(&name, request.version.as_deref()).await? {
        SkillInstall::Installed(skill) => (StatusCode::CREATED, skill),
        SkillInstall::Unchanged(skill) => (StatusCode::OK, skill),
    };
    Ok(respond::json(status, &SkillItem::from(&skill)))
}

/// `DELETE /skills/:name`.
pub(crate) async fn remove(call: &Call) -> Answer {
    let skill = call.conn.app.services.skills.remove(&call.parameter).await?;
    Ok(respond::ok(&SkillRemoved { removed: true, name: &skill.name, version: &skill.version }))
}
