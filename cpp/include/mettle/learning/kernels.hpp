// The loops in which training spends its time, once for each set of instructions.
//
// Matrices lie in panels of 16 columns: entry (i, j) of a matrix of n rows is at
// (j / 16) · n · 16 + i · 16 + j % 16. A panel's rows follow each other, so that no two of them
// compete for the same cache lines, whatever the width of the matrix.
//
// Each entry of a result is one sum in a fixed order: it depends neither on the tile that it fell
// into nor on how rows were split over threads. Levels differ in the last bits: fused multiply-adds
// round once.
#pragma once

#include <cstddef>

namespace mettle::learning {

using Index = std::ptrdiff_t;

inline constexpr Index kPanel = 16;
inline constexpr Index kTanhStep = 32;

constexpr Index panels(Index columns) { return (columns + kPanel - 1) / kPanel; }
constexpr Index padded(Index columns) { return panels(columns) * kPanel; }

enum class Level : int { best = 0, portable = 1, avx2 = 2, avx512 = 3 };

// What Adam needs beside the arrays; the gradient is scaled before it is used.
struct AdamStep {
    float scale;
    float rate;         // learning rate over the first moment's correction
    float second_root;  // square root of the second moment's correction
    float epsilon;
};

// One block of samples for the clipped surrogate; all arrays hold `rows` entries.
struct Surrogate {
    Index rows;
    float clip;
    float mean;              // of the minibatch's advantages
    float scale;             // one over their deviation
    const float* log_ratio;  // log probability now less that of the rollout
    const float* advantage;
    float* ratio;
    float* slope;  // out: d(−gain) / d log ratio
    float* gain;   // out: the smaller of both surrogates
};

struct Kernels {
    // c = start + a · b, one panel of it: a has `rows` × `depth` entries in panels `stride` floats
    // apart, b is one panel of `depth` rows; start (16 floats) may be null.
    void (*product)(Index rows, Index depth, const float* a, Index stride, const float* b,
                    const float* start, float* c);
    // c += aᵀ · b: a is a panel of `depth` rows of which the first `rows` columns count, b another
    // of `depth` rows; c is a panel of `rows` rows.
    void (*transposed)(Index rows, Index depth, const float* a, const float* b, float* c);
    void (*tanh)(Index count, float* values);  // whole kTanhStep are written
    // slope *= 1 − output², and sums (16 floats) += the columns of the result; one panel of `rows`.
    void (*tanh_back)(Index rows, const float* output, float* slope, float* sums);
    void (*surrogate)(const Surrogate& block);  // rows of all arrays padded to 16
    void (*adam)(Index count, const AdamStep& step, const float* gradient, float* weight,
                 float* first, float* second);
    // out = parts[0] + parts[1] + …, each `apart` floats after the one before.
    void (*add)(Index count, Index parts, const float* values, Index apart, float* out);
};

bool supported(Level level);
// The level must be supported.
const Kernels& kernels(Level level);

}  // namespace mettle::learning
