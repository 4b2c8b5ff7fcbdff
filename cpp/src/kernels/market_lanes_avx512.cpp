// Eight environments in the lanes of registers: AVX-512F.
#if defined(__AVX512F__)

#if !defined(__clang__)
// GCC's own header leaves what a mask replaces uninitialised on purpose, and GCC 12 warns of it.
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"
#endif
#include "market_lanes_four.hpp"

namespace mettle::market::lanes {
namespace {

constexpr int kLanes = 8;

using V = __m512d;
using M = __mmask8;  // a bit a lane
using Ints = __m512i;
using Ages = __m256i;
using Floats = __m256;

METTLE_LANES V all(double value) { return _mm512_set1_pd(value); }
METTLE_LANES M mask_of(Int bits) { return static_cast<M>(bits); }

METTLE_LANES V floor(V a) { return _mm512_floor_pd(a); }
METTLE_LANES V nearest(V a) {
    return _mm512_roundscale_pd(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
METTLE_LANES V magnitude(V a) { return _mm512_abs_pd(a); }
METTLE_LANES V least(V a, V b) { return _mm512_min_pd(a, b); }
METTLE_LANES V most(V a, V b) { return _mm512_max_pd(a, b); }
// a * b - c, rounded once.
METTLE_LANES V multiply_subtract(V a, V b, V c) { return _mm512_fmsub_pd(a, b, c); }

METTLE_LANES M less(V a, V b) { return _mm512_cmp_pd_mask(a, b, _CMP_LT_OQ); }
METTLE_LANES M at_least(V a, V b) { return _mm512_cmp_pd_mask(a, b, _CMP_GE_OQ); }
METTLE_LANES M equal(V a, V b) { return _mm512_cmp_pd_mask(a, b, _CMP_EQ_OQ); }
METTLE_LANES M differ(V a, V b) { return _mm512_cmp_pd_mask(a, b, _CMP_NEQ_OQ); }
METTLE_LANES M both(M a, M b) { return static_cast<M>(a & b); }
METTLE_LANES M either(M a, M b) { return static_cast<M>(a | b); }
METTLE_LANES bool any(M mask) { return mask != 0; }
METTLE_LANES bool every(M mask) { return mask == 255; }
METTLE_LANES V pick(M mask, V yes, V no) { return _mm512_mask_blend_pd(mask, no, yes); }
METTLE_LANES V only(M mask, V value) { return _mm512_maskz_mov_pd(mask, value); }
METTLE_LANES V except(M mask, V value) { return only(static_cast<M>(~mask), value); }

METTLE_LANES V from_ints(Ints whole) {
    const Ints exponent = _mm512_castpd_si512(all(kTwo52));
    return _mm512_castsi512_pd(_mm512_or_si512(whole, exponent)) - all(kTwo52);
}
METTLE_LANES Ints to_ints(V whole) {
    const Ints exponent = _mm512_castpd_si512(all(kTwo52));
    return _mm512_xor_si512(_mm512_castpd_si512(whole + all(kTwo52)), exponent);
}
METTLE_LANES Ints successor(Ints whole) { return _mm512_add_epi64(whole, _mm512_set1_epi64(1)); }
METTLE_LANES Ints most(Ints a, Ints b) { return _mm512_max_epi64(a, b); }
METTLE_LANES M equal(Ints a, Ints b) { return _mm512_cmpeq_epi64_mask(a, b); }
METTLE_LANES M under_two_52(Ints whole) {
    return _mm512_testn_epi64_mask(whole, _mm512_set1_epi64(~((Int{1} << 52) - 1)));
}

METTLE_LANES Ages successor(Ages ages) { return _mm256_add_epi32(ages, _mm256_set1_epi32(1)); }
METTLE_LANES Ages only(M mask, Ages ages) {
    return _mm256_mullo_epi32(ages, _mm512_cvtpd_epi32(only(mask, all(1.0))));
}
METTLE_LANES Floats floats(Ages ages) { return _mm256_cvtepi32_ps(ages); }
METTLE_LANES Floats over_hundred(Floats a) { return _mm256_div_ps(a, _mm256_set1_ps(100.0F)); }
METTLE_LANES V widen(Floats values) { return _mm512_cvtps_pd(values); }
METTLE_LANES Floats narrow(V values) { return _mm512_cvtpd_ps(values); }

METTLE_LANES Ints load(const Int* at) { return _mm512_loadu_si512(at); }
METTLE_LANES Ages load(const std::int32_t* at) {
    return _mm256_loadu_si256(reinterpret_cast<const Ages*>(at));
}
METTLE_LANES V load(const double* at) { return _mm512_loadu_pd(at); }
METTLE_LANES void store(Int* at, Ints whole) { _mm512_storeu_si512(at, whole); }
METTLE_LANES void store(std::int32_t* at, Ages ages) {
    _mm256_storeu_si256(reinterpret_cast<Ages*>(at), ages);
}
METTLE_LANES void store(double* at, V values) { _mm512_storeu_pd(at, values); }
METTLE_LANES void store(float* at, Floats values) { _mm256_storeu_ps(at, values); }

// Memory off the row is reached by halves.
METTLE_LANES Ints joined(__m256i low, __m256i high) {
    return _mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1);
}
METTLE_LANES __m128 low(Floats values) { return _mm256_castps256_ps128(values); }
METTLE_LANES __m128 high(Floats values) { return _mm256_extractf128_ps(values, 1); }

METTLE_LANES Ints gather(const Int* rows, Int stride) {
    return joined(four::gather(rows, stride), four::gather(rows + 4 * stride, stride));
}
METTLE_LANES Ages gather(const std::int32_t* rows, Int stride) {
    return _mm256_set_m128i(four::gather(rows + 4 * stride, stride), four::gather(rows, stride));
}
METTLE_LANES Floats gather(const float* rows, Int stride) {
    return _mm256_set_m128(four::gather(rows + 4 * stride, stride), four::gather(rows, stride));
}
METTLE_LANES void scatter(Int* rows, Int stride, Ints whole) {
    four::scatter(rows, stride, _mm512_castsi512_si256(whole));
    four::scatter(rows + 4 * stride, stride, _mm512_extracti64x4_epi64(whole, 1));
}
METTLE_LANES void scatter(std::int32_t* rows, Int stride, Ages ages) {
    four::scatter(rows, stride, _mm256_castsi256_si128(ages));
    four::scatter(rows + 4 * stride, stride, _mm256_extracti128_si256(ages, 1));
}
METTLE_LANES void scatter(float* rows, Int stride, Floats values) {
    four::scatter(rows, stride, low(values));
    four::scatter(rows + 4 * stride, stride, high(values));
}
METTLE_LANES void scatter_three(float* rows, Int stride, Floats a, Floats b, Floats c) {
    four::scatter_three(rows, stride, low(a), low(b), low(c));
    four::scatter_three(rows + 4 * stride, stride, high(a), high(b), high(c));
}

METTLE_LANES Ints opens(const Price* const* rows, Int i) {
    return joined(four::opens(rows, i), four::opens(rows + 4, i));
}
METTLE_LANES Ints closes(const Price* const* rows, Int i) {
    return joined(four::closes(rows, i), four::closes(rows + 4, i));
}

// Tables of eight rows with four columns are turned in registers.

// Where the four entries of two rows each of two registers go: entries 0 and 1, then 2 and 3, of
// four rows. The way back is the same.
METTLE_LANES Ints turn_first() { return _mm512_setr_epi64(0, 4, 8, 12, 1, 5, 9, 13); }
METTLE_LANES Ints turn_second() { return _mm512_setr_epi64(2, 6, 10, 14, 3, 7, 11, 15); }

METTLE_LANES void turn_to_columns(Ints rows01, Ints rows23, Ints rows45, Ints rows67,
                                  Ints* columns) {
    const Ints low01 = _mm512_permutex2var_epi64(rows01, turn_first(), rows23);
    const Ints low23 = _mm512_permutex2var_epi64(rows01, turn_second(), rows23);
    const Ints high01 = _mm512_permutex2var_epi64(rows45, turn_first(), rows67);
    const Ints high23 = _mm512_permutex2var_epi64(rows45, turn_second(), rows67);
    columns[0] = _mm512_shuffle_i64x2(low01, high01, 0x44);
    columns[1] = _mm512_shuffle_i64x2(low01, high01, 0xEE);
    columns[2] = _mm512_shuffle_i64x2(low23, high23, 0x44);
    columns[3] = _mm512_shuffle_i64x2(low23, high23, 0xEE);
}

METTLE_LANES void four_columns(const Int* rows, Ints* columns) {
    turn_to_columns(load(rows), load(rows + 8), load(rows + 16), load(rows + 24), columns);
}

METTLE_LANES void four_rows(const Ints* columns, Int* rows) {
    const Ints low01 = _mm512_shuffle_i64x2(columns[0], columns[1], 0x44);
    const Ints high01 = _mm512_shuffle_i64x2(columns[0], columns[1], 0xEE);
    const Ints low23 = _mm512_shuffle_i64x2(columns[2], columns[3], 0x44);
    const Ints high23 = _mm512_shuffle_i64x2(columns[2], columns[3], 0xEE);
    store(rows, _mm512_permutex2var_epi64(low01, turn_first(), low23));
    store(rows + 8, _mm512_permutex2var_epi64(low01, turn_second(), low23));
    store(rows + 16, _mm512_permutex2var_epi64(high01, turn_first(), high23));
    store(rows + 24, _mm512_permutex2var_epi64(high01, turn_second(), high23));
}

// Column 0 of four rows, then of four more; then column 1.
METTLE_LANES Ints turn_first_half() {
    return _mm512_setr_epi32(0, 4, 8, 12, 16, 20, 24, 28, 1, 5, 9, 13, 17, 21, 25, 29);
}
METTLE_LANES Ints turn_second_half() {
    return _mm512_setr_epi32(2, 6, 10, 14, 18, 22, 26, 30, 3, 7, 11, 15, 19, 23, 27, 31);
}

METTLE_LANES Ints two(Ages first, Ages second) {
    return _mm512_inserti64x4(_mm512_castsi256_si512(first), second, 1);
}

METTLE_LANES void four_columns(const std::int32_t* rows, Ages* columns) {
    const Ints low = _mm512_loadu_si512(rows);
    const Ints high = _mm512_loadu_si512(rows + 16);
    const Ints first = _mm512_permutex2var_epi32(low, turn_first_half(), high);
    const Ints second = _mm512_permutex2var_epi32(low, turn_second_half(), high);
    columns[0] = _mm512_castsi512_si256(first);
    columns[1] = _mm512_extracti64x4_epi64(first, 1);
    columns[2] = _mm512_castsi512_si256(second);
    columns[3] = _mm512_extracti64x4_epi64(second, 1);
}

METTLE_LANES void four_rows(const Ages* columns, std::int32_t* rows) {
    const Ints low = two(columns[0], columns[1]);
    const Ints high = two(columns[2], columns[3]);
    const Ints first =
        _mm512_setr_epi32(0, 8, 16, 24, 1, 9, 17, 25, 2, 10, 18, 26, 3, 11, 19, 27);
    const Ints second = _mm512_add_epi32(first, _mm512_set1_epi32(4));
    _mm512_storeu_si512(rows, _mm512_permutex2var_epi32(low, first, high));
    _mm512_storeu_si512(rows + 16, _mm512_permutex2var_epi32(low, second, high));
}

METTLE_LANES void four_columns(const float* rows, Floats* columns) {
    Ages bits[4];
    four_columns(reinterpret_cast<const std::int32_t*>(rows), bits);
    for (int i = 0; i < 4; ++i) columns[i] = _mm256_castsi256_ps(bits[i]);
}

// Every second entry, from `from` on, of the four pairs of eight rows anywhere.
METTLE_LANES void four_prices(const Price* const* rows, Int at, Int from, Ints* columns) {
    const Ints chosen = _mm512_add_epi64(_mm512_setr_epi64(0, 2, 4, 6, 8, 10, 12, 14),
                                         _mm512_set1_epi64(from));
    const auto pair = [at, rows, chosen](int k) {
        return _mm512_permutex2var_epi64(_mm512_loadu_si512(rows[k] + at), chosen,
                                         _mm512_loadu_si512(rows[k + 1] + at));
    };
    turn_to_columns(pair(0), pair(2), pair(4), pair(6), columns);
}

METTLE_LANES void four_opens(const Price* const* rows, Int at, Ints* columns) {
    four_prices(rows, at, 0, columns);
}
METTLE_LANES void four_closes(const Price* const* rows, Int at, Ints* columns) {
    four_prices(rows, at, 1, columns);
}

}  // namespace
}  // namespace mettle::market::lanes
#include "market_lanes_play.hpp"

namespace mettle::market::lanes {

bool play_avx512(const Work& work, Int begin, Int end, const float* actions) {
    return play(work, begin, end, actions);
}

}  // namespace mettle::market::lanes

#endif
