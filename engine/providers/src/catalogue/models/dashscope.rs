//! Alibaba Model Studio (international), from its billing page. Where thinking costs more, its price.

models! {
    "qwen-flash", 1_000_000, 0: input 0.05 output 0.4 | 256_000 input 0.25 output 2;
    "qwen-max", 32_768, 0: input 1.6 output 6.4;
    "qwen-plus", 1_000_000, 0: input 0.4 output 4 | 256_000 input 1.2 output 12;
    "qwen-turbo", 1_000_000, 0: input 0.05 output 0.5;
    "qwen-vl-max", 131_072, 0: input 0.8 output 3.2;
    "qwen-vl-plus", 131_072, 0: input 0.21 output 0.63;
    "qwen3-coder-flash", 1_000_000, 0: input 0.3 output 1.5 | 32_000 input 0.5 output 2.5 | 128_000 input 0.8 output 4 | 256_000 input 1.6 output 9.6;
    "qwen3-coder-plus", 1_000_000, 0: input 1 output 5 | 32_000 input 1.8 output 9 | 128_000 input 3 output 15 | 256_000 input 6 output 60;
    "qwen3-max", 262_144, 0: input 1.2 output 6 | 32_000 input 2.4 output 12 | 128_000 input 3 output 15;
    "qwq-plus", 131_072, 0: input 0.8 output 2.4;
    "text-embedding-v3", 8_192, 0: input 0.07;
    "text-embedding-v4", 8_192, 0: input 0.07;
}
