// Two rows of two columns at a time, which every processor can exchange in its registers.
#include "feature_transpose.hpp"

#include <cstring>

#include "mettle/features/bars.hpp"

namespace mettle::features {
namespace {

typedef double Values __attribute__((vector_size(16)));
typedef std::int64_t Numbers __attribute__((vector_size(16)));

// By memcpy: no address is sure to be that of a whole register.
template <class Pair, class T>
void exchange(const T* first, const T* second, T* left, T* right) {
    Pair a;
    Pair b;
    std::memcpy(&a, first, sizeof a);
    std::memcpy(&b, second, sizeof b);
    const Pair low = __builtin_shufflevector(a, b, 0, 2);
    const Pair high = __builtin_shufflevector(a, b, 1, 3);
    std::memcpy(left, &low, sizeof low);
    std::memcpy(right, &high, sizeof high);
}

}  // namespace

void part_pairs(const std::int64_t* pairs, std::size_t stride, std::size_t rows, std::int64_t* left,
                std::int64_t* right) {
    std::size_t row = 0;
    for (; row + 2 <= rows; row += 2, pairs += 2 * stride)
        exchange<Numbers>(pairs, pairs + stride, left + row, right + row);
    if (row < rows) {
        left[row] = pairs[0];
        right[row] = pairs[1];
    }
}

void write_rows(const double* columns, std::size_t width, std::size_t rows, double* to,
                std::size_t stride) {
    std::size_t row = 0;
    for (; row + 2 <= rows; row += 2, to += 2 * stride) {
        const double* from = columns + row;
        std::size_t c = 0;
        for (; c + 2 <= width; c += 2, from += 2 * kStride)
            exchange<Values>(from, from + kStride, to + c, to + stride + c);
        if (c < width) {
            to[c] = from[0];
            to[stride + c] = from[1];
        }
    }
    if (row < rows)
        for (std::size_t c = 0; c < width; ++c) to[c] = columns[c * kStride + row];
}

}  // namespace mettle::features
