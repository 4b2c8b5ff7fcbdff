// Rows of the grid into columns of bars, and columns of values into rows of the result.
#pragma once

#include <cstddef>
#include <cstdint>

namespace mettle::features {

// Part pairs of neighbours, `stride` apart, into a column of the left and one of the right ones.
void part_pairs(const std::int64_t* pairs, std::size_t stride, std::size_t rows, std::int64_t* left,
                std::int64_t* right);

// Turn `width` columns, kStride apart, into rows, `stride` apart. Past the caches, if that can be
// done by whole lines: nothing is read that is only to be overwritten.
void write_rows(const double* columns, std::size_t width, std::size_t rows, double* to,
                std::size_t stride, bool past_caches);

// Let others see what was written past the caches, once per thread that did.
void finish_streams();

}  // namespace mettle::features
