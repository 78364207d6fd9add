//! MiniMax, from platform.minimax.io/docs/pricing/overview.

models! {
    "M2-her", 64_000, 0: input 0.3 output 1.2;
    "MiniMax-M2", 204_800, 0: input 0.3 output 1.2 read 0.03 write 0.375;
    "MiniMax-M2.1", 204_800, 0: input 0.3 output 1.2 read 0.03 write 0.375;
    "MiniMax-M2.1-highspeed", 204_800, 0: input 0.6 output 2.4 read 0.03 write 0.375;
    "MiniMax-M2.5", 204_800, 0: input 0.3 output 1.2 read 0.03 write 0.375;
    "MiniMax-M2.5-highspeed", 204_800, 0: input 0.6 output 2.4 read 0.03 write 0.375;
    "MiniMax-M2.7", 204_800, 0: input 0.3 output 1.2 read 0.06 write 0.375;
    "MiniMax-M2.7-highspeed", 204_800, 0: input 0.6 output 2.4 read 0.06 write 0.375;
    "MiniMax-M3", 1_000_000, 0: input 0.3 output 1.2 read 0.06 | 512_000 input 0.6 output 2.4 read 0.12;
    "MiniMax-M3.1-Flash", 1_000_000, 0: input 0.15 output 0.6 read 0.015;
    "m2-her", 64_000, 0: input 0.3 output 1.2;
    "minimax-01", 1_000_192, 0: input 0.2 output 1.1;
    "minimax-m1", 0, 0: input 0.4 output 2.2;
    "minimax-m2", 204_800, 0: input 0.3 output 1.2 read 0.03 write 0.375;
    "minimax-m2.1", 204_800, 0: input 0.3 output 1.2 read 0.03 write 0.375;
    "minimax-m2.5", 204_800, 0: input 0.3 output 1.2 read 0.03 write 0.375;
    "minimax-m2.7", 204_800, 0: input 0.3 output 1.2 read 0.06 write 0.375;
    "minimax-m3", 1_000_000, 0: input 0.3 output 1.2 read 0.06 | 512_000 input 0.6 output 2.4 read 0.12;
    "minimax-m3.1-flash", 1_000_000, 0: input 0.15 output 0.6 read 0.015;
}
