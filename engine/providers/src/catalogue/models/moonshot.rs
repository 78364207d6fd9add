//! Moonshot, from platform.kimi.ai/docs/pricing.

models! {
    "kimi-k2", 0, 0: input 0.57 output 2.3;
    "kimi-k2-0711-preview", 131_072, 0: input 0.6 output 2.5 read 0.15;
    "kimi-k2-0905-preview", 262_144, 0: input 0.6 output 2.5 read 0.15;
    "kimi-k2-thinking", 262_144, 0: input 0.6 output 2.5 read 0.15;
    "kimi-k2-thinking-turbo", 262_144, 0: input 1.15 output 8 read 0.15;
    "kimi-k2-turbo-preview", 262_144, 0: input 1.15 output 8 read 0.15;
    "kimi-k2.5", 262_144, 0: input 0.6 output 3 read 0.1;
    "kimi-k2.6", 262_144, 0: input 0.95 output 4 read 0.16;
    "kimi-k2.7-code", 262_144, 0: input 0.95 output 4 read 0.19;
    "kimi-k2.7-code-highspeed", 262_144, 0: input 1.9 output 8 read 0.38;
    "kimi-k3", 1_048_576, 0: input 3 output 15 read 0.3 write 3 write_1h 6;
    "kimi-k3.1-pro", 1_048_576, 0: input 2 output 10 read 0.2 write 2 write_1h 4;
    "kimi-k3.1-pro-highspeed", 1_048_576, 0: input 4 output 20 read 0.2 write 4 write_1h 8;
    "moonshot-v1-128k", 131_072, 0: input 2 output 5;
    "moonshot-v1-128k-vision-preview", 131_072, 0: input 2 output 5;
    "moonshot-v1-32k", 32_768, 0: input 1 output 3;
    "moonshot-v1-32k-vision-preview", 32_768, 0: input 1 output 3;
    "moonshot-v1-8k", 8_192, 0: input 0.2 output 2;
    "moonshot-v1-8k-vision-preview", 8_192, 0: input 0.2 output 2;
}
