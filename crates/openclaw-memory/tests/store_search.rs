//! Search in mixed languages, with filters.

#[expect(dead_code, reason = "the tests of the store share it; each uses its part")]
mod support;

use openclaw_core::{
    RunId, Timestamp,
    port::{MemoryPort, MemoryType, SearchQuery},
};
use support::*;

#[tokio::test]
async fn finds_words_and_pairs_in_every_script() {
    let dir = tempfile::tempdir().unwrap();
    let (memory, _) = open(dir.path());
    turn(&memory, "zh", "我的飲食偏好是清淡的", "好的,記住了").await;
    turn(&memory, "ko", "사용자의 취미는 등산입니다", "알겠습니다").await;
    turn(&memory, "ja", "明日はパソコンを買います", "どの店で?").await;
    turn(&memory, "th", "ฉันชอบดื่มชาเขียวทุกเช้า", "ครับ").await;
    turn(&memory, "en", "Concatenate the CATALOGUE for my cat", "Your Cat's catalogue is ready").await;
    for restarted in [false, true] {
        let ids = async |text: &str| {
            let found = memory.search(query(text)).await.unwrap();
            let mut ids: Vec<_> =
                found.hits.iter().map(|hit| hit.conversation.as_ref().unwrap().to_string()).collect();
            ids.dedup();
            (ids, found.total)
        };
        assert_eq!(ids("飲食").await.0, vec!["zh".to_owned()], "{restarted}");
        assert_eq!(ids("사용자").await, (vec!["ko".to_owned()], 1));
        assert_eq!(ids("ﾊﾟｿｺﾝ").await, (vec!["ja".to_owned()], 1));
        assert_eq!(ids("cat").await, (vec!["en".to_owned()], 2));
        assert_eq!(ids("ＣＡＴ").await.1, 2);
        // And the reply, which has one character of it.
        assert_eq!(ids("사용자의 飲食偏好").await.1, 3);
        assert_eq!(ids("ชาเขียว").await, (vec!["th".to_owned()], 1));
        assert_eq!(ids("店").await, (vec!["ja".to_owned()], 1));
        assert_eq!(ids("nothing-like-it").await.1, 0);
        assert_eq!(ids("  ").await.1, 0);
        memory.close().await;
    }
    let best = memory.search(query("사용자의 飲食偏好")).await.unwrap().hits.remove(0);
    assert_eq!((best.content.as_str(), best.channel.as_deref()), ("我的飲食偏好是清淡的", Some("api")));
    assert_eq!(best.kind, MemoryType::Wal);
}

#[tokio::test]
async fn filters_come_before_the_cut() {
    let dir = tempfile::tempdir().unwrap();
    let (memory, _) = open(dir.path());
    let start = 1_774_000_000_000;
    for n in 0..50 {
        memory
            .accept_run(new_run(run_at(start + n * 1000), Some("c"), &format!("tea number {n}")))
            .await
            .unwrap();
    }
    let at = |n: u64| Some(Timestamp::from_unix_millis((start + n * 1000) as i64));
    let narrow = SearchQuery { since: at(3), until: at(7), limit: 2, ..query("tea") };
    let found = memory.search(narrow.clone()).await.unwrap();
    assert_eq!((found.hits.len(), found.total), (2, 5));
    assert!(found.hits.iter().all(|hit| Some(hit.timestamp) >= at(3) && Some(hit.timestamp) <= at(7)));
    let files = SearchQuery { kind: MemoryType::Compacted, ..narrow };
    assert_eq!(memory.search(files).await.unwrap().total, 0);
}

#[tokio::test]
async fn steps_and_replies_are_found_with_their_ids() {
    let dir = tempfile::tempdir().unwrap();
    let (memory, _) = open(dir.path());
    let id = RunId::generate();
    memory.accept_run(new_run(id, Some("c"), "question")).await.unwrap();
    memory.append_steps(id, vec![call("1"), result("1", "thunderstorm ahead")]).await.unwrap();
    memory.end_run(id, reply("Take an umbrella.")).await.unwrap();
    let only = async |text: &str| memory.search(query(text)).await.unwrap().hits.remove(0).id;
    assert_eq!(only("thunderstorm").await, id.step_message_id(1).to_string());
    assert_eq!(only("umbrella").await, id.reply_id().to_string());
    assert_eq!(only("question").await, id.user_message_id().to_string());
}
