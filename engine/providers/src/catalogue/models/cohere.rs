//! Cohere, from cohere.com/pricing.

models! {
    "command", 4_096, 0: input 1 output 2;
    "command-a", 256_000, 0: input 2.5 output 10;
    "command-light", 4_096, 0: input 0.3 output 0.6;
    "command-r", 128_000, 0: input 0.15 output 0.6;
    "command-r-03-2024", 128_000, 0: input 0.5 output 1.5;
    "command-r-plus", 128_000, 0: input 2.5 output 10;
    "command-r-plus-04-2024", 128_000, 0: input 3 output 15;
    "command-r7b", 128_000, 0: input 0.0375 output 0.15;
    "embed-v4.0", 128_000, 0: input 0.12;
}
