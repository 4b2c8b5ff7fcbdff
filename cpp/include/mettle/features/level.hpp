// The set of instructions that a file's kernels are compiled for. Each has kernels of its own name:
// what is compiled for one processor must not stand in for its twin on another.
#pragma once

#ifndef METTLE_LEVEL
#define METTLE_LEVEL portable
#endif
