//! Texts as vectors: how alike two of them are, and which were asked for of late.

use std::sync::Arc;

use moka::sync::Cache;

/// A text's direction in the space of an embedder. Of length one.
#[derive(Debug, Clone, PartialEq)]
pub struct Vector(Box<[f32]>);

impl Vector {
    /// The direction of these numbers; `None` where they have none: no numbers, only zeros, or some
    /// that are not finite.
    pub fn new(mut numbers: Vec<f32>) -> Option<Self> {
        let square: f64 = numbers.iter().map(|x| f64::from(*x) * f64::from(*x)).sum();
        let length = square.sqrt();
        if !length.is_finite() || length <= 0.0 {
            return None;
        }
        for number in &mut numbers {
            *number = (f64::from(*number) / length) as f32;
        }
        Some(Self(numbers.into_boxed_slice()))
    }

    /// The cosine of the angle between two vectors, -1 to 1; `None` where they are of different spaces.
    pub fn likeness(&self, other: &Self) -> Option<f32> {
        if self.0.len() != other.0.len() {
            return None;
        }
        let product: f32 = self.0.iter().zip(&other.0).map(|(a, b)| a * b).sum();
        Some(product.clamp(-1.0, 1.0))
    }

    fn bytes(&self) -> usize {
        size_of_val(&*self.0)
    }
}

/// The name of a text whose vector is kept for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Asked([u8; 32]);

/// Vectors of texts that callers brought of late: who works on one request in many steps says the same
/// again and again.
#[derive(Debug)]
pub struct Recent(Cache<Asked, Arc<Vector>>);

impl Default for Recent {
    fn default() -> Self {
        Self::new(4 << 20)
    }
}

impl Recent {
    /// Vectors of at most so many bytes.
    pub fn new(bytes: u64) -> Self {
        let weight = |_: &Asked, vector: &Arc<Vector>| {
            u32::try_from(vector.bytes() + 128).unwrap_or(u32::MAX)
        };
        Self(Cache::builder().max_capacity(bytes).weigher(weight).build())
    }

    /// The name of a text. `partition` is whoever brought it: nobody learns what others have asked.
    pub fn name(partition: &str, embedder: &str, text: &str) -> Asked {
        let mut hasher = blake3::Hasher::new();
        for word in [partition, embedder, text] {
            hasher.update(&(word.len() as u64).to_le_bytes());
            hasher.update(word.as_bytes());
        }
        Asked(*hasher.finalize().as_bytes())
    }

    /// The vector of a text, where it is still known.
    pub fn get(&self, name: &Asked) -> Option<Arc<Vector>> {
        self.0.get(name)
    }

    /// Keeps a vector for a while.
    pub fn keep(&self, name: Asked, vector: Arc<Vector>) {
        self.0.insert(name, vector);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vector(numbers: &[f32]) -> Vector {
        Vector::new(numbers.to_vec()).unwrap()
    }

    #[test]
    fn likeness_is_the_cosine_whatever_the_lengths() {
        let of = |a: &[f32], b: &[f32]| vector(a).likeness(&vector(b));
        assert_eq!(of(&[1.0, 0.0], &[5.0, 0.0]), Some(1.0));
        assert_eq!(of(&[1.0, 0.0], &[0.0, 0.2]), Some(0.0));
        assert_eq!(of(&[1.0, 0.0], &[-3.0, 0.0]), Some(-1.0));
        let half = of(&[1.0, 0.0], &[1.0, 3f32.sqrt()]).unwrap();
        assert!((half - 0.5).abs() < 1e-6, "{half}");
        assert_eq!(of(&[1.0], &[1.0, 0.0]), None);
    }

    #[test]
    fn what_has_no_direction_is_no_vector() {
        assert_eq!(Vector::new(vec![]), None);
        assert_eq!(Vector::new(vec![0.0, 0.0]), None);
        assert_eq!(Vector::new(vec![f32::NAN, 1.0]), None);
        assert_eq!(Vector::new(vec![f32::INFINITY]), None);
        assert!(Vector::new(vec![f32::MAX, f32::MAX]).is_some());
    }

    #[test]
    fn vectors_are_known_to_whoever_brought_the_text_alone() {
        let recent = Recent::default();
        let name = Recent::name("alice", "a/m", "hello");
        recent.keep(name, Arc::new(vector(&[1.0])));
        assert!(recent.get(&Recent::name("alice", "a/m", "hello")).is_some());
        for other in [
            ("bob", "a/m", "hello"),
            ("alice", "a/n", "hello"),
            ("alice", "a/m", "hello "),
        ] {
            let (partition, embedder, text) = other;
            assert!(
                recent
                    .get(&Recent::name(partition, embedder, text))
                    .is_none()
            );
        }
    }
}
