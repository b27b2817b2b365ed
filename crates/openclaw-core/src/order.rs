//! Sorting lists of any type with one sort: each type that the standard library sorts is five kilobytes of the program.

use std::cmp::Ordering;

/// As [`slice::sort_by`], stable too, for lists whose sorting is not what takes time.
///
/// ```
/// let mut words = ["bb", "a", "cc", "d"];
/// openclaw_core::sort_by(&mut words, |a, b| a.len().cmp(&b.len()));
/// assert_eq!(words, ["a", "d", "bb", "cc"]);
/// ```
pub fn sort_by<T>(items: &mut [T], compare: impl Fn(&T, &T) -> Ordering) {
    let mut ranks = ranks(items.len(), &|a, b| compare(&items[a], &items[b]));
    for place in 0..items.len() {
        while ranks[place] != place {
            let rank = ranks[place];
            items.swap(place, rank);
            ranks.swap(place, rank);
        }
    }
}

/// As [`slice::sort_by_key`], for lists whose sorting is not what takes time.
pub fn sort_by_key<T, K: Ord>(items: &mut [T], key: impl Fn(&T) -> K) {
    sort_by(items, |a, b| key(a).cmp(&key(b)));
}

/// Where each of so many things belongs.
fn ranks(count: usize, compare: &dyn Fn(usize, usize) -> Ordering) -> Vec<usize> {
    let mut places: Vec<usize> = (0..count).collect();
    places.sort_by(|a, b| compare(*a, *b));
    let mut ranks = vec![0; count];
    for (rank, place) in places.into_iter().enumerate() {
        ranks[place] = rank;
    }
    ranks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_the_sort_of_the_standard_library() {
        let mut last: u32 = 7;
        for count in [0, 1, 2, 3, 20, 500] {
            let mut numbered: Vec<(u32, u32)> = (0..count)
                .map(|number| {
                    last = last.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    (last >> 28, number)
                })
                .collect();
            let mut expected = numbered.clone();
            expected.sort_by_key(|(key, _)| *key);
            sort_by_key(&mut numbered, |(key, _)| *key);
            assert_eq!(numbered, expected);
        }
    }
}
