//! DeepSeek, from api-docs.deepseek.com/quick_start/pricing. Where the price depends on the hour, the dearest.

models! {
    "deepseek-chat", 128_000, 8_192: input 0.27 output 1.1 read 0.07;
    "deepseek-chat-v3-0324", 128_000, 8_192: input 0.27 output 1.1 read 0.07;
    "deepseek-flash", 1_000_000, 0: input 0.3 output 1.2 read 0.006;
    "deepseek-r1-0528", 128_000, 0: input 0.55 output 2.19 read 0.14;
    "deepseek-reasoner", 128_000, 65_536: input 0.55 output 2.19 read 0.14;
    "deepseek-v3.1-terminus", 128_000, 0: input 0.27 output 0.95 read 0.13;
    "deepseek-v3.2", 128_000, 0: input 0.2288 output 0.3432;
    "deepseek-v3.2-exp", 128_000, 0: input 0.27 output 0.41;
    "deepseek-v4-flash", 1_000_000, 0: input 0.3 output 1.2 read 0.006;
    "deepseek-v4-pro", 1_000_000, 0: input 1.32 output 3.96 read 0.044;
}
