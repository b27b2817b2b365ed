//! Traditional characters as simplified ones.

/// The table; see its head for where it is from and its licence.
const TABLE: &str = include_str!("simplified.txt");

/// A map from traditional characters to simplified ones: 33 KiB.
#[derive(Debug)]
pub(super) struct Simplifier {
    /// In order of the traditional ones.
    pairs: Box<[(char, char)]>,
}

impl Simplifier {
    pub(super) fn new() -> Self {
        let lines = TABLE.lines().filter(|line| !line.starts_with('#'));
        let pairs = lines.flat_map(|line| line.split(' ')).filter_map(|pair| {
            let mut chars = pair.chars();
            Some((chars.next()?, chars.next()?))
        });
        Self { pairs: pairs.collect() }
    }

    pub(super) fn simplified(&self, c: char) -> char {
        let found = self.pairs.binary_search_by_key(&c, |(traditional, _)| *traditional);
        found.ok().and_then(|at| self.pairs.get(at)).map_or(c, |(_, simplified)| *simplified)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_whole() {
        let simplifier = Simplifier::new();
        assert_eq!(simplifier.pairs.len(), 4105);
        assert!(simplifier.pairs.is_sorted_by(|a, b| a.0 < b.0));
        let folded: String = "飲食偏好與綠茶,學習後裡".chars().map(|c| simplifier.simplified(c)).collect();
        assert_eq!(folded, "饮食偏好与绿茶,学习后里");
        // What it leads to stays as it is.
        assert!(simplifier.pairs.iter().all(|(_, to)| simplifier.simplified(*to) == *to));
    }
}
