//! The first shape: one JSON object on standard input, one on standard output, and the end.

use std::{collections::VecDeque, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _},
    time::timeout,
};

use crate::{
    limits::{COMPLAINT_BYTES, NOISE_BYTES, OUTPUT_BYTES},
    sandbox::{Ended, LAST_WORDS_BYTES, Sandbox, hear},
};

/// Read at once.
const PIPE_BYTES: usize = 16 * 1024;

/// How long a sandbox that was ended may take to be gone.
const LAST_BREATH: Duration = Duration::from_secs(3);

/// What a skill's program did with one input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Exchange {
    /// Standard output, up to its bound.
    pub(crate) output: Vec<u8>,
    /// Whether there was more.
    pub(crate) cut: bool,
    /// The end of standard error.
    pub(crate) complaint: String,
    /// How it ended; `None`: its time was over.
    pub(crate) ended: Option<Ended>,
}

/// Gives the program its input and waits for its end, at most `time`. Whatever happens, nothing runs any more afterwards; dropping the future
/// has the same effect.
pub(crate) async fn exchange(mut sandbox: Sandbox, input: &[u8], time: Duration) -> Exchange {
    let (stdin, stdout, stderr) = (sandbox.stdin.take(), sandbox.stdout.take(), sandbox.stderr.take());
    let (mut output, mut complaint) = (Vec::new(), VecDeque::new());
    let mut cut = false;
    let talk = async {
        let feed = async {
            if let Some(mut stdin) = stdin {
                // A program that does not read its input to the end is not to blame for that.
                let _ = stdin.write_all(input).await;
                let _ = stdin.shutdown().await;
            }
        };
        tokio::pin! {
            let feed = feed;
            let read = collect(stdout, &mut output);
            let listen = keep_end(stderr, &mut complaint);
        }
        let (mut fed, mut read_all, mut heard_all, mut told) = (false, false, false, None);
        let ended = loop {
            tokio::select! {
                ended = sandbox.ended() => break ended,
                // Everything is said: what is left to end ends by itself, or with the sandbox.
                () = std::future::ready(()), if read_all && told.is_some() => break told.unwrap_or(Ended::Killed),
                () = &mut feed, if !fed => fed = true,
                flooded = &mut read, if !read_all => {
                    read_all = true;
                    cut |= flooded;
                    // Nobody reads what else it writes.
                    if flooded { sandbox.kill(); }
                }
                heard = &mut listen, if !heard_all => {
                    heard_all = true;
                    match heard {
                        Heard::Flood => sandbox.kill(),
                        Heard::LastWords(ended) => told = Some(ended),
                        Heard::End => {}
                    }
                }
            }
        };
        // What was written before the end is still in the pipes.
        if !read_all {
            cut |= read.await;
        }
        if !heard_all {
            listen.await;
        }
        ended
    };
    let ended = timeout(time, talk).await.ok();
    if ended.is_none() {
        // Its place is free only when it is gone: what it leaves behind would be counted with the next one's.
        sandbox.kill();
        let _ = timeout(LAST_BREATH, sandbox.ended()).await;
    }
    let complaint = String::from_utf8_lossy(complaint.make_contiguous()).trim().to_owned();
    Exchange { output, cut, complaint, ended }
}

/// Reads up to the bound, to the pipe's end or to init's last words; whether there was more.
async fn collect(from: Option<impl AsyncRead + Unpin>, into: &mut Vec<u8>) -> bool {
    let Some(mut from) = from else { return false };
    while into.len() <= OUTPUT_BYTES + LAST_WORDS_BYTES {
        into.reserve(PIPE_BYTES);
        // A broken pipe ends the output like its end does; how the program ended is told apart.
        let Ok(1..) = from.read_buf(into).await else { break };
        if let Some((before, _)) = hear(into) {
            let length = before.len();
            into.truncate(length);
            break;
        }
    }
    let more = into.len() > OUTPUT_BYTES;
    into.truncate(OUTPUT_BYTES);
    more
}

/// How listening to standard error ended.
enum Heard {
    /// It was closed.
    End,
    /// There was too much to go on.
    Flood,
    /// Init has said how the program ended.
    LastWords(Ended),
}

/// Reads all, and keeps the end of it, without init's last words.
async fn keep_end(from: Option<impl AsyncRead + Unpin>, into: &mut VecDeque<u8>) -> Heard {
    let Some(mut from) = from else { return Heard::End };
    let mut buffer = [0; 4096];
    let mut all = 0;
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        all += count;
        into.extend(buffer.get(..count).unwrap_or_default());
        let over = into.len().saturating_sub(COMPLAINT_BYTES);
        into.drain(..over);
        if let Some((before, ended)) = hear(into.make_contiguous()) {
            let length = before.len();
            into.truncate(length);
            return Heard::LastWords(ended);
        }
        if all > NOISE_BYTES {
            return Heard::Flood;
        }
    }
    Heard::End
}
