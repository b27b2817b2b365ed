//! Test kit: in-memory fakes of every port, and model providers that answer by script.

mod fakes;
mod provider;

pub use fakes::{
    AgentScript, FakeAgent, FakeChannels, FakeConfig, FakeCuration, FakeLogs, FakeMemory, FakeSkills,
    FakeTools, MemoryOp, ScriptEnd, ScriptedSkill, ToolBehaviour,
};
pub use provider::{Recorded, Reply, ScriptedCall, ScriptedProvider};
