//! Where records lie in segments that were gone through, so that the next scan need not go through all that is before its own.

use std::sync::{Mutex, PoisonError};

/// Bytes between two signposts.
pub(super) const SPACING: u64 = 16 << 10;
/// Segments that are remembered, those last used.
const SEGMENTS: usize = 8;

/// A record's Lsn and its offset in the segment.
type Post = (u64, u32);

/// Places in a few segments. They are only hints: whoever goes there looks whether the record is there.
#[derive(Debug, Default)]
pub(super) struct Signposts {
    /// By the segment's first Lsn, the last used last; each in order.
    segments: Mutex<Vec<(u64, Vec<Post>)>>,
}

impl Signposts {
    /// The last known place at or before a record.
    pub(super) fn before(&self, segment: u64, lsn: u64) -> Option<Post> {
        let segments = self.segments.lock().unwrap_or_else(PoisonError::into_inner);
        let (_, posts) = segments.iter().find(|(first, _)| *first == segment)?;
        let after = posts.partition_point(|post| post.0 <= lsn);
        posts.get(after.checked_sub(1)?).copied()
    }

    /// Notes where a record is, if that is well behind what is known.
    pub(super) fn note(&self, segment: u64, (lsn, offset): Post) {
        let mut segments = self.segments.lock().unwrap_or_else(PoisonError::into_inner);
        let known = segments.iter().position(|(first, _)| *first == segment);
        let (_, mut posts) = known.map(|at| segments.remove(at)).unwrap_or_default();
        let behind = |last: &Post| last.0 < lsn && u64::from(last.1) + SPACING <= u64::from(offset);
        if posts.last().is_none_or(behind) {
            posts.push((lsn, offset));
        }
        segments.push((segment, posts));
        if segments.len() > SEGMENTS {
            segments.remove(0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_place_before_is_found_and_old_segments_go() {
        let posts = Signposts::default();
        assert_eq!(posts.before(1, 50), None);
        for (lsn, offset) in [(10, 20_000), (11, 20_100), (40, 90_000), (30, 200_000)] {
            posts.note(1, (lsn, offset));
        }
        let found = [9, 10, 39, 40, 4000].map(|lsn| posts.before(1, lsn).map(|post| post.0));
        assert_eq!(found, [None, Some(10), Some(10), Some(40), Some(40)]);
        (2..10).for_each(|segment| posts.note(segment, (segment, 50_000)));
        assert_eq!((posts.before(1, 50), posts.before(9, 50)), (None, Some((9, 50_000))));
    }
}
