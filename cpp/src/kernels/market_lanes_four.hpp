// How four lanes reach memory: the whole register with AVX2, and each half of it with AVX-512,
// whose own gathers and scatters go lane by lane inside, and slower on many processors.
#pragma once

#include <immintrin.h>

#include "market_lanes_levels.hpp"

#define METTLE_LANES __attribute__((always_inline)) inline

namespace mettle::market::lanes {
namespace {
namespace four {

// An entry of each of four rows that lie `stride` entries apart.
METTLE_LANES __m256i gather(const Int* rows, Int stride) {
    return _mm256_set_epi64x(rows[3 * stride], rows[2 * stride], rows[stride], rows[0]);
}

METTLE_LANES void scatter(Int* rows, Int stride, __m256i whole) {
    const __m128i low = _mm256_castsi256_si128(whole);
    const __m128i high = _mm256_extracti128_si256(whole, 1);
    rows[0] = _mm_cvtsi128_si64(low);
    rows[stride] = _mm_extract_epi64(low, 1);
    rows[2 * stride] = _mm_cvtsi128_si64(high);
    rows[3 * stride] = _mm_extract_epi64(high, 1);
}

METTLE_LANES __m128i gather(const std::int32_t* rows, Int stride) {
    return _mm_set_epi32(rows[3 * stride], rows[2 * stride], rows[stride], rows[0]);
}

METTLE_LANES void scatter(std::int32_t* rows, Int stride, __m128i whole) {
    rows[0] = _mm_cvtsi128_si32(whole);
    rows[stride] = _mm_extract_epi32(whole, 1);
    rows[2 * stride] = _mm_extract_epi32(whole, 2);
    rows[3 * stride] = _mm_extract_epi32(whole, 3);
}

METTLE_LANES __m128 gather(const float* rows, Int stride) {
    return _mm_set_ps(rows[3 * stride], rows[2 * stride], rows[stride], rows[0]);
}

METTLE_LANES void scatter(float* rows, Int stride, __m128 values) {
    rows[0] = _mm_cvtss_f32(values);
    rows[stride] = _mm_cvtss_f32(_mm_shuffle_ps(values, values, 1));
    rows[2 * stride] = _mm_cvtss_f32(_mm_shuffle_ps(values, values, 2));
    rows[3 * stride] = _mm_cvtss_f32(_mm_shuffle_ps(values, values, 3));
}

// Three entries of each row, and one behind them that whoever writes on overwrites.
METTLE_LANES void scatter_three(float* rows, Int stride, __m128 a, __m128 b, __m128 c) {
    __m128 behind = c;
    _MM_TRANSPOSE4_PS(a, b, c, behind);
    _mm_storeu_ps(rows, a);
    _mm_storeu_ps(rows + stride, b);
    _mm_storeu_ps(rows + 2 * stride, c);
    _mm_storeu_ps(rows + 3 * stride, behind);
}

// Entry i of rows k and k + 2 anywhere.
METTLE_LANES __m256i two_prices(const Price* const* rows, Int i, int k) {
    const auto row = [i, rows](int n) {
        return _mm_loadu_si128(reinterpret_cast<const __m128i*>(rows[n] + i));
    };
    return _mm256_set_m128i(row(k + 2), row(k));
}
METTLE_LANES __m256i opens(const Price* const* rows, Int i) {
    return _mm256_unpacklo_epi64(two_prices(rows, i, 0), two_prices(rows, i, 1));
}
METTLE_LANES __m256i closes(const Price* const* rows, Int i) {
    return _mm256_unpackhi_epi64(two_prices(rows, i, 0), two_prices(rows, i, 1));
}

}  // namespace four
}  // namespace
}  // namespace mettle::market::lanes
