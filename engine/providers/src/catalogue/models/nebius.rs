//! Nebius, as passed on by the Hugging Face router.

models! {
    "NousResearch/Hermes-4-405B", 131_072, 0: input 1 output 3;
    "NousResearch/Hermes-4-70B", 131_072, 0: input 0.13 output 0.4;
    "PrimeIntellect/INTELLECT-3-FP8", 131_072, 0: input 0.2 output 1.1;
    "Qwen/Qwen2.5-Coder-7B", 32_768, 0: input 0.03 output 0.09;
    "Qwen/Qwen2.5-VL-72B-Instruct", 32_000, 0: input 0.25 output 0.75;
    "Qwen/Qwen3-235B-A22B-Instruct-2507", 262_144, 0: input 0.2 output 0.6;
    "Qwen/Qwen3-235B-A22B-Thinking-2507", 262_144, 0: input 0.2 output 0.8;
    "Qwen/Qwen3-30B-A3B-Instruct-2507", 262_144, 0: input 0.1 output 0.3;
    "Qwen/Qwen3-30B-A3B-Thinking-2507", 262_144, 0: input 0.1 output 0.3;
    "Qwen/Qwen3-32B", 40_960, 0: input 0.1 output 0.3;
    "Qwen/Qwen3-Coder-30B-A3B-Instruct", 262_144, 0: input 0.1 output 0.3;
    "Qwen/Qwen3-Coder-480B-A35B-Instruct", 262_144, 0: input 0.4 output 1.8;
    "deepseek-ai/DeepSeek-R1-0528", 163_840, 0: input 0.8 output 2.4;
    "deepseek-ai/DeepSeek-V3-0324", 32_768, 0: input 0.75 output 2.25;
    "meta-llama/Llama-3.1-8B-Instruct", 131_072, 0: input 0.03 output 0.09;
    "meta-llama/Llama-3.3-70B-Instruct", 131_072, 0: input 0.25 output 0.75;
    "moonshotai/Kimi-K2-Instruct", 131_072, 0: input 0.5 output 2.4;
    "moonshotai/Kimi-K2-Thinking", 262_144, 0: input 0.6 output 2.5;
    "nvidia/Llama-3_1-Nemotron-Ultra-253B-v1", 131_072, 0: input 0.6 output 1.8;
    "nvidia/NVIDIA-Nemotron-Nano-12B-v2", 131_072, 0: input 0.07 output 0.2;
    "openai/gpt-oss-120b", 131_072, 0: input 0.15 output 0.6;
    "zai-org/GLM-4.5", 131_072, 0: input 0.6 output 2.2;
    "zai-org/GLM-4.5-Air", 131_072, 0: input 0.2 output 1.2;
}
