//! Where a value stands in the document.

use std::fmt;

use serde_json::Value;

/// A path from the root of the document.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::config) struct Place(Vec<Step>);

#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::config) enum Step {
    Key(String),
    Index(usize),
}

impl Place {
    pub(in crate::config) fn key(name: &str) -> Self {
        Self(vec![Step::Key(name.to_owned())])
    }

    pub(in crate::config) fn then(&self, name: &str) -> Self {
        let mut steps = self.0.clone();
        steps.push(Step::Key(name.to_owned()));
        Self(steps)
    }

    pub(in crate::config) fn at(&self, index: usize) -> Self {
        let mut steps = self.0.clone();
        steps.push(Step::Index(index));
        Self(steps)
    }

    pub(super) fn steps(&self) -> &[Step] {
        &self.0
    }

    pub(super) fn starts_with(&self, other: &Self) -> bool {
        self.0.starts_with(&other.0)
    }

    /// Whether this is a field or an element of `other`.
    pub(super) fn is_in(&self, other: &Self) -> bool {
        self.0.len() == other.0.len() + 1 && self.starts_with(other)
    }

    /// The place around this one, and the last step.
    pub(super) fn split(&self) -> Option<(Self, &Step)> {
        let (last, around) = self.0.split_last()?;
        Some((Self(around.to_vec()), last))
    }

    /// Whether this place has the shape of `pattern`, where `*` is any key and `#` any index.
    pub(super) fn matches(&self, pattern: &[&str]) -> bool {
        self.0.len() == pattern.len()
            && self.0.iter().zip(pattern).all(|(step, wanted)| match step {
                Step::Key(key) => *wanted == "*" || (*wanted != "#" && key == wanted),
                Step::Index(_) => *wanted == "#",
            })
    }

    /// The value at this place.
    pub(super) fn find<'a>(&self, root: &'a mut Value) -> Option<&'a mut Value> {
        self.0.iter().try_fold(root, |value, step| match step {
            Step::Key(key) => value.get_mut(key),
            Step::Index(index) => value.get_mut(index),
        })
    }
}

impl From<&serde_path_to_error::Path> for Place {
    fn from(path: &serde_path_to_error::Path) -> Self {
        use serde_path_to_error::Segment;
        Self(
            path.iter()
                .filter_map(|segment| match segment {
                    Segment::Seq { index } => Some(Step::Index(*index)),
                    Segment::Map { key } | Segment::Enum { variant: key } => {
                        Some(Step::Key(key.clone()))
                    }
                    Segment::Unknown => None,
                })
                .collect(),
        )
    }
}

impl fmt::Display for Place {
    /// `models.fast.targets[1].model`; a key that is no plain word is quoted: `models["a.b"]`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, step) in self.0.iter().enumerate() {
            match step {
                Step::Index(index) => write!(f, "[{index}]")?,
                Step::Key(key) => {
                    let plain = !key.is_empty()
                        && key
                            .bytes()
                            .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
                    match (plain, position) {
                        (true, 0) => f.write_str(key)?,
                        (true, _) => write!(f, ".{key}")?,
                        (false, _) => write!(f, "[{}]", super::super::suggest::quote(key))?,
                    }
                }
            }
        }
        Ok(())
    }
}
