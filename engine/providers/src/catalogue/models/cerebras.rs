//! Cerebras, from cerebras.ai/pricing.

models! {
    "gemma-4-31b", 131_072, 0: input 0.99 output 1.49;
    "gpt-oss-120b", 131_072, 0: input 0.35 output 0.75;
    "llama-3.3-70b", 128_000, 0: input 0.85 output 1.2;
    "llama3.1-8b", 32_768, 0: input 0.1 output 0.1;
    "qwen-3-32b", 131_072, 0: input 0.4 output 0.8;
    "qwen-3.8-27b", 65_536, 0: input 0.99 output 1.49;
    "zai-glm-4.7", 131_072, 0: input 2.25 output 2.75;
}
