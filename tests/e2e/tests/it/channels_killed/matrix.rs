//! Matrix: a real Synapse, and a proxy before it that goes wrong.

use std::cell::RefCell;

use openclaw_platforms::{Answer, Faults, Proxy, Reply, Synapse, synapse::Human};
use tokio::runtime::Handle;

use super::{
    moments::Moment::*,
    platforms::{CHATS, Platform, Server, moments, runtime, section},
};

/// `None`: there is no Synapse.
pub(super) fn matrix() -> Option<Platform> {
    let runtime = runtime();
    let (on, claw) = runtime.block_on(async {
        let synapse = Synapse::start().await?;
        let proxy = Proxy::start(&synapse).await;
        let claw = synapse.register("claw", "pw").await;
        let mut people = Vec::new();
        for chat in 0..CHATS {
            let person = synapse.register(&format!("person{chat}"), "pw").await;
            people.push((person.direct(&claw.id).await, person));
        }
        let (bot, seen) = (claw.id.clone(), RefCell::new(vec![(0, Vec::new()); CHATS]));
        Some((Matrix { people, bot, seen, proxy, _synapse: synapse, runtime: Handle::current() }, claw))
    })?;
    let users: Vec<_> = on.people.iter().map(|(_, person)| person.id.clone()).collect();
    // Keys of changes begin so; those of messages with the time of their run, which does not.
    let (send, edit) = ("/send/m.room.message/", "/send/m.room.message/e");
    let own = [
        Before("/whoami", 0),
        After("/sync", 0),
        Before("/sync", 1),
        BeforeLog("/joined_members"),
        Held(send),
        Held(send),
    ];
    Some(Platform {
        name: "matrix",
        yaml: section("matrix", &claw.token, &on.proxy.url(), &users, ""),
        server: Box::new(on),
        knows_keys: true,
        pause: 2600,
        moments: moments(send, edit, &own),
        _runtime: runtime,
    })
}

struct Matrix {
    /// Rooms, and who is in them beside the bot.
    people: Vec<(String, Human)>,
    bot: String,
    /// What the bot said in each room, and how many messages of its had been carried out by then: it is asked again only when there are more.
    seen: RefCell<Vec<(usize, Vec<String>)>>,
    proxy: Proxy,
    _synapse: Synapse,
    runtime: Handle,
}

/// How far the bot has read is told with its next sync only: nothing is seen to be unconfirmed.
impl Server for Matrix {
    fn faults(&self) -> &Faults {
        self.proxy.faults()
    }

    fn say(&self, chat: usize, text: &str) {
        let (room, person) = &self.people[chat];
        self.runtime.block_on(person.say(room, text));
    }

    fn answers(&self, chat: usize) -> Vec<String> {
        let (sent, seen) = (self.proxy.sent(), &mut self.seen.borrow_mut()[chat]);
        if seen.0 != sent {
            let (room, person) = &self.people[chat];
            let said = self.runtime.block_on(person.timeline(room)).into_iter();
            let own = said.filter(|said| said.sender == self.bot && !said.kind.is_empty());
            *seen = (sent, own.map(|said| said.text).collect());
        }
        seen.1.clone()
    }

    fn settle(&self) {
        for answer in self.runtime.block_on(self.proxy.release()) {
            assert!(
                matches!(answer, Answer::Reply(Reply { status: 200, .. })),
                "what was held is not carried out"
            );
        }
    }
}
