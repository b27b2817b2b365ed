//! Pulling from a small HTTP server on loopback.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use reqwest::Client;
use sha2::{Digest as _, Sha256};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};

use super::{
    CATALOGUE, DEFAULT_MODEL, Pulled,
    catalogue::KnownModel,
    find, list,
    pull::{PullError, part_path, pull_from},
};

const BODY: usize = 100_000;

fn body() -> Vec<u8> {
    (0..BODY).map(|index| (index * 7 % 251) as u8).collect()
}

fn model() -> KnownModel {
    let sha256: String = Sha256::digest(body()).iter().map(|byte| format!("{byte:02x}")).collect();
    KnownModel {
        name: "test",
        file: "test.gguf",
        url_path: "/a/test.gguf",
        sha256: Box::leak(sha256.into_boxed_str()),
        bytes: BODY as u64,
        licence: "CC0-1.0",
    }
}

/// How the server answers one request.
#[derive(Clone)]
enum Answer {
    /// The file, or the rest of it when the range's condition holds.
    File {
        etag: &'static str,
        content: Vec<u8>,
    },
    /// The same, but the connection ends after this many bytes.
    Cut {
        etag: &'static str,
        after: usize,
    },
    Status(u16),
}

struct Server {
    url: String,
    heads: Arc<Mutex<Vec<String>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[expect(clippy::disallowed_methods, reason = "the task is owned by the server and ends with it")]
async fn serve(answers: Vec<Answer>) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let heads = Arc::<Mutex<Vec<String>>>::default();
    let task = tokio::spawn({
        let heads = Arc::clone(&heads);
        async move {
            for answer in answers {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    let byte = stream.read_u8().await.unwrap();
                    head.push(byte);
                }
                let head = String::from_utf8(head).unwrap().to_lowercase();
                heads.lock().unwrap().push(head.clone());
                stream.write_all(&answered(&answer, &head)).await.unwrap();
                stream.shutdown().await.unwrap();
            }
        }
    });
    Server { url, heads, task }
}

