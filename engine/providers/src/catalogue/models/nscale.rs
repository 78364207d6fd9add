//! Nscale, as passed on by the Hugging Face router.

models! {
    "Qwen/QwQ-32B", 131_072, 0: input 0.18 output 0.2;
    "Qwen/Qwen2.5-Coder-32B-Instruct", 131_072, 0: input 0.06 output 0.2;
    "Qwen/Qwen2.5-Coder-3B-Instruct", 32_768, 0: input 0.01 output 0.03;
    "Qwen/Qwen2.5-Coder-7B-Instruct", 131_072, 0: input 0.01 output 0.03;
    "Qwen/Qwen3-14B", 40_960, 0: input 0.07 output 0.2;
    "Qwen/Qwen3-235B-A22B", 32_000, 0: input 0.2 output 0.6;
    "Qwen/Qwen3-32B", 40_960, 0: input 0.08 output 0.25;
    "Qwen/Qwen3-4B-Instruct-2507", 262_144, 0: input 0.01 output 0.03;
    "Qwen/Qwen3-4B-Thinking-2507", 262_144, 0: input 0.01 output 0.03;
    "Qwen/Qwen3-8B", 40_960, 0: input 0.07 output 0.18;
    "Qwen/Qwen3.8-27B", 1_048_576, 0: input 0.2 output 2.5;
    "Qwen/Qwen3.8-Flash-Next-FP8", 1_048_576, 0: input 0.15 output 0.47;
    "deepseek-ai/DeepSeek-R1-Distill-Llama-70B", 131_072, 0: input 0.75 output 0.75;
    "deepseek-ai/DeepSeek-R1-Distill-Llama-8B", 131_072, 0: input 0.05 output 0.05;
    "deepseek-ai/DeepSeek-R1-Distill-Qwen-1.5B", 131_072, 0: input 0.1 output 0.1;
    "deepseek-ai/DeepSeek-R1-Distill-Qwen-14B", 131_072, 0: input 0.2 output 0.2;
    "deepseek-ai/DeepSeek-R1-Distill-Qwen-32B", 131_072, 0: input 0.3 output 0.3;
    "deepseek-ai/DeepSeek-R1-Distill-Qwen-7B", 131_072, 0: input 0.15 output 0.15;
    "meta-llama/Llama-3.1-8B-Instruct", 131_072, 0: input 0.06 output 0.06;
    "meta-llama/Llama-3.3-70B-Instruct", 131_072, 0: input 0.4 output 0.4;
    "meta-llama/Llama-4-Scout-17B-16E-Instruct", 890_000, 0: input 0.09 output 0.29;
    "openai/gpt-oss-120b", 131_072, 0: input 0.1 output 0.4;
    "openai/gpt-oss-20b", 131_072, 0: input 0.05 output 0.2;
    "zai-org/GLM-5.3", 1_048_576, 0: input 1.4 output 4.4;
}
