//! Pulling from a small HTTP server on loopback.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use openclaw_core::port::{EmbedPort as _, EmbedSide};
use openclaw_inference::embed::{EmbedOptions, Embedder};
use reqwest::Client;
use sha2::{Digest as _, Sha256};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};

use super::{
    CATALOGUE, DEFAULT_MODEL, Pulled,
    catalogue::KnownModel,
    embeddings, find, list,
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
        otherwise: "`cargo xtask model` has it",
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

/// A safetensors file of the known model's structure, tiny and of made-up numbers.
fn weights() -> Vec<u8> {
    let (width, inner) = (32, 64);
    let (mut header, mut numbers) = (serde_json::Map::new(), Vec::<f32>::new());
    let mut add = |name: String, shape: &[usize]| {
        let (start, count) = (numbers.len() * 4, shape.iter().product::<usize>());
        numbers.extend((0..count).map(|index| ((index * 7919 + count) % 997) as f32 / 997.0 - 0.5));
        let entry =
            serde_json::json!({ "dtype": "F32", "shape": shape, "data_offsets": [start, numbers.len() * 4] });
        header.insert(name, entry);
    };
    for (name, rows) in [("word_embeddings", 9), ("position_embeddings", 16), ("token_type_embeddings", 2)] {
        add(format!("embeddings.{name}.weight"), &[rows, width]);
    }
    add("embeddings.LayerNorm.weight".to_owned(), &[width]);
    add("embeddings.LayerNorm.bias".to_owned(), &[width]);
    for (part, rows, columns) in [
        ("attention.self.query", width, width),
        ("attention.self.key", width, width),
        ("attention.self.value", width, width),
        ("attention.output.dense", width, width),
        ("intermediate.dense", inner, width),
        ("output.dense", width, inner),
    ] {
        add(format!("encoder.layer.0.{part}.weight"), &[rows, columns]);
        add(format!("encoder.layer.0.{part}.bias"), &[rows]);
    }
    for part in ["attention.output.LayerNorm", "output.LayerNorm"] {
        add(format!("encoder.layer.0.{part}.weight"), &[width]);
        add(format!("encoder.layer.0.{part}.bias"), &[width]);
    }
    let header = serde_json::to_vec(&header).unwrap();
    let numbers = numbers.iter().flat_map(|number| number.to_le_bytes());
    [&(header.len() as u64).to_le_bytes()[..], &header].concat().into_iter().chain(numbers).collect()
}

/// A SentencePiece model with three special and four other pieces, and a table without a character.
fn pieces() -> Vec<u8> {
    let field = |number: u8, bytes: &[u8]| [&[number << 3 | 2, bytes.len() as u8], bytes].concat();
    let mut model = Vec::new();
    for (text, score, kind) in [
        ("<unk>", 0f32, 2),
        ("<s>", 0.0, 3),
        ("</s>", 0.0, 3),
        ("▁", -2.0, 1),
        ("▁query", -3.0, 1),
        ("▁passage", -3.5, 1),
        (":", -4.0, 1),
    ] {
        let score = [&[0x15][..], &score.to_le_bytes()].concat();
        model.extend(field(1, &[field(1, text.as_bytes()), score, vec![0x18, kind]].concat()));
    }
    model.extend(field(3, &field(2, &[4, 0, 0, 0, 0, 0, 0, 0])));
    model
}

fn source(file: &'static str, url_path: &'static str, content: &[u8]) -> KnownModel {
    let sha256: String = Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect();
    KnownModel { file, url_path, sha256: sha256.leak(), bytes: content.len() as u64, ..model() }
}

#[tokio::test]
async fn the_embedding_model_is_downloaded_and_made_once() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let (dir, client) = (Dir::new("embeddings"), Client::builder().no_proxy().build().unwrap());
    let (weights, pieces) = (weights(), pieces());
    let sources = [source("a.safetensors", "/weights", &weights), source("b.model", "/pieces", &pieces)];
    let file = |content: &Vec<u8>| Answer::File { etag: "\"v1\"", content: content.clone() };
    // The second file is refused at first: the first one isn't asked for again.
    let server = serve(vec![file(&weights), Answer::Status(503), file(&pieces)]).await;
    let pull = || async {
        let mut told = 0;
        embeddings::pull_sources(&client, &server.url, &sources, &dir.0, &mut |_, all| told = all).await
    };
    let error = pull().await.unwrap_err();
    assert!(matches!(error, embeddings::EmbeddingsError::Pull(PullError::Network { .. })), "{error}");
    let path = embeddings::path(&dir.0);
    assert!(!path.exists());
    assert_eq!(pull().await.unwrap(), Pulled::Downloaded(path.clone()));
    assert_eq!(std::fs::read_dir(&dir.0).unwrap().count(), 1, "what was downloaded is gone");
    assert_eq!(pull().await.unwrap(), Pulled::AlreadyThere(path.clone()));
    let embedder = Embedder::new(EmbedOptions::new(&path));
    let model = embedder.model().unwrap();
    assert_eq!((model.name.as_str(), model.dimensions), ("multilingual-e5-small", 32));
    let vectors = embedder.embed(EmbedSide::Query, &["", "query"]).unwrap();
    assert!(vectors.iter().all(|vector| (vector.cosine(vector) - 1.0).abs() < 1e-5));
    assert_ne!(vectors[0], vectors[1]);
}

#[tokio::test]
async fn a_checkpoint_of_another_kind_is_told_and_kept_for_nothing() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let (dir, client) = (Dir::new("unfit"), Client::builder().no_proxy().build().unwrap());
    let (weights, pieces) = (body(), pieces());
    let sources = [source("a.safetensors", "/weights", &weights), source("b.model", "/pieces", &pieces)];
    let file = |content: &Vec<u8>| Answer::File { etag: "\"v1\"", content: content.clone() };
    let server = serve(vec![file(&weights), file(&pieces)]).await;
    let pulled = embeddings::pull_sources(&client, &server.url, &sources, &dir.0, &mut |_, _| {}).await;
    let error = pulled.unwrap_err().to_string();
    assert!(error.contains("a.safetensors can't be converted"), "{error}");
    assert!(!embeddings::path(&dir.0).exists());
}

#[test]
fn the_package_s_file_is_named_when_it_is_none() {
    let dir = Dir::new("take");
    std::fs::create_dir_all(&dir.0).unwrap();
    let file = dir.0.join("e5-small-q4.bin");
    std::fs::write(&file, b"E5S1 and nothing else").unwrap();
    let error = embeddings::take(&file, &dir.0).unwrap_err().to_string();
    assert!(error.contains("e5-small-q4.bin can't be converted"), "{error}");
    assert_eq!(embeddings::partial(&dir.0), None);
    std::fs::write(part_path(&dir.0.join(embeddings::SOURCES[0].file)), [0; 7]).unwrap();
    assert_eq!(embeddings::partial(&dir.0), Some(7));
}
