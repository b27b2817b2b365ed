//! Process 1 of every sandbox: the gateway's own program, started as `gateway __sandbox STAGE`.
//!
//! It has one thread until it is inside, and reads no environment. What it prints on standard error before the skill runs is told to the
//! operator; its exit code says how the skill ended ([`crate::sandbox::ended`]).

mod confine;
mod filter;
mod outer;
mod programs;
mod supervise;
mod tree;
mod used;

use std::{
    fs::File,
    io,
    os::{
        fd::{AsFd as _, OwnedFd},
        unix::{
            fs::MetadataExt as _,
            net::UnixStream,
            process::{CommandExt as _, ExitStatusExt as _},
        },
    },
    process::{Command, ExitCode},
};

pub(super) use self::programs::loader_of;

use rustix::{io::Errno, process::Pid, stdio};

use super::{
    ended,
    engine::{LIFELINE, SKILL_FOLDER},
    plan::{Grant, Plan, PlanError},
};

/// The first argument of a program that is to be init.
pub(crate) const ARGUMENT: &str = "__sandbox";
/// Where the outer stage leaves the plan for init; gone before the skill starts.
const PLAN_FILE: &str = "/work/.plan";
/// The nice value of skills.
const SKILL_PRIORITY: i32 = 5;
/// Where the forwarder listens.
pub(crate) const PROXY_PORT: u16 = 3128;

/// Why a sandbox can't be made or entered.
#[derive(Debug, thiserror::Error)]
pub(super) enum InitError {
    #[error("{0}")]
    Plan(#[from] PlanError),
    #[error("can't {what}: {source}")]
    System { what: String, source: io::Error },
    #[error("can't start `{program}`: {source}")]
    Program { program: String, source: io::Error },
    #[error(
        "{path} is not what was granted: something else was put in its place while the sandbox was made, so the skill was not started; call it again if that was you"
    )]
    Another { path: String },
    #[error("{0}")]
    Usage(&'static str),
}

/// What was tried, for the error of a system call.
trait Try<T> {
    fn or_cannot(self, what: impl Into<String>) -> Result<T, InitError>;
}

impl<T, E: Into<io::Error>> Try<T> for Result<T, E> {
    fn or_cannot(self, what: impl Into<String>) -> Result<T, InitError> {
        self.map_err(|error| InitError::System { what: what.into(), source: error.into() })
    }
}

/// Runs a stage when `arguments` (the program's name left out) ask for one, and says how it ended. `None`: they don't. A program that
/// embeds this crate calls it first thing in its `main`, before any thread is started.
#[must_use]
pub fn main(arguments: impl IntoIterator<Item = std::ffi::OsString>) -> Option<ExitCode> {
    let mut arguments = arguments.into_iter();
    if arguments.next()? != ARGUMENT {
        return None;
    }
    let stage = arguments.next().unwrap_or_default();
    let done = match stage.to_str() {
        Some("outer") => outer::run(),
        Some("inner") => entered().and_then(|(plan, locks)| inner(&plan, None, locks.as_ref(), true)),
        Some("init") => contained(),
        Some("read") => read(arguments),
        Some("canary") => super::canary::attempt(arguments),
        _ => Err(InitError::Usage("this is how the gateway starts sandboxes; it is of no use by hand")),
    };
    Some(match done {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            let code = match error {
                InitError::Program { .. } => ended::NO_PROGRAM,
                _ => ended::NO_SANDBOX,
            };
            // Nobody to tell when this fails.
            let _ = rustix::io::write(stdio::stderr(), format!("sandbox: {error}\n").as_bytes());
            ExitCode::from(code)
        }
    })
}

/// Writes a file of the skill to standard output.
fn read(mut arguments: impl Iterator<Item = std::ffi::OsString>) -> Result<u8, InitError> {
    let path = arguments.next().unwrap_or_default();
    let shown = path.to_string_lossy().into_owned();
    let path = std::path::Path::new(SKILL_FOLDER).join(path);
    let is_file = std::fs::metadata(&path).is_ok_and(|metadata| metadata.is_file());
    if !is_file {
        let missing = io::Error::from(io::ErrorKind::NotFound);
        return Err(missing).or_cannot(format!("read {shown}"));
    }
    let mut file = std::fs::File::open(&path).or_cannot(format!("read {shown}"))?;
    io::copy(&mut file, &mut io::stdout()).or_cannot(format!("read {shown}"))?;
    Ok(0)
}

/// Reads the plan; with a lifeline, only as long as that holds.
fn plan_of_stdin(lifeline: Option<&OwnedFd>) -> Result<Plan, InitError> {
    Ok(Plan::read(|mut buffer| {
        while !buffer.is_empty() {
            if supervise::is_alone(stdio::stdin(), lifeline) {
                return Err(io::ErrorKind::BrokenPipe.into());
            }
            match rustix::io::read(stdio::stdin(), &mut *buffer) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(count) => buffer = buffer.split_at_mut(count).1,
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    })?)
}

/// The first steps of process 1 behind the outer stage.
fn entered() -> Result<(Plan, Option<File>), InitError> {
    // The gateway ends a sandbox by ending the outer stage.
    rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))
        .or_cannot("ask to end with the outer stage")?;
    // A session of its own: the gateway's group is not the skill's to signal.
    rustix::process::setsid().or_cannot("begin a session")?;
    let locks = tree::settle()?;
    let json = std::fs::read(PLAN_FILE).or_cannot("read the plan")?;
    std::fs::remove_file(PLAN_FILE).or_cannot("remove the plan")?;
    let plan = serde_json::from_slice(&json).map_err(PlanError::Json)?;
    Ok((plan, locks))
}

