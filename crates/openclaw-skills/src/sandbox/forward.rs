//! Inside a sandbox: connections to its loopback address, passed on to the socket of the egress proxy.
//!
//! One thread and one poll loop: threads count against the sandbox's bound on processes. After [`serve`] was entered, it needs
//! no system call but socket, connect, accept4, ppoll, recvfrom, sendto, shutdown, fcntl and close, and what the allocator does.

use std::{
    convert::Infallible,
    io,
    net::TcpListener,
    os::fd::{AsFd, OwnedFd},
    path::Path,
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fs::{OFlags, fcntl_getfl, fcntl_setfl},
    io::Errno,
    net::{
        AddressFamily, RecvFlags, SendFlags, Shutdown, SocketAddrUnix, SocketFlags, SocketType, accept_with,
        connect, recv, send, shutdown, socket_with,
    },
};

/// Connections at the same time; further ones wait in the backlog.
const CONNECTIONS: usize = 64;
/// Bytes in memory for each direction of a connection.
const BUFFER: usize = 16 << 10;
/// Pause when the system has no descriptors or memory left for another connection.
const PAUSE: Timespec = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };

/// Passes connections of `listener` on to the Unix socket at `socket`, for as long as the process lives. It blocks, and is
/// meant for a thread of its own.
///
/// # Errors
/// When the path is too long for a socket, or the system can't poll.
pub(crate) fn serve(listener: &TcpListener, socket: &Path) -> io::Result<Infallible> {
    let proxy = SocketAddrUnix::new(socket)?;
    fcntl_setfl(listener, fcntl_getfl(listener)? | OFlags::NONBLOCK)?;
    let mut connections: Vec<Connection> = Vec::new();
    let mut must_pause = false;
    loop {
        let accepts = connections.len() < CONNECTIONS && !must_pause;
        let (is_new, ready) = wait(accepts.then_some(listener), must_pause.then_some(&PAUSE), &connections)?;
        let mut ready = ready.into_iter();
        connections.retain_mut(|connection| !ready.next().unwrap_or(false) || connection.advance());
        must_pause = false;
        if is_new {
            match accept_with(listener, SocketFlags::NONBLOCK | SocketFlags::CLOEXEC) {
                // Without the proxy there is nothing to say: the client finds its connection closed.
                Ok(client) => connections.extend(Connection::open(client, &proxy).ok()),
                Err(Errno::AGAIN | Errno::INTR | Errno::CONNABORTED) => {}
                Err(_) => must_pause = true,
            }
        }
    }
}

/// Waits until something moves: whether somebody connects, and of each connection whether it can go on.
fn wait(
    listener: Option<&TcpListener>,
    timeout: Option<&Timespec>,
    connections: &[Connection],
) -> io::Result<(bool, Vec<bool>)> {
    let mut fds: Vec<_> = listener.iter().map(|listener| PollFd::new(*listener, PollFlags::IN)).collect();
    let mut owners = Vec::new();
    for (index, connection) in connections.iter().enumerate() {
        for (fd, events) in connection.interests() {
            // What nothing is wanted of is left out: its hang-up would be told again and again.
            if !events.is_empty() {
                fds.push(PollFd::new(fd, events));
                owners.push(index);
            }
        }
    }
    match poll(&mut fds, timeout) {
        Ok(_) | Err(Errno::INTR) => {}
        Err(error) => return Err(error.into()),
    }
    let mut told = fds.iter().map(|fd| !fd.revents().is_empty());
    let is_new = listener.is_some() && told.next().unwrap_or(false);
    let mut ready = vec![false; connections.len()];
    for (owner, is_told) in owners.into_iter().zip(told) {
        if let Some(ready) = ready.get_mut(owner) {
            *ready |= is_told;
        }
    }
    Ok((is_new, ready))
}

struct Connection {
    client: OwnedFd,
    proxy: OwnedFd,
    out: Pipe,
    back: Pipe,
}

impl Connection {
    fn open(client: OwnedFd, proxy: &SocketAddrUnix) -> io::Result<Self> {
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
        connect(&socket, proxy)?;
        Ok(Self { client, proxy: socket, out: Pipe::new(), back: Pipe::new() })
    }

    fn interests(&self) -> [(&OwnedFd, PollFlags); 2] {
        let events = |source: &Pipe, sink: &Pipe| {
            let mut events = PollFlags::empty();
            events.set(PollFlags::IN, source.wants_bytes());
            events.set(PollFlags::OUT, sink.has_bytes());
            events
        };
        [(&self.client, events(&self.out, &self.back)), (&self.proxy, events(&self.back, &self.out))]
    }

    /// Moves what can be moved; whether there is more to come.
    fn advance(&mut self) -> bool {
        match self.out.pump(&self.client, &self.proxy) {
            Ok(()) => {}
            // The proxy reads no more, but may have said why: until the client has read that, it may go on sending.
            Err(Broken::Sink) => self.out.state = State::Wasted,
            Err(Broken::Source) => return false,
        }
        if self.back.pump(&self.proxy, &self.client).is_err() {
            return false;
        }
        self.back.state != State::Ended || !matches!(self.out.state, State::Ended | State::Wasted)
    }
}

/// One direction.
struct Pipe {
    buffer: Box<[u8]>,
    /// Bytes read and not yet written: those from `start` to `end`.
    start: usize,
    end: usize,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    /// The source has ended, and the sink does not know yet.
    Ending,
    Ended,
    /// The sink takes nothing; what comes is thrown away.
    Wasted,
}

/// Which end of a direction broke.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Broken {
    Source,
    Sink,
}

impl Pipe {
    fn new() -> Self {
        Self { buffer: vec![0; BUFFER].into(), start: 0, end: 0, state: State::Open }
    }

    fn has_bytes(&self) -> bool {
        self.start < self.end
    }

    fn wants_bytes(&self) -> bool {
        matches!(self.state, State::Open | State::Wasted) && !self.has_bytes()
    }

    /// Moves at most a buffer's content, without blocking.
    fn pump(&mut self, source: &OwnedFd, sink: &OwnedFd) -> Result<(), Broken> {
        self.drain(sink)?;
        if self.wants_bytes() {
            self.fill(source)?;
            self.drain(sink)?;
        }
        Ok(())
    }

    fn fill(&mut self, source: impl AsFd) -> Result<(), Broken> {
        match recv(source, &mut *self.buffer, RecvFlags::empty()) {
            Ok((_, 0)) => self.state = State::Ending,
            Ok((_, read)) if self.state == State::Open => (self.start, self.end) = (0, read),
            Ok(_) | Err(Errno::AGAIN | Errno::INTR) => {}
            Err(_) => return Err(Broken::Source),
        }
        Ok(())
    }

    fn drain(&mut self, sink: impl AsFd) -> Result<(), Broken> {
        while let Some(bytes) = self.buffer.get(self.start..self.end).filter(|bytes| !bytes.is_empty()) {
            match send(&sink, bytes, SendFlags::NOSIGNAL) {
                Ok(written) => self.start += written,
                Err(Errno::AGAIN) => return Ok(()),
                Err(Errno::INTR) => {}
                Err(_) => {
                    self.start = self.end;
                    return Err(Broken::Sink);
                }
            }
        }
        if self.state == State::Ending {
            self.state = State::Ended;
            // It may be gone already, which is as good.
            let _ = shutdown(sink, Shutdown::Write);
        }
        Ok(())
    }
}
