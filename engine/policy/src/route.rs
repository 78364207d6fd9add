//! In which order targets are tried.

use smallvec::SmallVec;
use tidegate_types::config::Strategy;

use crate::rng::Rng;

/// Positions of targets in the order they should be tried.
pub type Order = SmallVec<[usize; 4]>;

/// Orders targets of the given weights. Ordered: as written. Weighted: drawn by weight without
/// putting back, so that the rest follows as fallbacks; weight zero comes last, as written.
pub fn order(strategy: Strategy, weights: &[u32], rng: &mut Rng) -> Order {
    match strategy {
        Strategy::Weighted if weights.len() > 1 => {
            let mut left: SmallVec<[u32; 4]> = SmallVec::from_slice(weights);
            let mut order = Order::new();
            while let Some(index) = rng.weighted(left.iter().copied()) {
                order.push(index);
                left[index] = 0;
            }
            order.extend((0..weights.len()).filter(|index| weights[*index] == 0));
            order
        }
        _ => (0..weights.len()).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weighted_order_follows_the_weights_and_names_each_target_once() {
        let mut rng = Rng::with_seed(7);
        let mut first = [0u32; 3];
        for _ in 0..4000 {
            let order = order(Strategy::Weighted, &[3, 1, 0], &mut rng);
            let mut sorted = order.clone();
            sorted.sort_unstable();
            assert_eq!(sorted.as_slice(), [0, 1, 2]);
            assert_eq!(order[2], 2);
            first[order[0]] += 1;
        }
        assert!((2800..3200).contains(&first[0]), "{first:?}");
        assert_eq!(first[2], 0);
    }
}