/// The first steps of process 1 of a container.
fn contained() -> Result<u8, InitError> {
    // Nobody accepts: what counts is that the connection breaks when the gateway is gone.
    let lifeline: OwnedFd =
        UnixStream::connect(LIFELINE).or_cannot("hold on to the gateway (is it gone?)")?.into();
    let plan = plan_of_stdin(Some(&lifeline))?;
    let counted = outer::own_users()?;
    let locks = File::open("/proc/locks").ok();
    inner(&plan, Some(&lifeline), locks.as_ref(), counted)
}

/// Refuses what has been put in the place of a granted folder or file since that was judged.
fn recognise(grants: &[Grant]) -> Result<(), InitError> {
    for Grant { path, file, .. } in grants {
        let found = std::fs::metadata(path).or_cannot(format!("look at {path}"))?;
        if (found.dev(), found.ino()) != *file {
            return Err(InitError::Another { path: path.clone() });
        }
    }
    Ok(())
}

/// The stage inside: bounds, the skill, and watching it. `counted`: as for [`confine::lessen`].
fn inner(
    plan: &Plan,
    lifeline: Option<&OwnedFd>,
    locks: Option<&File>,
    counted: bool,
) -> Result<u8, InitError> {
    recognise(&plan.grants)?;
    used::check()?;
    confine::lessen(plan, counted)?;
    if let Some(socket) = &plan.egress {
        let socket = std::path::PathBuf::from(socket);
        let listener = std::net::TcpListener::bind(("127.0.0.1", PROXY_PORT))
            .or_cannot(format!("listen on port {PROXY_PORT}"))?;
        // Before the filter, which allows no Unix sockets: what is applied now holds for this thread, and for what it starts from now on.
        std::thread::Builder::new()
            .name("forward".to_owned())
            .stack_size(256 * 1024)
            .spawn(move || {
                // It ends with the sandbox; what it can't go on after, the skill sees as a broken connection.
                let _ = super::forward::serve(&listener, &socket);
            })
            .or_cannot("start the forwarder")?;
    }
    let programs = if plan.any_program { None } else { Some(programs::of(plan)) };
    confine::confine(plan, programs.as_deref())?;
    let skill = start(plan)?;
    let output = rustix::io::fcntl_dupfd_cloexec(stdio::stdout(), 3).or_cannot("keep standard output")?;
    release_stdio()?;
    let code = supervise::supervise(skill, &plan.bounds, lifeline, locks);
    // Nobody may be reading any more; what the pipe can't take is not said.
    let words = ended::last_words(code);
    for pipe in [output.as_fd(), stdio::stderr()] {
        let _ = rustix::fs::fcntl_setfl(pipe, rustix::fs::OFlags::NONBLOCK);
        let _ = rustix::io::write(pipe, &words);
    }
    Ok(code)
}

fn start(plan: &Plan) -> Result<Pid, InitError> {
    let [program, arguments @ ..] = plan.argv.as_slice() else {
        return Err(InitError::Usage("the plan names no program"));
    };
    let mut command = Command::new(program);
    command.args(arguments).env_clear().current_dir(&plan.cwd);
    command.envs(plan.env.iter().map(|(name, value)| (name, value)));
    // A group of its own: what it signals as a group is not init's.
    command.process_group(0);
    // Never waited for by its handle: process 1 reaps all alike.
    let child = command.spawn().map_err(|source| InitError::Program { program: program.clone(), source })?;
    let skill = Pid::from_child(&child);
    // Below us, so that we get to look at the bounds whatever it does; and below the rest of the machine.
    let _ = rustix::process::setpriority_process(Some(skill), SKILL_PRIORITY);
    Ok(skill)
}

/// Lets go of the skill's pipes.
fn release_stdio() -> Result<(), InitError> {
    let null =
        std::fs::OpenOptions::new().read(true).write(true).open("/dev/null").or_cannot("open /dev/null")?;
    stdio::dup2_stdin(&null).or_cannot("close standard input")?;
    stdio::dup2_stdout(&null).or_cannot("close standard output")
}

/// Runs the next stage as a child, whose exit code becomes ours.
fn pass_on(start: &[String], stage: &str) -> Result<u8, InitError> {
    let [program, arguments @ ..] = start else {
        return Err(InitError::Usage("the plan does not say how to start the next stage"));
    };
    let mut command = Command::new(program);
    command.args(arguments).args([ARGUMENT, stage]).env_clear();
    let mut child =
        command.spawn().map_err(|source| InitError::Program { program: program.clone(), source })?;
    release_stdio()?;
    let status = child.wait().or_cannot("wait for the sandbox")?;
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
    Ok(code.and_then(|code| u8::try_from(code).ok()).unwrap_or(ended::NO_SANDBOX))
}
