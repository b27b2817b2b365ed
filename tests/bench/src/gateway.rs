//! The gateway under measurement.

use std::{
    io::{Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use tempfile::TempDir;

pub(crate) const TOKEN: &str = "bench-token-of-some-length";

/// A data directory with a configuration.
pub(crate) struct Home {
    directory: TempDir,
    address: SocketAddr,
}

impl Home {
    /// One whose gateway asks `provider`, when there is one. It lies beside the build, on a real disk: where temporary files
    /// are kept in memory, syncing them costs nothing and says nothing.
    pub(crate) fn new(release: &Path, provider: Option<SocketAddr>) -> Result<Self> {
        let directory = TempDir::new_in(release)?;
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let providers = provider.map(|address| {
            format!(
                "providers:\n  primary:\n    type: openai\n    model: bench\n    api_key: none\n    base_url: http://{address}/v1\n"
            )
        });
        let config = format!(
            "gateway:\n  port: {port}\n  auth:\n    token: {TOKEN}\n  rate_limit:\n    requests_per_minute: 0\n{}",
            providers.unwrap_or_default()
        );
        std::fs::write(directory.path().join("gateway.yaml"), config)?;
        Ok(Self { directory, address: SocketAddr::from((Ipv4Addr::LOCALHOST, port)) })
    }

    /// Adds sections to its configuration.
    pub(crate) fn configure(&self, yaml: &str) -> Result<()> {
        let mut file = std::fs::OpenOptions::new().append(true).open(self.path().join("gateway.yaml"))?;
        Ok(file.write_all(yaml.as_bytes())?)
    }

    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    pub(crate) fn memory(&self) -> PathBuf {
        self.directory.path().join("memory")
    }

    /// Starts the gateway and times it until `/health` answers.
    pub(crate) fn start(&self, release: &Path) -> Result<(Gateway, Duration)> {
        let start = Instant::now();
        let child = Command::new(release.join("gateway"))
            .arg("run")
            .env_clear()
            .env("OPENCLAW_HOME", self.path())
            .env("HOME", self.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("can't start the gateway")?;
        let gateway = Gateway { child, address: self.address };
        while !healthy(self.address) {
            ensure!(start.elapsed() < Duration::from_secs(120), "not healthy after two minutes");
            std::thread::sleep(Duration::from_micros(200));
        }
        Ok((gateway, start.elapsed()))
    }
}

fn healthy(address: SocketAddr) -> bool {
    let ask = || -> std::io::Result<bool> {
        let mut stream = TcpStream::connect(address)?;
        stream.write_all(b"GET /api/v1/health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
        let mut text = String::new();
        stream.read_to_string(&mut text)?;
        Ok(text.starts_with("HTTP/1.1 200"))
    };
    ask().unwrap_or(false)
}

/// All files below a directory.
pub(crate) fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => found.extend(files(&entry.path())),
            _ => found.push(entry.path()),
        }
    }
    found
}

/// A running gateway; dropping it ends it.
pub(crate) struct Gateway {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl Gateway {
    /// Resident memory, in MiB.
    pub(crate) fn resident(&self) -> Result<f64> {
        self.memory("VmRSS:")
    }

    /// The most that ever was resident, in MiB.
    pub(crate) fn peak(&self) -> Result<f64> {
        self.memory("VmHWM:")
    }

    fn memory(&self, name: &str) -> Result<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let line = line.with_context(|| format!("no {name}"))?;
        let kib: f64 = line.trim().trim_end_matches("kB").trim().parse()?;
        Ok(kib / 1024.0)
    }

    /// Files, sockets and the like that it has open.
    pub(crate) fn descriptors(&self) -> Result<usize> {
        Ok(std::fs::read_dir(format!("/proc/{}/fd", self.child.id()))?.count())
    }

    /// Processor time used so far, in seconds (the kernel counts hundredths).
    pub(crate) fn processor(&self) -> Result<f64> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        let fields: Vec<_> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        let ticks = |index: usize| fields.get(index).and_then(|field| field.parse::<f64>().ok());
        Ok((ticks(11).context("no utime")? + ticks(12).context("no stime")?) / 100.0)
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
