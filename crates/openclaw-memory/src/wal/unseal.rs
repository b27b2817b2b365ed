//! What may lie between the log's bytes and whoever reads them: the log itself knows nothing of encryption.

use std::io;

/// What became of a payload on its way out.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Unsealed {
    /// It is as it was written.
    Plain,
    /// What it says was put into the buffer.
    Opened,
    /// Nobody can read it any more, on purpose: as good as erased.
    Gone,
    /// It can't be read, for this reason: as good as damaged.
    Unreadable(String),
}

/// Opens what was sealed before it was appended.
pub(crate) trait Unseal: std::fmt::Debug + Send + Sync {
    /// Puts what a payload says into an empty buffer, if it is not there to be read as it is.
    fn unseal(&self, payload: &[u8], out: &mut Vec<u8>) -> io::Result<Unsealed>;
}
