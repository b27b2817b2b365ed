//! Calls that are made over and over.

use openclaw_core::ToolCall;

/// The calls of the step before, each with how many steps in a row have made it.
#[derive(Debug, Default)]
pub(super) struct Streaks(Vec<(ToolCall, usize)>);

impl Streaks {
    /// Takes the calls of the next step; tells of each how many steps in a row have made it, this one counted in. Two calls are the
    /// same when tool and arguments are. One that a step makes several times counts once.
    pub(super) fn count(&mut self, calls: &[ToolCall]) -> Vec<usize> {
        let is_same = |a: &ToolCall, b: &ToolCall| a.name == b.name && a.arguments == b.arguments;
        let before = |call: &ToolCall| {
            self.0.iter().find(|(earlier, _)| is_same(earlier, call)).map_or(0, |(_, steps)| *steps)
        };
        let counts: Vec<usize> = calls.iter().map(|call| before(call) + 1).collect();
        let mut now: Vec<(ToolCall, usize)> = Vec::with_capacity(calls.len());
        for (call, steps) in calls.iter().zip(&counts) {
            if !now.iter().any(|(known, _)| is_same(known, call)) {
                now.push((call.clone(), *steps));
            }
        }
        self.0 = now;
        counts
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn call(name: &str, arguments: Value) -> ToolCall {
        ToolCall { id: format!("{name}{arguments}"), name: name.into(), arguments }
    }

    #[test]
    fn only_steps_in_a_row_count_and_a_step_counts_once() {
        let mut streaks = Streaks::default();
        let (oslo, lima) = (call("w", json!({"a": 1, "b": 2})), call("w", json!({"a": 3})));
        // Another id and another order of the fields make no other call.
        let again = ToolCall { id: "x".into(), ..call("w", json!({"b": 2, "a": 1})) };
        assert_eq!(streaks.count(&[oslo.clone(), oslo.clone(), lima.clone()]), [1, 1, 1]);
        assert_eq!(streaks.count(&[lima.clone(), again.clone()]), [2, 2]);
        assert_eq!(streaks.count(&[call("v", again.arguments.clone()), again]), [1, 3]);
        assert_eq!(streaks.count(&[lima]), [1]);
        assert_eq!(streaks.count(&[oslo]), [1]);
    }
}
