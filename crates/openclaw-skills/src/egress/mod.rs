//! stand-in
pub(crate) fn proxy_environment(port: u16) -> [(&'static str, String); 1] { [("HTTP_PROXY", format!("http://127.0.0.1:{port}"))] }
