//! `gateway doctor`: what is well and what is not, each with what to do about it.

mod config;
mod machine;
mod providers;

use std::fmt;

use crate::{
    cli::Options,
    client::Client,
    config::Environment,
    exit::{Exit, Stop},
    output::line,
    run_file, settings,
};

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Ok,
    Warn,
    Fail,
}

/// One line of the report.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Finding {
    verdict: Verdict,
    about: &'static str,
    /// What was found and, when it is not well, what to do.
    text: String,
}

impl Finding {
    fn ok(about: &'static str, text: impl Into<String>) -> Self {
        Self { verdict: Verdict::Ok, about, text: text.into() }
    }

    fn warn(about: &'static str, text: impl Into<String>) -> Self {
        Self { verdict: Verdict::Warn, about, text: text.into() }
    }

    fn fail(about: &'static str, text: impl Into<String>) -> Self {
        Self { verdict: Verdict::Fail, about, text: text.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = match self.verdict {
            Verdict::Ok => "ok  ",
            Verdict::Warn => "warn",
            Verdict::Fail => "FAIL",
        };
        let mut lines = self.text.lines();
        write!(f, "{verdict}  {:<12} {}", self.about, lines.next().unwrap_or_default())?;
        for line in lines {
            write!(f, "\n{:19}{line}", "")?;
        }
        Ok(())
    }
}

/// Runs every check and prints a line for each as it is known.
pub(crate) async fn doctor(options: &Options, environment: &Environment) -> Result<Exit, Stop> {
    let home = settings::home(options, environment)?;
    let loader = settings::loader(&home, options, environment);
    let mut worst = Verdict::Ok;
    let mut tell = |findings: Vec<Finding>| {
        for finding in findings {
            if worst == Verdict::Ok || finding.verdict == Verdict::Fail {
                worst = finding.verdict;
            }
            line(&finding.to_string());
        }
    };
    let loaded = loader.load();
    tell(config::configuration(&loader, &loaded));
    tell(config::permissions(&home));
    let settings = match &loaded {
        Ok(loaded) => loaded.config.as_ref().clone(),
        // The remaining checks are worth having with a broken file too.
        Err(_) => openclaw_core::config::Config::default(),
    };
    let running = run_file::running(&home);
    let client = Client::new(running.as_ref(), &settings.gateway);
    tell(machine::port(running.as_ref(), &client, &settings.gateway).await);
    tell(machine::disk(&home, &settings.memory));
    tell(machine::log(&home, &settings.gateway.logging).await);
    tell(machine::clock(&home, &settings.gateway.logging).await);
    tell(providers::models(&home).await);
    tell(providers::providers(&home, &settings, environment).await);
    Ok(if worst == Verdict::Fail { Exit::Failure } else { Exit::Ok })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_line_up() {
        assert_eq!(Finding::ok("disk", "fine").to_string(), "ok    disk         fine");
        let long = Finding::fail("config", "a\nb").to_string();
        assert_eq!(long, "FAIL  config       a\n                   b");
    }

    #[tokio::test]
    async fn a_broken_configuration_does_not_end_the_examination() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("gateway.yaml"), "gateway: {port: x}\n").unwrap();
        let options = Options { home: Some(directory.path().to_owned()), ..Options::default() };
        let exit = doctor(&options, &Environment::default()).await.unwrap();
        assert_eq!(exit, Exit::Failure);
    }
}