fn answered(answer: &Answer, head: &str) -> Vec<u8> {
    let (etag, content, keep) = match answer {
        Answer::Status(status) => {
            return format!("HTTP/1.1 {status} No\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
                .into_bytes();
        }
        Answer::File { etag, content } => (*etag, content.clone(), usize::MAX),
        Answer::Cut { etag, after } => (*etag, body(), *after),
    };
    let header = |name: &str| head.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    let from = header("range: bytes=")
        .filter(|_| header("if-range:").is_none_or(|tag| tag == etag))
        .map(|range| range.trim_end_matches('-').parse::<usize>().unwrap());
    let total = content.len();
    let (status, range) = match from {
        Some(from) => {
            ("206 Partial Content", format!("content-range: bytes {from}-{}/{total}\r\n", total - 1))
        }
        None => ("200 OK", String::new()),
    };
    let rest = &content[from.unwrap_or(0)..];
    let length = rest.len();
    let head = format!(
        "HTTP/1.1 {status}\r\netag: {etag}\r\n{range}content-length: {length}\r\nconnection: close\r\n\r\n"
    );
    [head.as_bytes(), &rest[..length.min(keep)]].concat()
}

struct Dir(PathBuf);

impl Dir {
    fn new(name: &str) -> Self {
        Self(std::env::temp_dir().join(format!("gateway-pull-{name}-{}", std::process::id())))
    }

    fn file(&self) -> PathBuf {
        self.0.join("test.gguf")
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

async fn get(server: &Server, dir: &Path) -> (Result<Pulled, PullError>, Vec<(u64, u64)>) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = Client::builder().no_proxy().build().unwrap();
    let mut told = Vec::new();
    let pulled =
        pull_from(&client, &server.url, &model(), dir, &mut |have, all| told.push((have, all))).await;
    (pulled, told)
}

fn whole() -> Answer {
    Answer::File { etag: "\"v1\"", content: body() }
}

#[tokio::test]
async fn a_model_is_downloaded_once() {
    let (dir, server) = (Dir::new("once"), serve(vec![whole()]).await);
    let (pulled, told) = get(&server, &dir.0).await;
    assert_eq!(pulled.unwrap(), Pulled::Downloaded(dir.file()));
    assert_eq!(std::fs::read(dir.file()).unwrap(), body());
    assert_eq!((told[0], told[told.len() - 1]), ((0, BODY as u64), (BODY as u64, BODY as u64)));
    assert_eq!(std::fs::read_dir(&dir.0).unwrap().count(), 1, "nothing else stays behind");
    // The server answers no second request.
    assert_eq!(get(&server, &dir.0).await.0.unwrap(), Pulled::AlreadyThere(dir.file()));
}

#[tokio::test]
async fn a_cut_download_goes_on_where_it_stopped() {
    let dir = Dir::new("resume");
    let server = serve(vec![Answer::Cut { etag: "\"v1\"", after: 40_000 }, whole()]).await;
    let (pulled, _) = get(&server, &dir.0).await;
    let error = pulled.unwrap_err();
    assert!(matches!(error, PullError::Network { .. }), "{error}");
    assert!(error.to_string().contains("cargo xtask model"), "{error}");
    assert_eq!(part_path(&dir.file()).metadata().unwrap().len(), 40_000);
    assert!(!dir.file().exists());
    let (pulled, told) = get(&server, &dir.0).await;
    assert_eq!(pulled.unwrap(), Pulled::Downloaded(dir.file()));
    assert_eq!(told[0].0, 40_000);
    assert_eq!(std::fs::read(dir.file()).unwrap(), body());
    let heads = server.heads.lock().unwrap();
    assert!(
        heads[1].contains("range: bytes=40000-") && heads[1].contains("if-range: \"v1\""),
        "{}",
        heads[1]
    );
}

#[tokio::test]
async fn a_file_that_changed_at_the_server_is_fetched_anew() {
    let dir = Dir::new("changed");
    let newer = Answer::File { etag: "\"v2\"", content: body() };
    let server = serve(vec![Answer::Cut { etag: "\"v1\"", after: 10 }, newer]).await;
    get(&server, &dir.0).await.0.unwrap_err();
    let (pulled, told) = get(&server, &dir.0).await;
    assert_eq!(pulled.unwrap(), Pulled::Downloaded(dir.file()));
    assert_eq!(told[0].0, 0);
}

#[tokio::test]
async fn other_bytes_are_never_kept() {
    let mut other = body();
    other[500] ^= 1;
    let longer = [body(), vec![0]].concat();
    for content in [other, longer] {
        let dir = Dir::new("digest");
        let server = serve(vec![Answer::File { etag: "\"v1\"", content }]).await;
        let error = get(&server, &dir.0).await.0.unwrap_err();
        assert!(matches!(error, PullError::WrongDigest { .. }), "{error}");
        assert!(!dir.file().exists() && !part_path(&dir.file()).exists());
    }
}

#[tokio::test]
async fn a_refusal_says_what_to_do() {
    let dir = Dir::new("refused");
    let server = serve(vec![Answer::Status(404), Answer::Status(503)]).await;
    let error = get(&server, &dir.0).await.0.unwrap_err();
    assert!(matches!(error, PullError::Refused { status: 404, .. }), "{error}");
    let error = get(&server, &dir.0).await.0.unwrap_err();
    assert!(matches!(error, PullError::Network { .. }), "{error}");
    drop(server);
}

#[tokio::test]
async fn no_server_is_told_with_the_address() {
    let dir = Dir::new("nobody");
    let mut server = serve(Vec::new()).await;
    (&mut server.task).await.unwrap();
    let error = get(&server, &dir.0).await.0.unwrap_err();
    assert!(error.to_string().contains(&server.url), "{error}");
}

#[test]
fn the_list_shows_what_is_there_and_what_could_be() {
    let dir = Dir::new("list");
    assert_eq!(list(&dir.0).unwrap().len(), CATALOGUE.len(), "a missing directory is an empty one");
    std::fs::create_dir_all(&dir.0).unwrap();
    for (name, length) in [("own.gguf", 3), ("notes.txt", 1), ("SmolLM2-135M-Instruct.Q4_1.gguf.part", 5)] {
        std::fs::write(dir.0.join(name), vec![0u8; length]).unwrap();
    }
    let models = list(&dir.0).unwrap();
    assert_eq!(models.len(), CATALOGUE.len() + 1);
    assert_eq!((models[0].known, models[0].bytes, models[0].partial), (Some(DEFAULT_MODEL), None, Some(5)));
    let own = models.last().unwrap();
    assert_eq!((own.known, own.bytes, own.path.ends_with("own.gguf")), (None, Some(3), true));
    assert_eq!(find("SMOLLM2-135m-instruct"), Some(DEFAULT_MODEL));
    assert_eq!(find("gpt-9"), None);
}
