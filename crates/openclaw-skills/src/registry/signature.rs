//! Ed25519 signatures of archives.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ring::signature::{ED25519, UnparsedPublicKey};

use super::{RegistryError, Release};

/// What begins every message that is signed, so that a signature means nothing else.
const PURPOSE: &str = "openclaw-skill-1";

/// The keys that are trusted, and whether there must be a signature.
#[derive(Debug, Clone, Default)]
pub(crate) struct Keys {
    keys: Vec<(String, Vec<u8>)>,
    required: bool,
}

/// What a signature signs: lines with its purpose, the skill's name and version, and the archive's SHA-256. Name and version are in
/// it so that no archive can be given out as another skill's, or as another version.
pub(super) fn message(name: &str, version: &str, sha256: &str) -> String {
    format!("{PURPOSE}\n{name}\n{version}\n{sha256}\n")
}

impl Keys {
    /// The keys of `skills.registry_keys`, and `skills.policy.require_signature`. Keys that are none were refused with the
    /// configuration.
    pub(crate) fn new(keys: &[String], required: bool) -> Self {
        let read = |key: &String| Some((key.clone(), STANDARD.decode(key).ok()?));
        Self { keys: keys.iter().filter_map(read).collect(), required: required || !keys.is_empty() }
    }

    /// The key that signed this archive; `None`: it is not signed, and need not be.
    pub(super) fn check(&self, release: &Release, sha256: &str) -> Result<Option<String>, RegistryError> {
        let (name, version, registry) =
            (release.name.clone(), release.version.clone(), release.source.clone());
        let Some(signature) = &release.signature else {
            let has_keys = !self.keys.is_empty();
            return if self.required {
                Err(RegistryError::Unsigned { name, version, registry, has_keys })
            } else {
                Ok(None)
            };
        };
        if self.keys.is_empty() {
            // Signed by somebody nobody knows is as good as not signed.
            return if self.required {
                Err(RegistryError::Unsigned { name, version, registry, has_keys: false })
            } else {
                Ok(None)
            };
        }
        let message = message(&name, &version, sha256);
        let signature = STANDARD.decode(signature).unwrap_or_default();
        let is_by =
            |key: &[u8]| UnparsedPublicKey::new(&ED25519, key).verify(message.as_bytes(), &signature).is_ok();
        match self.keys.iter().find(|(_, key)| is_by(key)) {
            Some((text, _)) => Ok(Some(text.clone())),
            None => Err(RegistryError::BadSignature { name, version, registry }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        lock::sha256_hex,
        registry::release::{Digest, Place},
    };

    /// Key, message and signature are OpenSSL's, made as `docs/formats.md` says.
    #[test]
    fn a_signature_of_openssl_is_good() {
        let key = "UG7Yh7hPwV6X6qXrir5fH1+qbgQpfUyEfXHhCo1qt1U=".to_owned();
        let signature =
            "oYc8NXN2iEKsTiBuh8jHgTKa1IN+knF/XrrG+IW7UC88db23CrQLOHco6n7RjdHyJ5dzPb6wTKlyu8E/L2C4Cg==";
        let release = Release {
            name: "weather".to_owned(),
            version: "1.2.0".to_owned(),
            source: "https://registry.example".to_owned(),
            publisher: None,
            is_suspicious: false,
            image_digest: None,
            signature: Some(signature.to_owned()),
            digest: Digest::Program,
            place: Place::File("archive".into()),
        };
        let keys = Keys::new(std::slice::from_ref(&key), true);
        assert_eq!(keys.check(&release, &sha256_hex(b"archive")).unwrap(), Some(key));
        assert!(keys.check(&release, &sha256_hex(b"another")).is_err());
    }
}
