//! Meta, from dev.meta.ai/docs/pricing-rate-limits.

models! {
    "muse-spark-1.1", 1_048_576, 0: input 1.25 output 4.25 read 0.15;
    "muse-spark-1.2", 1_048_576, 0: input 1.25 output 4.25 read 0.15;
    "muse-spark-1.2-contributor", 1_048_576, 0: input 0.1 output 0.2 read 0.002;
    "muse-spark-1.3", 1_048_576, 0: input 1.25 output 4.25 read 0.15;
    "muse-spark-1.3-contributor", 1_048_576, 0: input 0.1 output 0.2 read 0.002;
    "muse-wonder-1.0", 1_048_576, 0: input 4 output 20 read 0.2;
}
