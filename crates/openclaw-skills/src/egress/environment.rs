//! The variables that lead programs to the proxy.

/// The environment in which programs use the proxy at 127.0.0.1:`port`.
///
/// Both cases, since curl, wget and git read `http_proxy` in lower case only, and others read capitals only. Python, Go, Ruby
/// and pip take either. Node.js looks at them from version 22.21 and 24 on, when `NODE_USE_ENV_PROXY` is 1. `NO_PROXY` is
/// empty: there is no way around the proxy.
#[must_use]
pub fn proxy_environment(port: u16) -> [(&'static str, String); 9] {
    let proxy = format!("http://127.0.0.1:{port}");
    [
        ("HTTP_PROXY", proxy.clone()),
        ("http_proxy", proxy.clone()),
        ("HTTPS_PROXY", proxy.clone()),
        ("https_proxy", proxy.clone()),
        ("ALL_PROXY", proxy.clone()),
        ("all_proxy", proxy),
        ("NO_PROXY", String::new()),
        ("no_proxy", String::new()),
        ("NODE_USE_ENV_PROXY", "1".to_owned()),
    ]
}
