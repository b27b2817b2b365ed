//! What the model is told of a call.

use std::time::Duration;

use openclaw_core::Secret;
use serde_json::Value;

use crate::{protocol::stdio::Exchange, sandbox::Ended};

/// The end of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) content: String,
    pub(crate) is_error: bool,
}

/// What was allowed to a call; for the words that say which bound was met.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Allowed {
    pub(crate) time: Duration,
    pub(crate) memory_mb: u32,
    pub(crate) processes: u32,
    pub(crate) output_bytes: usize,
    /// Whether it may run other programs.
    pub(crate) shell: bool,
}

impl Outcome {
    pub(crate) fn failed(content: impl Into<String>) -> Self {
        Self { content: content.into(), is_error: true }
    }

    /// What a program with one JSON object in and out has done.
    pub(crate) fn of_exchange(skill: &str, exchange: &Exchange, allowed: &Allowed) -> Self {
        let text = String::from_utf8_lossy(&exchange.output).trim().to_owned();
        let said = match exchange.complaint.as_str() {
            "" => String::new(),
            complaint => format!("\n{complaint}"),
        };
        if exchange.cut {
            let kib = allowed.output_bytes / 1024;
            return Self {
                content: format!("{text}\n[cut off: `{skill}` wrote more than {kib} KiB and was ended]"),
                is_error: false,
            };
        }
        let why = match exchange.ended {
            Some(Ended::Exited(0)) => return Self::of_output(skill, text, &said),
            None | Some(Ended::Time) => {
                format!("did not answer within {} s and was ended", allowed.time.as_secs_f32())
            }
            Some(Ended::Memory) => {
                format!("needed more than {} MiB of memory and was ended", allowed.memory_mb)
            }
            Some(Ended::Processes) => {
                format!("started more than {} processes and was ended", allowed.processes)
            }
            Some(Ended::NoSandbox) => "could not be run: the sandbox failed".to_owned(),
            Some(Ended::NoProgram) => "could not be run: its program does not start".to_owned(),
            Some(Ended::Killed) => "was ended".to_owned(),
            Some(Ended::Signalled(signal)) => format!("ended by signal {signal}"),
            Some(Ended::Exited(code @ 126..=127)) if !allowed.shell => format!(
                "failed with exit code {code} (running other programs than its own needs the permission `shell`)"
            ),
            Some(Ended::Exited(code)) => format!("failed with exit code {code}"),
        };
        let told = if text.is_empty() { String::new() } else { format!("\n{text}") };
        Self::failed(format!("`{skill}` {why}.{said}{told}"))
    }

    /// What a program wrote that ended well: JSON as it is, and an `error` in it is one.
    fn of_output(skill: &str, text: String, said: &str) -> Self {
        if text.is_empty() {
            return Self::failed(format!("`{skill}` wrote no result.{said}"));
        }
        let error = match serde_json::from_str::<Value>(&text) {
            Ok(Value::Object(result)) => match result.get("error") {
                None | Some(Value::Null | Value::Bool(false)) => None,
                Some(Value::String(error)) => Some(error.clone()),
                Some(error) => Some(error.to_string()),
            },
            _ => None,
        };
        match error {
            Some(error) => Self::failed(error),
            None => Self { content: text, is_error: false },
        }
    }

    /// The same without the values of secrets, which a skill may have repeated.
    pub(crate) fn scrubbed<'a>(mut self, secrets: impl IntoIterator<Item = &'a Secret>) -> Self {
        for secret in secrets {
            self.content = secret.scrub(&self.content);
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALLOWED: Allowed = Allowed {
        time: Duration::from_secs(30),
        memory_mb: 512,
        processes: 64,
        output_bytes: 1 << 20,
        shell: false,
    };

    fn of(output: &str, complaint: &str, ended: Option<Ended>) -> Outcome {
        let exchange = Exchange {
            output: output.as_bytes().to_vec(),
            cut: false,
            complaint: complaint.to_owned(),
            ended,
        };
        Outcome::of_exchange("demo", &exchange, &ALLOWED)
    }

    #[test]
    fn a_result_is_passed_on_as_it_is() {
        let exited = Some(Ended::Exited(0));
        assert_eq!(
            of("{\"sum\": 3}\n", "a warning", exited),
            Outcome { content: "{\"sum\": 3}".into(), is_error: false }
        );
        assert!(!of("{\"error\": null, \"sum\": 3}", "", exited).is_error);
        assert_eq!(of("{\"error\": \"no such city\"}", "", exited), Outcome::failed("no such city"));
        assert_eq!(of("", "Traceback …", exited), Outcome::failed("`demo` wrote no result.\nTraceback …"));
    }

    #[test]
    fn every_end_says_which_bound_was_met() {
        for (ended, words) in [
            (None, "within 30 s"),
            (Some(Ended::Time), "within 30 s"),
            (Some(Ended::Memory), "512 MiB"),
            (Some(Ended::Processes), "64 processes"),
            (Some(Ended::Signalled(11)), "signal 11"),
            (Some(Ended::Exited(127)), "`shell`"),
            (Some(Ended::Exited(3)), "exit code 3"),
            (Some(Ended::NoProgram), "does not start"),
        ] {
            let outcome = of("", "why", ended);
            assert!(outcome.is_error && outcome.content.contains(words), "{}", outcome.content);
            assert!(outcome.content.contains("why"), "{}", outcome.content);
        }
    }

    #[test]
    fn secrets_that_come_back_are_hidden() {
        let secret = Secret::new("sk-canary-9");
        let outcome = of("{\"header\": \"sk-canary-9\"}", "", Some(Ended::Exited(0))).scrubbed([&secret]);
        assert!(!outcome.content.contains("canary"), "{}", outcome.content);
    }
}
