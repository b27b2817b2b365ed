//! `/skills`.

use openclaw_core::{
    Timestamp,
    port::{SkillInfo, SkillPermissions},
};
use serde::{Deserialize, Serialize};

/// Every installed skill.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub(crate) struct SkillList<'a> {
    pub(crate) skills: Vec<SkillItem<'a>>,
    pub(crate) total: usize,
}

/// An installed skill.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub(crate) struct SkillItem<'a> {
    name: &'a str,
    version: &'a str,
    /// What it does; missing when it does not say.
    #[serde(skip_serializing_if = "str::is_empty")]
    description: &'a str,
    /// `active`, or why not.
    status: &'a str,
    /// Why it is not active, and what to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    permissions: Permissions,
    #[cfg_attr(feature = "openapi", schemars(schema_with = "crate::openapi::time"))]
    installed_at: Timestamp,
    /// Null before first use.
    #[cfg_attr(feature = "openapi", schemars(schema_with = "crate::openapi::optional_time"))]
    last_used: Option<Timestamp>,
    invocations: u64,
}

#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
struct Permissions {
    network: bool,
    filesystem: bool,
    shell: bool,
}

impl From<SkillPermissions> for Permissions {
    fn from(permissions: SkillPermissions) -> Self {
        Self { network: permissions.network, filesystem: permissions.filesystem, shell: permissions.shell }
    }
}

impl<'a> From<&'a SkillInfo> for SkillItem<'a> {
    fn from(skill: &'a SkillInfo) -> Self {
        Self {
            name: &skill.name,
            version: &skill.version,
            description: &skill.description,
            status: &skill.status,
            reason: skill.reason.as_deref(),
            permissions: skill.permissions.into(),
            installed_at: skill.installed_at,
            last_used: skill.last_used,
            invocations: skill.invocations,
        }
    }
}

/// What to install.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub(crate) struct InstallRequest {
    #[cfg_attr(feature = "openapi", schemars(required, schema_with = "crate::openapi::skill_name"))]
    pub(crate) name: Option<String>,
    /// Absent: the newest.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schemars(schema_with = "crate::openapi::skill_version"))]
    pub(crate) version: Option<String>,
}

/// A skill was removed.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub(crate) struct SkillRemoved<'a> {
    pub(crate) removed: bool,
    pub(crate) name: &'a str,
    pub(crate) version: &'a str,
}
