//! Baseten, from baseten.co/pricing.

models! {
    "deepseek-ai/DeepSeek-V4-Flash-0731", 1_048_000, 0: input 0.13 output 0.26 read 0.028;
    "deepseek-ai/DeepSeek-V4-Pro", 1_048_000, 0: input 1.74 output 3.48 read 0.145;
    "deepseek-ai/DeepSeek-V4-Pro-0813", 1_048_000, 0: input 1.32 output 3.96 read 0.132;
    "deepseek-ai/DeepSeek-V4.1-Flash", 1_048_000, 0: input 0.3 output 1.2 read 0.007;
    "deepseek-ai/DeepSeek-V4.1-Flash-1017-Fast", 1_048_000, 0: input 0.6 output 2.4 read 0.014;
    "deepseek-ai/DeepSeek-V4.1-Flash-Fast", 1_048_000, 0: input 0.6 output 2.4 read 0.014;
    "meta-models/muse-spark-open", 1_048_000, 0: input 1.25 output 4.25 read 0.15;
    "moonshotai/Kimi-K2.6", 262_000, 0: input 0.95 output 4 read 0.16;
    "moonshotai/Kimi-K2.7-Code", 262_000, 0: input 0.95 output 4 read 0.16;
    "moonshotai/Kimi-K3", 1_048_000, 0: input 3 output 15 read 0.3;
    "nvidia/NVIDIA-Nemotron-3-Ultra-550B-A55B", 202_000, 0: input 0.6 output 2.4 read 0.12;
    "nvidia/NVIDIA-Nemotron-3.5-Super-VL-120B-A12B", 1_048_000, 0: input 0.2 output 0.5 read 0.04;
    "openai/gpt-oss-120b", 128_000, 0: input 0.1 output 0.5;
    "reflection/Beam-1.0", 1_048_000, 0: input 0.4 output 1.2 read 0.04;
    "thinkingmachines/inkling", 1_048_000, 0: input 1 output 4.05 read 0.17;
    "thinkingmachines/inkling-small", 1_048_000, 0: input 0.5 output 1.2 read 0.1;
    "zai-org/GLM-4.7", 200_000, 0: input 0.6 output 2.2 read 0.12;
    "zai-org/GLM-5.2", 1_048_000, 0: input 1.4 output 4.4 read 0.14;
    "zai-org/GLM-5.2-Fast", 1_048_000, 0: input 2.1 output 6.6 read 0.21;
    "zai-org/GLM-5.3", 1_048_000, 0: input 1.4 output 4.4 read 0.14;
    "zai-org/GLM-5.3-Fast", 1_048_000, 0: input 2.1 output 6.6 read 0.21;
    "zai-org/GLM-5.3-Flash", 1_048_000, 0: input 0.15 output 0.5 read 0.03;
}
