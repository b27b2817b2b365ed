//! Test kit: in-memory fakes of every port.

mod fakes;

pub use fakes::{
    AgentScript, FakeAgent, FakeChannels, FakeConfig, FakeLogs, FakeMemory, FakeSkills, FakeTools, MemoryOp,
    ScriptEnd, ScriptedSkill, ToolBehaviour,
};
