//! IRC against a real ngircd.
#![cfg(test)]

#[path = "common/host.rs"]
mod host;

use std::{
    process::{Child, Command, Stdio},
    time::Duration,
};

use futures_util::{SinkExt as _, StreamExt as _};
use openclaw_core::{
    config::ChannelConfig,
    port::{ChannelDetail, ChannelPort as _},
};
use tokio::{net::TcpStream, time::timeout};
use tokio_util::codec::{Framed, LinesCodec};

use self::host::{Host, Patience};

/// A real server on a loopback port.
struct Server {
    process: Child,
    port: u16,
    _directory: tempfile::TempDir,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Server {
    fn program() -> Option<&'static str> {
        ["/usr/sbin/ngircd", "/usr/bin/ngircd"].into_iter().find(|path| std::path::Path::new(path).exists())
    }

    async fn start(program: &str) -> Self {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("ngircd.conf");
        let text = format!(
            "[Global]\nName = irc.test\nInfo = test\nListen = 127.0.0.1\nPorts = {port}\n\
             [Limits]\nMaxConnectionsIP = 0\n[Options]\nIdent = no\nPAM = no\nDNS = no\n"
        );
        std::fs::write(&file, text).unwrap();
        let process = Command::new(program)
            .args(["-n", "-f"])
            .arg(&file)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let server = Self { process, port, _directory: directory };
        let listening = async {
            while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        timeout(Duration::from_secs(20), listening).await.unwrap();
        server
    }
}

/// A person at a client.
struct Person(Framed<TcpStream, LinesCodec>);

impl Person {
    async fn connect(port: u16, nick: &str) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        let mut person = Self(Framed::new(stream, LinesCodec::new()));
        person.say(&format!("NICK {nick}")).await;
        person.say(&format!("USER {nick} 0 * :{nick}")).await;
        person.until(" 001 ").await;
        person
    }

    async fn say(&mut self, line: &str) {
        self.0.send(line.to_owned()).await.unwrap();
    }

    /// The next line that holds this.
    async fn until(&mut self, part: &str) -> String {
        let reading = async {
            loop {
                let line = self.0.next().await.unwrap().unwrap();
                if let Some(token) = line.strip_prefix("PING ") {
                    self.0.send(format!("PONG {token}")).await.unwrap();
                }
                if line.contains(part) {
                    return line;
                }
            }
        };
        timeout(Duration::from_secs(30), reading).await.unwrap_or_else(|_| panic!("no line with `{part}`"))
    }
}

/// Waits until what is told of the channel is as wanted.
async fn until(host: &Host, what: &str, wanted: impl Fn(&ChannelDetail) -> bool) -> ChannelDetail {
    let waiting = async {
        loop {
            let detail = host.info().await.detail;
            if wanted(&detail) {
                return detail;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(Duration::from_secs(60), waiting).await.unwrap_or_else(|_| panic!("never: {what}"))
}

async fn until_hint(host: &Host, part: &str) -> String {
    let hinted = |detail: &ChannelDetail| detail.hint.as_ref().is_some_and(|hint| hint.contains(part));
    until(host, part, hinted).await.hint.unwrap()
}

#[tokio::test]
async fn people_talk_on_a_real_server() {
    let Some(program) = Server::program() else {
        assert!(std::env::var_os("OPENCLAW_REQUIRE_ALL").is_none(), "ngircd is not installed");
        println!("SKIPPED: ngircd is not installed");
        return;
    };
    let server = Server::start(program).await;
    let config = ChannelConfig {
        base_url: Some(format!("irc://127.0.0.1:{}", server.port)),
        options: [
            ("nick".to_owned(), "claw".to_owned()),
            ("channels".to_owned(), "#Room, #Closed".to_owned()),
        ]
        .into(),
        ..ChannelConfig::default()
    };
    assert_eq!(openclaw_channels::probe("irc", &config).await.unwrap(), "claw");

    let mut anna = Person::connect(server.port, "anna").await;
    for line in ["JOIN #room", "JOIN #closed", "MODE #closed +i"] {
        anna.say(line).await;
    }
    anna.until(" 366 anna #closed").await;
    let patience = Patience { longest: Duration::from_secs(60), look: Duration::from_millis(50) };
    let mut host = Host::new("irc", config, None, patience);
    host.configure(|config| config.allowed_chats = vec!["#Room".to_owned()]);
    host.start();
    host.until_connected().await;
    anna.until(" JOIN ").await;
    anna.say("PRIVMSG #room :just talking").await;
    // Not every client writes UTF-8.
    tokio::io::AsyncWriteExt::write_all(anna.0.get_mut(), b"PRIVMSG #room :caf\xe9\r\n").await.unwrap();
    anna.say("PRIVMSG #room :Claw: what is 1+1?").await;
    let answer = anna.until("PRIVMSG #room").await;
    assert!(answer.starts_with(":claw!") && answer.ends_with(":You said: what is 1+1?"), "{answer}");

    // A direct chat is not the room: there she is a stranger, until she has a code.
    anna.say("PRIVMSG claw :hello").await;
    assert!(anna.until("PRIVMSG anna").await.contains("only talk with people"));
    let code = host.gateway.as_ref().unwrap().channels.pair("irc").await.unwrap();
    anna.say(&format!("PRIVMSG claw :{}", code.code.expose())).await;
    anna.until("Welcome").await;
    anna.until("!help").await;
    anna.say("PRIVMSG claw :hello again").await;
    assert!(anna.until("PRIVMSG anna").await.ends_with(":You said: hello again"));
    assert!(host.gateway.as_ref().unwrap().channels.paired("irc").await.unwrap()[0].starts_with("anna!"));

    // A room that can't be entered, or that we are thrown out of, is told; the others go on.
    let hint = until_hint(&host, "not in #closed: ").await;
    assert!(!hint.contains("#room"), "{hint}");
    anna.say("KICK #room claw :enough").await;
    let hint = until_hint(&host, "not in #room: anna threw us out: enough").await;
    assert!(hint.contains("#closed"), "{hint}");

    // Who is gone before the answer comes does not get it, and that is known.
    let mut bert = Person::connect(server.port, "bert").await;
    bert.say(&format!(
        "PRIVMSG claw :{}",
        host.gateway.as_ref().unwrap().channels.pair("irc").await.unwrap().code.expose()
    ))
    .await;
    bert.until("Welcome").await;
    bert.say("PRIVMSG claw :hang up").await;
    bert.say("QUIT").await;
    until(&host, "an answer that failed", |detail| detail.failed > 0).await;

    // A server that is gone is seen.
    drop(anna);
    drop(server);
    host.until_trouble(|trouble| !trouble.is_empty()).await;
    assert_eq!(host.told(), ["what is 1+1?", "hello again", "hang up"]);
    host.kill().await;
}
