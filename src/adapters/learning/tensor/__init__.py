"""PPO as tensor programmes: the same functions on a processor and, as CUDA graphs, on a GPU."""
