//! The head of a `SKILL.md`, as far as this version reads it.

/// What the front matter says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Manifest {
    pub(crate) name: Option<String>,
    pub(crate) version: Option<String>,
    /// Entries of the `permissions` list, such as `network:api.example.com`.
    pub(crate) permissions: Vec<String>,
}

impl Manifest {
    /// Reads the front matter between the first two `---` lines. `None`: there is none.
    ///
    /// This is the part of YAML that such heads are written in: `key: value` lines at the margin, and lists either as
    /// indented `- item` lines or as `[a, b]`. Everything else is passed over.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut lines = text.trim_start_matches('\u{feff}').lines();
        if lines.next()?.trim_end() != "---" {
            return None;
        }
        let mut manifest = Self::default();
        let mut key = String::new();
        for line in lines {
            if line.trim_end() == "---" {
                return Some(manifest);
            }
            let item = line.trim();
            if let Some(item) = item.strip_prefix("- ").filter(|_| key == "permissions") {
                manifest.permissions.push(scalar(item).to_owned());
            } else if !line.starts_with([' ', '\t', '#', '-'])
                && let Some((name, value)) = line.split_once(':')
            {
                name.trim().clone_into(&mut key);
                manifest.set(&key, value.trim());
            }
        }
        // The head was never closed.
        None
    }

    fn set(&mut self, key: &str, value: &str) {
        let text = scalar(value);
        match key {
            "name" if !text.is_empty() => self.name = Some(text.to_owned()),
            "version" if !text.is_empty() => self.version = Some(text.to_owned()),
            "permissions" => {
                if let Some(list) = value.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
                    let items = list.0.split(',').map(|item| scalar(item.trim()).to_owned());
                    self.permissions = items.filter(|item| !item.is_empty()).collect();
                }
            }
            _ => {}
        }
    }
}

/// A value without its quotes, or without the comment behind it.
fn scalar(value: &str) -> &str {
    for quote in ['"', '\''] {
        if let Some((inside, _)) = value.strip_prefix(quote).and_then(|rest| rest.split_once(quote)) {
            return inside;
        }
    }
    value.split_once(" #").map_or(value, |(before, _)| before).trim_end()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_head() {
        let text = "---\nname: weather\ndescription: >\n  name: not this\n  long\nversion: \"1.2.0\" # pinned\npermissions:\n  \
                    - network:api.example.com\n- shell\nlicense: MIT\n  - stray\n---\n# Weather\nversion: 9\n";
        let manifest = Manifest::parse(text).unwrap();
        assert_eq!(manifest.name.as_deref(), Some("weather"));
        assert_eq!(manifest.version.as_deref(), Some("1.2.0"));
        assert_eq!(manifest.permissions, ["network:api.example.com", "shell"]);
    }

    #[test]
    fn reads_lists_on_one_line_and_windows_line_ends() {
        let manifest =
            Manifest::parse("---\r\nname: x\r\npermissions: [shell, 'env:HOME']\r\n---\r\n").unwrap();
        assert_eq!(manifest.permissions, ["shell", "env:HOME"]);
        assert_eq!(manifest.version, None);
    }

    #[test]
    fn a_file_without_a_closed_head_has_none() {
        for text in ["", "# Weather", "---\nname: x\n", "name: x\n---\n"] {
            assert_eq!(Manifest::parse(text), None, "{text}");
        }
    }
}
