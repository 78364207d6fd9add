//! Anthropic, from its pricing page (anthropic.com/pricing); output limits from its model pages.

models! {
    "claude-2", 200_000, 4_096: input 8 output 24;
    "claude-3-5-haiku", 200_000, 8_192: input 0.8 output 4 read 0.08 write 1 write_1h 1.6;
    "claude-3-5-sonnet", 200_000, 8_192: input 3 output 15 read 0.3 write 3.75 write_1h 6;
    "claude-3-7-sonnet", 200_000, 64_000: input 3 output 15 read 0.3 write 3.75 write_1h 6;
    "claude-3-haiku", 200_000, 4_096: input 0.25 output 1.25 read 0.03 write 0.3 write_1h 0.5;
    "claude-3-opus", 200_000, 4_096: input 15 output 75 read 1.5 write 18.75 write_1h 30;
    "claude-3-sonnet", 200_000, 4_096: input 3 output 15 read 0.3 write 3.75 write_1h 6;
    "claude-fable-5", 1_000_000, 128_000: input 10 output 50 read 1 write 12.5 write_1h 20;
    "claude-fable-5-1", 1_000_000, 128_000: input 10 output 50 read 0.25 write 12.5 write_1h 20;
    "claude-fable-5-2", 1_000_000, 128_000: input 8 output 40 read 0.2 write 10 write_1h 16;
    "claude-haiku-4-5", 200_000, 64_000: input 1 output 5 read 0.1 write 1.25 write_1h 2;
    "claude-haiku-5-5", 1_000_000, 128_000: input 0.1 output 0.5 read 0.01 write 0.125 write_1h 0.2 | 100_000 input 0.5 output 2.5 read 0.05 write 0.625 write_1h 1;
    "claude-mythos-5-2", 1_000_000, 128_000: input 8 output 40 read 0.2 write 10 write_1h 16;
    "claude-opus-4", 200_000, 32_000: input 15 output 75 read 1.5 write 18.75 write_1h 30;
    "claude-opus-4-0", 200_000, 32_000: input 15 output 75 read 1.5 write 18.75 write_1h 30;
    "claude-opus-4-1", 200_000, 32_000: input 15 output 75 read 1.5 write 18.75 write_1h 30;
    "claude-opus-4-5", 200_000, 64_000: input 5 output 25 read 0.5 write 6.25 write_1h 10;
    "claude-opus-4-6", 1_000_000, 128_000: input 5 output 25 read 0.5 write 6.25 write_1h 10;
    "claude-opus-4-7", 1_000_000, 128_000: input 5 output 25 read 0.5 write 6.25 write_1h 10;
    "claude-opus-4-8", 1_000_000, 128_000: input 5 output 25 read 0.5 write 6.25 write_1h 10;
    "claude-opus-5", 1_000_000, 128_000: input 5 output 25 read 0.5 write 6.25 write_1h 10;
    "claude-opus-5-5", 1_000_000, 128_000: input 4 output 20 read 0.2 write 5 write_1h 8;
    "claude-sonnet-4", 200_000, 64_000: input 3 output 15 read 0.3 write 3.75 write_1h 6;
    "claude-sonnet-4-0", 200_000, 64_000: input 3 output 15 read 0.3 write 3.75 write_1h 6;
    "claude-sonnet-4-5", 200_000, 64_000: input 3 output 15 read 0.3 write 3.75 write_1h 6 | 200_000 input 6 output 22.5 read 0.6 write 7.5 write_1h 12;
    "claude-sonnet-4-6", 1_000_000, 128_000: input 3 output 15 read 0.3 write 3.75 write_1h 6;
    "claude-sonnet-5", 1_000_000, 128_000: input 2 output 10 read 0.2 write 2.5 write_1h 4;
    "claude-sonnet-5-5", 1_000_000, 128_000: input 2 output 10 read 0.1 write 2.5 write_1h 4;
}
