// Two rows of two columns at a time, which every processor can exchange in its registers.
#include "feature_transpose.hpp"

#include <cstring>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

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

namespace {

constexpr std::size_t kLine = 64 / sizeof(double);
constexpr std::size_t kStaged = 8;  // rows of any width that end on a line if they begin on one
constexpr std::size_t kStagedWidth = 256;

bool begins_line(const double* at) {
    return reinterpret_cast<std::uintptr_t>(at) % (kLine * sizeof(double)) == 0;
}

void write_cached(const double* columns, std::size_t width, std::size_t rows, double* to,
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

#if defined(__SSE2__)

// Rows of whole lines, an even number of them.
void stream_lines(const double* columns, std::size_t width, std::size_t rows, double* to,
                  std::size_t stride) {
    for (std::size_t row = 0; row < rows; row += 2, to += 2 * stride) {
        const double* from = columns + row;
        for (std::size_t c = 0; c < width; c += 2, from += 2 * kStride) {
            const __m128d left = _mm_loadu_pd(from);
            const __m128d right = _mm_loadu_pd(from + kStride);
            _mm_stream_pd(to + c, _mm_unpacklo_pd(left, right));
            _mm_stream_pd(to + stride + c, _mm_unpackhi_pd(left, right));
        }
    }
}

// Rows that follow each other, in groups that make whole lines.
void stream_staged(const double* columns, std::size_t width, std::size_t rows, double* to) {
    alignas(16) double stage[kStaged * kStagedWidth];
    for (std::size_t row = 0; row < rows; row += kStaged, to += kStaged * width) {
        write_cached(columns + row, width, kStaged, stage, width);
        for (std::size_t k = 0; k < kStaged * width; k += 2)
            _mm_stream_pd(to + k, _mm_load_pd(stage + k));
    }
}

#endif

}  // namespace

void write_rows(const double* columns, std::size_t width, std::size_t rows, double* to,
                std::size_t stride, bool past_caches) {
#if defined(__SSE2__)
    if (past_caches && begins_line(to)) {
        const std::size_t whole = rows / kStaged * kStaged;
        if (stride % kLine == 0 && width % 2 == 0) {
            stream_lines(columns, width, whole, to, stride);
            columns += whole, to += whole * stride, rows -= whole;
        } else if (stride == width && width <= kStagedWidth) {
            stream_staged(columns, width, whole, to);
            columns += whole, to += whole * stride, rows -= whole;
        }
    }
#else
    static_cast<void>(past_caches);
#endif
    write_cached(columns, width, rows, to, stride);
}

void finish_streams() {
#if defined(__SSE2__)
    _mm_sfence();
#endif
}

}  // namespace mettle::features
