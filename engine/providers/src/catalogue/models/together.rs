//! Together, from together.ai/pricing.

models! {
    "MiniMaxAI/MiniMax-M3", 524_288, 0: input 0.3 output 1.2 read 0.06;
    "MiniMaxAI/MiniMax-M3.1-Flash", 1_048_576, 0: input 0.15 output 0.6 read 0.015;
    "Nexusflow/NexusRaven-V2-13B", 0, 0: input 0.3 output 0.3;
    "Qwen/Qwen3.5-9B", 262_144, 0: input 0.17 output 0.25;
    "Qwen/Qwen3.6-Plus", 1_000_000, 0: input 0.5 output 3;
    "Qwen/Qwen3.7-Max", 0, 0: input 2.5 output 7.5 read 0.5;
    "Qwen/Qwen3.7-Plus", 1_000_000, 0: input 0.32 output 1.28;
    "Qwen/Qwen3.8-2.4T-A95B", 0, 0: input 2 output 6 read 0.5;
    "Qwen/Qwen3.8-Flash", 1_000_000, 0: input 0.15 output 0.47;
    "deepseek-ai/DeepSeek-V4-Pro-0813", 1_048_576, 0: input 1.32 output 3.96 read 0.13;
    "deepseek-ai/DeepSeek-V4.1-Flash", 1_000_000, 0: input 0.3 output 1.2 read 0.006;
    "meta-llama/Llama-3-70b-chat-hf", 0, 0: input 0.9 output 0.9;
    "meta-llama/Llama-3-8b-chat-hf", 0, 0: input 0.2 output 0.2;
    "meta-llama/Llama-3.3-70B-Instruct-Turbo", 131_072, 0: input 0.88 output 0.88;
    "meta-llama/Llama-4-Maverick-17B-128E-Instruct-FP8", 0, 0: input 0.27 output 0.85;
    "meta-llama/Llama-4-Scout-17B-16E-Instruct", 0, 0: input 0.18 output 0.59;
    "meta-llama/Meta-Llama-3.1-405B-Instruct-Turbo", 131_072, 0: input 3.5 output 3.5;
    "meta-llama/Meta-Llama-3.1-70B-Instruct-Turbo", 131_072, 0: input 0.88 output 0.88;
    "meta-llama/Meta-Llama-3.1-8B-Instruct-Turbo", 131_072, 0: input 0.18 output 0.18;
    "meta-llama/Meta-Llama-3.3-70B-Instruct-Turbo", 131_072, 0: input 0.88 output 0.88;
    "meta-models/Muse-Glimmer-30B", 131_072, 0: input 0.35 output 1.5 read 0.04;
    "meta-models/Muse-Spark-Open-816B-A42B", 1_048_576, 0: input 1.25 output 4.25 read 0.15;
    "moonshotai/Kimi-K3", 1_048_576, 0: input 3 output 15 read 0.3;
    "moonshotai/Kimi-K3.1-Pro", 1_048_576, 0: input 2 output 10 read 0.2;
    "nvidia/NVIDIA-Nemotron-3.5-Super-VL", 262_144, 0: input 0.15 output 0.5 read 0.02;
    "openai/gpt-oss-120b", 131_072, 0: input 0.15 output 0.6;
    "reflection/Beam-1.0-501B-A23B", 1_048_576, 0: input 0.4 output 1.2 read 0.04;
    "ricursive-ai/Ripple-65B-Preview", 131_072, 0: input 0.2 output 0.6;
    "thinkingmachines/Inkling", 524_288, 0: input 1 output 4.05 read 0.17;
    "together/Tev1-4B-experimental", 32_768, 0: input 0.042;
    "zai-org/GLM-5.2", 1_048_575, 0: input 1.4 output 4.4 read 0.26;
    "zai-org/GLM-5.3", 1_048_575, 0: input 1.4 output 4.4 read 0.26;
    "zai-org/GLM-5.3-Flash", 1_048_575, 0: input 0.15 output 0.5 read 0.03;
}
