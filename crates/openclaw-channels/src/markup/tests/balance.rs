//! A small checker: HTML whose elements are balanced, known, and not in each other where they may not be.

/// What is wrong with HTML for Telegram, if anything is.
pub(super) fn telegram(html: &str) -> Result<(), String> {
    let allowed = ["b", "i", "u", "s", "code", "pre", "a", "blockquote"];
    check(html, &allowed, &|open, name| match name {
        // The language of `<pre>` stands in a `<code>`.
        "code" if open.last() == Some(&"pre") => open == ["pre"],
        "code" | "pre" => open.iter().all(|open| *open == "blockquote" && name == "code"),
        "blockquote" => open.is_empty(),
        name => !open.contains(&name) && !open.contains(&"code") && !open.contains(&"pre"),
    })
}

/// What is wrong with HTML for Matrix, if anything is.
pub(super) fn matrix(html: &str) -> Result<(), String> {
    let allowed = [
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "blockquote",
        "p",
        "a",
        "ul",
        "ol",
        "li",
        "strong",
        "em",
        "del",
        "code",
        "hr",
        "br",
        "table",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
        "pre",
    ];
    check(html, &allowed, &|open, name| match name {
        "li" => open.last().is_some_and(|open| ["ul", "ol"].contains(open)),
        "p" | "pre" => !open.contains(&"p"),
        _ => true,
    })
}

fn check(html: &str, allowed: &[&str], fits: &dyn Fn(&[&str], &str) -> bool) -> Result<(), String> {
    let mut open: Vec<&str> = Vec::new();
    let mut rest = html;
    while let Some(at) = rest.find(['<', '>', '&']) {
        let found = &rest[at..];
        if let Some(entity) = found.strip_prefix('&') {
            if !["amp;", "lt;", "gt;", "quot;"].iter().any(|known| entity.starts_with(known)) {
                return Err(format!("a bare & in {html:?}"));
            }
            rest = entity;
            continue;
        }
        let end =
            found.find('>').filter(|_| found.starts_with('<')).ok_or(format!("a bare < or > in {html:?}"))?;
        let tag = &found[1..end];
        rest = &found[end + 1..];
        let name = tag.trim_start_matches('/').split(' ').next().unwrap_or("");
        if !allowed.contains(&name) {
            return Err(format!("<{tag}> in {html:?}"));
        }
        if tag.starts_with('/') {
            if open.pop() != Some(name) {
                return Err(format!("<{tag}> closes nothing in {html:?}"));
            }
        } else if !fits(&open, name) {
            return Err(format!("<{tag}> in {open:?} in {html:?}"));
        } else if !["br", "hr"].contains(&name) {
            open.push(name);
        }
    }
    if open.is_empty() { Ok(()) } else { Err(format!("{open:?} stay open in {html:?}")) }
}
