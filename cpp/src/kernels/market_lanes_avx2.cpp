// Four environments in the lanes of registers: AVX2 with FMA.
#if defined(__AVX2__) && defined(__FMA__)

#include "market_lanes_four.hpp"

namespace mettle::market::lanes {
namespace {

constexpr int kLanes = 4;

using V = __m256d;
using M = __m256d;  // a mask: all bits of a lane, or none
using Ints = __m256i;
using Ages = __m128i;
using Floats = __m128;

METTLE_LANES V all(double value) { return _mm256_set1_pd(value); }
METTLE_LANES M mask_of(Int bits) { return _mm256_castsi256_pd(_mm256_set1_epi64x(bits)); }

METTLE_LANES V floor(V a) { return _mm256_floor_pd(a); }
METTLE_LANES V nearest(V a) {
    return _mm256_round_pd(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
METTLE_LANES V magnitude(V a) { return _mm256_andnot_pd(all(-0.0), a); }
METTLE_LANES V least(V a, V b) { return _mm256_min_pd(a, b); }
METTLE_LANES V most(V a, V b) { return _mm256_max_pd(a, b); }
// a * b - c, rounded once.
METTLE_LANES V multiply_subtract(V a, V b, V c) { return _mm256_fmsub_pd(a, b, c); }

METTLE_LANES M less(V a, V b) { return _mm256_cmp_pd(a, b, _CMP_LT_OQ); }
METTLE_LANES M at_least(V a, V b) { return _mm256_cmp_pd(a, b, _CMP_GE_OQ); }
METTLE_LANES M equal(V a, V b) { return _mm256_cmp_pd(a, b, _CMP_EQ_OQ); }
METTLE_LANES M differ(V a, V b) { return _mm256_cmp_pd(a, b, _CMP_NEQ_OQ); }
METTLE_LANES M both(M a, M b) { return _mm256_and_pd(a, b); }
METTLE_LANES M either(M a, M b) { return _mm256_or_pd(a, b); }
METTLE_LANES bool any(M mask) { return _mm256_movemask_pd(mask) != 0; }
METTLE_LANES bool every(M mask) { return _mm256_movemask_pd(mask) == 15; }
METTLE_LANES V pick(M mask, V yes, V no) { return _mm256_blendv_pd(no, yes, mask); }
METTLE_LANES V only(M mask, V value) { return _mm256_and_pd(mask, value); }
METTLE_LANES V except(M mask, V value) { return _mm256_andnot_pd(mask, value); }

METTLE_LANES V from_ints(Ints whole) {
    const Ints exponent = _mm256_castpd_si256(all(kTwo52));
    return _mm256_castsi256_pd(_mm256_or_si256(whole, exponent)) - all(kTwo52);
}
METTLE_LANES Ints to_ints(V whole) {
    const Ints exponent = _mm256_castpd_si256(all(kTwo52));
    return _mm256_xor_si256(_mm256_castpd_si256(whole + all(kTwo52)), exponent);
}
METTLE_LANES Ints successor(Ints whole) { return _mm256_add_epi64(whole, _mm256_set1_epi64x(1)); }
METTLE_LANES Ints most(Ints a, Ints b) {
    return _mm256_blendv_epi8(b, a, _mm256_cmpgt_epi64(a, b));
}
METTLE_LANES M equal(Ints a, Ints b) { return _mm256_castsi256_pd(_mm256_cmpeq_epi64(a, b)); }
METTLE_LANES M under_two_52(Ints whole) {
    const Ints high = _mm256_set1_epi64x(~((Int{1} << 52) - 1));
    return equal(_mm256_and_si256(whole, high), _mm256_setzero_si256());
}

METTLE_LANES Ages successor(Ages ages) { return _mm_add_epi32(ages, _mm_set1_epi32(1)); }
METTLE_LANES Ages only(M mask, Ages ages) {
    return _mm_mullo_epi32(ages, _mm256_cvtpd_epi32(only(mask, all(1.0))));
}
METTLE_LANES Floats floats(Ages ages) { return _mm_cvtepi32_ps(ages); }
METTLE_LANES Floats over_hundred(Floats a) { return _mm_div_ps(a, _mm_set1_ps(100.0F)); }
METTLE_LANES V widen(Floats values) { return _mm256_cvtps_pd(values); }
METTLE_LANES Floats narrow(V values) { return _mm256_cvtpd_ps(values); }

METTLE_LANES Ints load(const Int* at) {
    return _mm256_loadu_si256(reinterpret_cast<const Ints*>(at));
}
METTLE_LANES Ages load(const std::int32_t* at) {
    return _mm_loadu_si128(reinterpret_cast<const Ages*>(at));
}
METTLE_LANES V load(const double* at) { return _mm256_loadu_pd(at); }
METTLE_LANES void store(Int* at, Ints whole) {
    _mm256_storeu_si256(reinterpret_cast<Ints*>(at), whole);
}
METTLE_LANES void store(std::int32_t* at, Ages ages) {
    _mm_storeu_si128(reinterpret_cast<Ages*>(at), ages);
}
METTLE_LANES void store(double* at, V values) { _mm256_storeu_pd(at, values); }
METTLE_LANES void store(float* at, Floats values) { _mm_storeu_ps(at, values); }

using four::gather;
using four::scatter;
using four::scatter_three;

using four::closes;
using four::opens;

// Tables of four rows with four columns are turned in registers; the way back is the same.

METTLE_LANES void turn(Ints a, Ints b, Ints c, Ints d, Ints* columns) {
    const Ints even01 = _mm256_unpacklo_epi64(a, b);
    const Ints odd01 = _mm256_unpackhi_epi64(a, b);
    const Ints even23 = _mm256_unpacklo_epi64(c, d);
    const Ints odd23 = _mm256_unpackhi_epi64(c, d);
    columns[0] = _mm256_permute2x128_si256(even01, even23, 0x20);
    columns[1] = _mm256_permute2x128_si256(odd01, odd23, 0x20);
    columns[2] = _mm256_permute2x128_si256(even01, even23, 0x31);
    columns[3] = _mm256_permute2x128_si256(odd01, odd23, 0x31);
}

METTLE_LANES void four_columns(const Int* rows, Ints* columns) {
    turn(load(rows), load(rows + 4), load(rows + 8), load(rows + 12), columns);
}
METTLE_LANES void four_rows(const Ints* columns, Int* rows) {
    Ints turned[4];
    turn(columns[0], columns[1], columns[2], columns[3], turned);
    for (int k = 0; k < 4; ++k) store(rows + 4 * k, turned[k]);
}

METTLE_LANES void four_columns(const float* rows, Floats* columns) {
    for (int k = 0; k < 4; ++k) columns[k] = _mm_loadu_ps(rows + 4 * k);
    _MM_TRANSPOSE4_PS(columns[0], columns[1], columns[2], columns[3]);
}
METTLE_LANES void four_columns(const std::int32_t* rows, Ages* columns) {
    Floats bits[4];
    four_columns(reinterpret_cast<const float*>(rows), bits);
    for (int i = 0; i < 4; ++i) columns[i] = _mm_castps_si128(bits[i]);
}
METTLE_LANES void four_rows(const Ages* columns, std::int32_t* rows) {
    Floats bits[4];
    for (int i = 0; i < 4; ++i) bits[i] = _mm_castsi128_ps(columns[i]);
    _MM_TRANSPOSE4_PS(bits[0], bits[1], bits[2], bits[3]);
    for (int k = 0; k < 4; ++k) store(rows + 4 * k, _mm_castps_si128(bits[k]));
}

METTLE_LANES void four_opens(const Price* const* rows, Int at, Ints* columns) {
    for (int i = 0; i < 4; ++i) columns[i] = opens(rows, at + i);
}
METTLE_LANES void four_closes(const Price* const* rows, Int at, Ints* columns) {
    for (int i = 0; i < 4; ++i) columns[i] = closes(rows, at + i);
}

}  // namespace
}  // namespace mettle::market::lanes
#include "market_lanes_play.hpp"

namespace mettle::market::lanes {

bool play_avx2(const Work& work, Int begin, Int end, const float* actions) {
    return play(work, begin, end, actions);
}

}  // namespace mettle::market::lanes

#endif
