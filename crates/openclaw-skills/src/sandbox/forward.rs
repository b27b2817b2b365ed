//! The forwarder inside a sandbox: what a program sends to 127.0.0.1 goes to the egress proxy's socket, and back.
//!
//! One thread of init's, so that it takes none of the skill's processes; it ends with init.

use std::{
    io::{self, Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    os::{fd::AsFd as _, unix::net::UnixStream},
    path::PathBuf,
};

use rustix::event::{PollFd, PollFlags, poll};

/// Connections at the same time; more wait until one ends.
const CONNECTIONS: usize = 64;
/// Bytes on their way in one direction of one connection.
const BUFFER: usize = 16 * 1024;

/// Serves until init ends. Returns only when nothing can be waited for any more.
pub(super) fn serve(listener: &TcpListener, socket: &PathBuf) {
    if listener.set_nonblocking(true).is_err() {
        return;
    }
    let mut pairs: Vec<Pair> = Vec::new();
    while let Ok(may_accept) = wait(listener, &mut pairs) {
        for pair in &mut pairs {
            pair.work();
        }
        pairs.retain(|pair| !pair.is_over());
        while may_accept && pairs.len() < CONNECTIONS {
            // A connection that was given up meanwhile, or no socket to pass it on to: the program sees it closed.
            match listener.accept() {
                Ok((stream, _)) => pairs.extend(Pair::open(stream, socket).ok()),
                Err(_) => break,
            }
        }
    }
}

/// Sleeps until something can be done; whether a connection may be accepted.
fn wait(listener: &TcpListener, pairs: &mut [Pair]) -> io::Result<bool> {
    let has_place = pairs.len() < CONNECTIONS;
    let mut fds = Vec::with_capacity(2 * pairs.len() + 1);
    for pair in pairs.iter() {
        fds.push(PollFd::from_borrowed_fd(pair.inside.as_fd(), pair.out.wants_from() | pair.back.wants_to()));
        fds.push(PollFd::from_borrowed_fd(
            pair.outside.as_fd(),
            pair.back.wants_from() | pair.out.wants_to(),
        ));
    }
    if has_place {
        fds.push(PollFd::from_borrowed_fd(listener.as_fd(), PollFlags::IN));
    }
    match poll(&mut fds, None) {
        Ok(_) | Err(rustix::io::Errno::INTR) => {}
        Err(error) => return Err(error.into()),
    }
    let broken: Vec<bool> = fds.iter().map(|fd| fd.revents().contains(PollFlags::ERR)).collect();
    let may_accept = has_place && fds.last().is_some_and(|listener| !listener.revents().is_empty());
    for (pair, broken) in pairs.iter_mut().zip(broken.chunks(2)) {
        if broken.contains(&true) {
            pair.abandon();
        }
    }
    Ok(may_accept)
}

/// A connection and where it goes on.
struct Pair {
    inside: TcpStream,
    outside: UnixStream,
    out: Way,
    back: Way,
}

/// One direction.
#[derive(Default)]
struct Way {
    /// Read and not yet written.
    held: Vec<u8>,
    /// Nothing more comes.
    ended: bool,
    /// That was passed on.
    closed: bool,
}

impl Pair {
    fn open(inside: TcpStream, socket: &PathBuf) -> io::Result<Self> {
        let outside = UnixStream::connect(socket)?;
        inside.set_nonblocking(true)?;
        outside.set_nonblocking(true)?;
        Ok(Self { inside, outside, out: Way::default(), back: Way::default() })
    }

    fn work(&mut self) {
        let out = self.out.carry(&mut self.inside, &mut self.outside);
        let back = self.back.carry(&mut self.outside, &mut self.inside);
        if out.is_err() || back.is_err() {
            return self.abandon();
        }
        if self.out.is_to_close() {
            self.out.closed = true;
            let _ = self.outside.shutdown(Shutdown::Write);
        }
        if self.back.is_to_close() {
            self.back.closed = true;
            let _ = self.inside.shutdown(Shutdown::Write);
        }
    }

    fn abandon(&mut self) {
        for way in [&mut self.out, &mut self.back] {
            (way.ended, way.closed) = (true, true);
            way.held.clear();
        }
    }

    fn is_over(&self) -> bool {
        self.out.closed && self.back.closed
    }
}

impl Way {
    /// What to wait for at the end that is read from.
    fn wants_from(&self) -> PollFlags {
        if self.ended || self.held.len() >= BUFFER { PollFlags::empty() } else { PollFlags::IN }
    }

    /// What to wait for at the end that is written to.
    fn wants_to(&self) -> PollFlags {
        if self.held.is_empty() { PollFlags::empty() } else { PollFlags::OUT }
    }

    /// Reads and writes what can be without waiting.
    fn carry(&mut self, from: &mut impl Read, to: &mut impl Write) -> io::Result<()> {
        if !self.ended && self.held.len() < BUFFER {
            let start = self.held.len();
            self.held.resize(BUFFER, 0);
            let read = from.read(self.held.get_mut(start..).unwrap_or_default());
            self.held.truncate(start + read.as_ref().copied().unwrap_or(0));
            match read {
                Ok(0) => self.ended = true,
                Ok(_) => {}
                Err(error) if is_later(&error) => {}
                Err(error) => return Err(error),
            }
        }
        while !self.held.is_empty() {
            match to.write(&self.held) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => drop(self.held.drain(..count)),
                Err(error) if is_later(&error) => break,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Whether the end is to be passed on now.
    fn is_to_close(&self) -> bool {
        self.ended && self.held.is_empty() && !self.closed
    }
}

fn is_later(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}

#[cfg(test)]
mod tests {
    use std::{os::unix::net::UnixListener, thread};

    use super::*;

    /// A forwarder to a server that answers each byte with its successor, and ends when its client does.
    fn forwarder(dir: &std::path::Path) -> std::net::SocketAddr {
        let socket = dir.join("server.sock");
        let server = UnixListener::bind(&socket).unwrap();
        thread::spawn(move || {
            for stream in server.incoming() {
                let mut stream = stream.unwrap();
                thread::spawn(move || {
                    let mut buffer = [0; 5000];
                    while let Ok(count @ 1..) = stream.read(&mut buffer) {
                        buffer[..count].iter_mut().for_each(|byte| *byte = byte.wrapping_add(1));
                        stream.write_all(&buffer[..count]).unwrap();
                    }
                });
            }
        });
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || serve(&listener, &socket));
        address
    }

    #[test]
    fn bytes_go_both_ways_and_so_does_the_end() {
        let dir = tempfile::tempdir().unwrap();
        let address = forwarder(dir.path());
        let sent: Vec<u8> = (0..300_000u32).map(|number| (number % 251) as u8).collect();
        let clients: Vec<_> = (0..100)
            .map(|_| {
                let sent = sent.clone();
                thread::spawn(move || {
                    let mut stream = TcpStream::connect(address).unwrap();
                    let mut writer = stream.try_clone().unwrap();
                    let writing = thread::spawn(move || {
                        writer.write_all(&sent).unwrap();
                        writer.shutdown(Shutdown::Write).unwrap();
                    });
                    let mut got = Vec::new();
                    stream.read_to_end(&mut got).unwrap();
                    writing.join().unwrap();
                    got
                })
            })
            .collect();
        let expected: Vec<u8> = sent.iter().map(|byte| byte.wrapping_add(1)).collect();
        for client in clients {
            assert!(client.join().unwrap() == expected);
        }
    }

    #[test]
    fn without_a_proxy_a_connection_is_closed() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || serve(&listener, &PathBuf::from("/no/such/socket")));
        let mut stream = TcpStream::connect(address).unwrap();
        let mut got = Vec::new();
        // A reset counts as closed.
        let _ = stream.read_to_end(&mut got);
        assert!(got.is_empty());
    }
}
