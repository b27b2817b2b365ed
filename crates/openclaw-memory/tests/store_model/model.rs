//! The plain model: lists, searched from one end to the other.

use std::collections::BTreeMap;

use openclaw_core::{MemoryEntry, MemoryId, RunId};

/// One record that holds messages: those of a run, or an imported one.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    pub(crate) run: Option<RunId>,
    /// Of what begins something.
    pub(crate) at: Option<i64>,
    pub(crate) ids: Vec<String>,
}

#[derive(Debug, Clone)]
pub(crate) struct Run {
    pub(crate) id: RunId,
    pub(crate) conv: u8,
    pub(crate) ended: bool,
    pub(crate) steps: usize,
    pub(crate) note: Option<u32>,
}

#[derive(Debug, Default)]
pub(crate) struct Model {
    /// By conversation, in the order of the log.
    pub(crate) parts: BTreeMap<u8, Vec<Part>>,
    pub(crate) runs: Vec<Run>,
    pub(crate) memories: Vec<MemoryEntry>,
    /// Notes that no other record was written after.
    pub(crate) unsure: Vec<(RunId, Option<u32>)>,
    pub(crate) answers: u64,
    pub(crate) compacted: bool,
    pub(crate) noted: u32,
}

pub(crate) fn name(conv: u8) -> String {
    format!("c{conv}")
}

impl Model {
    /// The ids of a conversation's messages in order, found the slow way.
    pub(crate) fn ids(&self, conv: u8) -> Vec<String> {
        let parts = self.parts.get(&conv).cloned().unwrap_or_default();
        let mut order: Vec<Part> = parts.iter().filter(|part| part.run.is_some()).cloned().collect();
        let mut imports: Vec<Part> = parts.into_iter().filter(|part| part.run.is_none()).collect();
        imports.sort_by_key(|part| part.at);
        let top = |order: &[Part], until: usize| {
            let run = order[..=until].iter().filter(|part| part.run.is_some());
            run.filter_map(|part| part.at).max()
        };
        for import in imports {
            let later = |place: &usize| {
                let part = &order[*place];
                part.run.is_some() && part.at.is_some() && top(&order, *place) > import.at
            };
            let place = (0..order.len()).find(later).unwrap_or(order.len());
            order.insert(place, import);
        }
        order.into_iter().flat_map(|part| part.ids).collect()
    }

    pub(crate) fn pending(&self, pick: u8) -> Option<usize> {
        let open: Vec<usize> = (0..self.runs.len()).filter(|at| !self.runs[*at].ended).collect();
        (!open.is_empty()).then(|| open[usize::from(pick) % open.len()])
    }

    pub(crate) fn memory(&self, pick: u8) -> Option<MemoryId> {
        let count = self.memories.len();
        (count > 0).then(|| self.memories[usize::from(pick) % count].id)
    }

    pub(crate) fn get(&mut self, id: MemoryId) -> Option<&mut MemoryEntry> {
        self.memories.iter_mut().find(|entry| entry.id == id)
    }

    pub(crate) fn drop_memories(&mut self, going: impl Fn(&MemoryEntry) -> bool) -> usize {
        let (gone, stay): (Vec<_>, Vec<_>) = std::mem::take(&mut self.memories).into_iter().partition(going);
        self.memories = stay;
        let mut freed = Vec::new();
        for entry in &mut self.memories {
            let mut gone_from = false;
            while let Some(by) = gone.iter().find(|gone| Some(gone.id) == entry.superseded_by) {
                entry.superseded_by = by.superseded_by;
                gone_from = true;
            }
            if gone_from && entry.superseded_by.is_none() && entry.completed_at.is_none() {
                freed.push(entry.id);
            }
        }
        // What was said again since keeps its place; of several that are free at once, the newest has it.
        freed.sort();
        while let Some(id) = freed.pop() {
            let entry = self.get(id).unwrap().clone();
            let twin = self.memories.iter().find(|other| {
                let same = other.kind == entry.kind && other.content == entry.content;
                let counts = other.superseded_by.is_none() && other.completed_at.is_none();
                same && counts && other.id != id && !freed.contains(&other.id)
            });
            let twin = twin.map(|twin| twin.id);
            self.get(id).unwrap().superseded_by = twin;
        }
        gone.len()
    }

    pub(crate) fn drop_parts(&mut self, going: impl Fn(&Part) -> bool) {
        for parts in self.parts.values_mut() {
            parts.retain(|part| !going(part));
        }
        let parts = &self.parts;
        let holds = |run: &Run| parts[&run.conv].iter().any(|part| part.run == Some(run.id));
        self.runs.retain(|run| !run.ended || holds(run));
    }
}
