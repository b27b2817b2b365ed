//! What init is told: everything about one sandbox, sent before the skill's own input so that neither an argument nor the environment of
//! a process shows it.
//!
//! On the wire: eight hexadecimal digits, the length in bytes, then that much JSON. What follows is the skill's standard input.

use serde::{Deserialize, Serialize};

/// Longest plan, in bytes.
pub(super) const PLAN_BYTES: usize = 1024 * 1024;
/// Digits of its length.
pub(super) const LENGTH_DIGITS: usize = 8;

/// One sandbox.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Plan {
    /// The file system that init's outer stage builds; `None`: a container engine has built it.
    pub(crate) tree: Option<Tree>,
    /// The program to start and its arguments.
    pub(crate) argv: Vec<String>,
    /// The whole environment of that program.
    pub(crate) env: Vec<(String, String)>,
    /// Where it starts.
    pub(crate) cwd: String,
    /// Folders of the host that it may see, by their path inside.
    pub(crate) grants: Vec<Grant>,
    /// Its bounds.
    pub(crate) bounds: Bounds,
    /// The one processor it may use; `None`: the engine sees to that.
    pub(crate) processor: Option<usize>,
    /// The egress proxy's socket, as it is seen inside; `None`: no network.
    pub(crate) egress: Option<String>,
    /// Whether it may run every program that it sees, and not only its own and its interpreter.
    pub(crate) any_program: bool,
}

/// A file system to be built out of the host's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Tree {
    /// A directory with an unpacked image; `None`: the host's system directories.
    pub(crate) image: Option<String>,
    /// What is mounted besides, init's own program included.
    pub(crate) binds: Vec<Bind>,
    /// How init's program is started inside: its path, after a loader where the root may have another.
    pub(crate) start: Vec<String>,
}

/// Something of the host that is seen inside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Bind {
    /// Path on the host.
    pub(crate) source: String,
    /// Path inside.
    pub(crate) target: String,
    /// Whether it can be changed.
    pub(crate) writable: bool,
    /// Whether the source was judged by its very path: a link that has been put in its place since is not followed.
    pub(crate) judged: bool,
}

/// A path that landlock opens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Grant {
    pub(crate) path: String,
    pub(crate) writable: bool,
    /// Device and inode of what was judged: whatever has the path when it is mounted, nothing else is shown to the skill.
    pub(crate) file: (u64, u64),
}

/// Bounds of one sandbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Bounds {
    /// Memory of all its processes and temporary files together.
    pub(crate) memory_bytes: u64,
    /// Processes and threads at the same time.
    pub(crate) processes: u64,
    /// Largest file it may write.
    pub(crate) file_bytes: u64,
    /// Files open at the same time, in each process.
    pub(crate) open_files: u64,
    /// Processor time of each process.
    pub(crate) cpu_seconds: u64,
    /// When init ends it all, whatever the gateway does.
    pub(crate) lifetime_ms: u64,
}

impl Plan {
    /// As it goes over the wire.
    pub(crate) fn to_bytes(&self) -> Result<Vec<u8>, PlanError> {
        let json = serde_json::to_vec(self).map_err(PlanError::Json)?;
        if json.len() > PLAN_BYTES {
            return Err(PlanError::TooLong { bytes: json.len() });
        }
        let mut bytes = format!("{:0LENGTH_DIGITS$x}", json.len()).into_bytes();
        bytes.extend_from_slice(&json);
        Ok(bytes)
    }

    /// Reads one, and not a byte more, so that what follows is left to the skill.
    pub(crate) fn read(mut fill: impl FnMut(&mut [u8]) -> std::io::Result<()>) -> Result<Self, PlanError> {
        let mut digits = [0; LENGTH_DIGITS];
        fill(&mut digits).map_err(PlanError::Read)?;
        let length = std::str::from_utf8(&digits).ok().and_then(|text| usize::from_str_radix(text, 16).ok());
        let length = length.filter(|length| *length <= PLAN_BYTES).ok_or(PlanError::Length)?;
        let mut json = vec![0; length];
        fill(&mut json).map_err(PlanError::Read)?;
        serde_json::from_slice(&json).map_err(PlanError::Json)
    }
}

/// Why a plan can't be sent or read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PlanError {
    #[error(
        "a plan of {bytes} bytes is longer than {PLAN_BYTES}: the skill has too many or too long variables"
    )]
    TooLong { bytes: usize },
    #[error("standard input does not begin with a plan")]
    Length,
    #[error("the plan can't be read")]
    Read(#[source] std::io::Error),
    #[error("the plan is no JSON of this version")]
    Json(#[source] serde_json::Error),
}

#[cfg(test)]
pub(super) mod tests {
    use std::io::Read as _;

    use super::*;

    pub(in crate::sandbox) fn plan() -> Plan {
        Plan {
            tree: None,
            argv: vec!["/bin/cat".to_owned()],
            env: vec![("PATH".to_owned(), "/usr/bin".to_owned())],
            cwd: "/skill".to_owned(),
            grants: Vec::new(),
            bounds: Bounds {
                memory_bytes: 1 << 29,
                processes: 64,
                file_bytes: 1 << 26,
                open_files: 256,
                cpu_seconds: 30,
                lifetime_ms: 30_000,
            },
            processor: None,
            egress: None,
            any_program: false,
        }
    }

    #[test]
    fn a_plan_is_read_back_and_nothing_behind_it() {
        let mut bytes = plan().to_bytes().unwrap();
        bytes.extend_from_slice(b"{\"input\": 1}");
        let mut rest = bytes.as_slice();
        assert_eq!(Plan::read(|buffer| rest.read_exact(buffer)).unwrap(), plan());
        assert_eq!(rest, b"{\"input\": 1}");
    }

    #[test]
    fn what_is_no_plan_is_refused() {
        for text in ["", "zzzzzzzz{}", "ffffffff{}", "00000002{}", "00000010{}", "{\"argv\": []}"] {
            let mut rest = text.as_bytes();
            assert!(Plan::read(|buffer| rest.read_exact(buffer)).is_err(), "{text}");
        }
    }
}
