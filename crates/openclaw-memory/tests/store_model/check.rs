//! Whether the store says what the model says.

use openclaw_core::{
    MessageWindow, Timestamp,
    port::{CurationPort, EntryFilter, MemoryPort, MemoryType, SearchQuery},
};

use crate::{
    model::name,
    support::{self, *},
    world::World,
};

impl World {
    pub(crate) async fn check(&self) {
        let (memory, model) = (self.memory(), &self.model);
        let page = memory.conversations(page(100)).await.unwrap();
        let mut listed: Vec<String> = page.conversations.iter().map(|item| item.id.to_string()).collect();
        assert!(
            page.conversations.windows(2).all(|pair| pair[0].last_message_at >= pair[1].last_message_at),
            "{page:?}"
        );
        listed.sort();
        let there: Vec<u8> =
            model.parts.iter().filter(|(_, parts)| !parts.is_empty()).map(|(conv, _)| *conv).collect();
        assert_eq!(listed, there.iter().map(|conv| name(*conv)).collect::<Vec<_>>());
        assert_eq!(page.total, there.len());
        let mut messages = 0;
        for conv in there {
            let (key, ids) = (support::conv(&name(conv)), model.ids(conv));
            let view = memory.conversation(&key, MessageWindow::default()).await.unwrap().unwrap();
            let found: Vec<_> = view.messages.iter().map(|message| message.id.to_string()).collect();
            assert_eq!(found, ids);
            assert_eq!(view.summary.message_count, ids.len() as u64);
            let last = view.messages.iter().map(|message| message.timestamp).max().unwrap();
            assert_eq!(view.summary.last_message_at, last);
            let begun = model.parts[&conv].iter().filter_map(|part| part.at).min().unwrap();
            assert_eq!(view.summary.created_at.unix_millis(), begun);
            let recent = memory.recent(&key, 3, usize::MAX).await.unwrap();
            let recent: Vec<_> = recent.iter().map(|message| message.id.to_string()).collect();
            assert_eq!(recent, ids[ids.len().saturating_sub(3)..]);
            let middle = &view.messages[ids.len() / 2].id;
            let window = MessageWindow { limit: Some(2), before: Some(middle.clone()) };
            let cut = memory.conversation(&key, window).await.unwrap().unwrap();
            let cut: Vec<_> = cut.messages.iter().map(|message| message.id.to_string()).collect();
            let until = ids.len() / 2;
            assert_eq!(cut, ids[until.saturating_sub(2)..until]);
            messages += ids.len();
        }
        let mut entries =
            memory.entries(EntryFilter { all: true, limit: 1000, ..Default::default() }).await.unwrap();
        let mut expected = model.memories.clone();
        expected.sort_by_key(|entry| std::cmp::Reverse(entry.id));
        assert_eq!(entries.total, expected.len());
        assert_eq!(entries.entries, expected);
        entries = memory.entries(EntryFilter { limit: 1000, ..Default::default() }).await.unwrap();
        expected.retain(|entry| entry.superseded_by.is_none());
        assert_eq!(entries.entries, expected);
        let stats = memory.stats().await.unwrap().wal;
        assert_eq!(stats.entries, (messages + model.memories.len()) as u64);
        let oldest = model.parts.values().flatten().filter_map(|part| part.at).min();
        assert_eq!(stats.oldest.map(Timestamp::unix_millis), oldest);
        assert_eq!(memory.totals().0, model.answers);
        let pending = memory.pending_runs().await.unwrap();
        let open = model.runs.iter().filter(|run| !run.ended).count();
        assert_eq!(pending.len(), open);
        for run in &model.runs {
            assert!(memory.run(run.id).await.unwrap().is_some(), "{run:?}");
            if model.unsure.iter().all(|(id, _)| *id != run.id) {
                let note = memory.context_note(run.id).await.unwrap().map(|note| note.window);
                assert_eq!(note, run.note, "{run:?}");
            }
        }
        let mut exported = Vec::new();
        let mut after = None;
        loop {
            let part = memory.export(after, 3).await.unwrap();
            exported.extend(part.messages);
            after = part.next;
            if after.is_none() {
                break;
            }
        }
        // Tool calls have no text to give.
        let calls: usize = model.runs.iter().map(|run| run.steps / 2).sum();
        assert_eq!(exported.len(), messages - calls);
        // What was compacted is found in the Markdown as well.
        let query = |text: &str| SearchQuery { kind: MemoryType::Wal, ..query(text) };
        let found = memory.search(query("imported words")).await.unwrap();
        let imports = model.parts.values().flatten().filter(|part| part.run.is_none()).count();
        assert_eq!(found.total, imports);
        let found = memory.search(query("content")).await.unwrap();
        assert_eq!(found.total, model.memories.len());
    }
}
