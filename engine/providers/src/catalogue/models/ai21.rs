//! AI21, from ai21.com/pricing.

models! {
    "jamba-large", 256_000, 0: input 2 output 8;
    "jamba-large-1.7", 256_000, 0: input 2 output 8;
    "jamba-mini", 256_000, 0: input 0.2 output 0.4;
    "jamba-mini-1.7", 256_000, 0: input 0.2 output 0.4;
}
