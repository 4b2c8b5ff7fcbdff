// Exact integer arithmetic of the market step (docs/concepts/market-step.md, "Numbers").
// Everything here also compiles as device code: no containers, no exceptions, no libm.
#pragma once

#include <cstdint>
#include <limits>

#if defined(__CUDACC__)
#define METTLE_HD __host__ __device__ inline
#else
#define METTLE_HD inline
#endif

namespace mettle::market {

using Int = std::int64_t;
__extension__ using Wide = __int128;

inline constexpr Int kActionScale = 10'000;
inline constexpr Int kRateScale = 1'000'000;
inline constexpr Int kFundingScale = 100'000'000;
inline constexpr Int kMaxTicks = 1'000'000'000'000;
inline constexpr Int kLargest = std::numeric_limits<Int>::max();

// A float64 quotient under this is off by less than one from the true one (five roundings of
// 2^-53 each), so that one correction by the remainder makes it exact.
inline constexpr double kEstimateLimit = 1125899906842624.0;  // 2^50
inline constexpr Int kDivisorLimit = Int{1} << 61;

METTLE_HD Int absolute(Int value) { return value < 0 ? -value : value; }
METTLE_HD Int sign_of(Int value) { return static_cast<Int>(value > 0) - static_cast<Int>(value < 0); }
METTLE_HD Int smaller(Int a, Int b) { return a < b ? a : b; }
METTLE_HD Int larger(Int a, Int b) { return a > b ? a : b; }

METTLE_HD Int saturated(Wide value) {
    return value > static_cast<Wide>(kLargest) ? kLargest : static_cast<Int>(value);
}

// The exact value as an int64, or 0 with `overflow` raised.
METTLE_HD Int narrowed(Wide exact, bool& overflow) {
    const bool lost = exact != static_cast<Wide>(static_cast<Int>(exact));
    overflow |= lost;
    return lost ? 0 : static_cast<Int>(exact);
}

// Product and sum that raise `overflow` where they leave int64. The result then has no meaning; it
// is 0, so that what is reckoned from it until somebody asks stays in int64, too.
METTLE_HD Int multiply(Int a, Int b, bool& overflow) {
#if defined(__CUDA_ARCH__)
    return narrowed(static_cast<Wide>(a) * b, overflow);
#else
    Int product = 0;
    const bool lost = __builtin_mul_overflow(a, b, &product);
    overflow |= lost;
    return lost ? 0 : product;
#endif
}

METTLE_HD Int add(Int a, Int b, bool& overflow) {
#if defined(__CUDA_ARCH__)
    return narrowed(static_cast<Wide>(a) + b, overflow);
#else
    Int sum = 0;
    const bool lost = __builtin_add_overflow(a, b, &sum);
    overflow |= lost;
    return lost ? 0 : sum;
#endif
}

// floor(a / b) and ceil(a / b) for b > 0 and a of any sign.
METTLE_HD Int floor_divide(Int a, Int b) { return a / b - static_cast<Int>(a % b < 0); }
METTLE_HD Int ceil_divide(Int a, Int b) { return a / b + static_cast<Int>(a % b > 0); }

// floor(a * b / c) for a, b >= 0 and c > 0, saturated at the largest int64. The estimate in float64
// avoids the 128-bit division; the remainder is exact modulo 2^64 and so corrects it. Where an
// amount left 64 bits before, which is noted by then, c may be 0: that must not end the process.
METTLE_HD Int multiply_divide(Int a, Int b, Int c) {
    const double estimate = static_cast<double>(a) * static_cast<double>(b) / static_cast<double>(c);
    if (estimate < kEstimateLimit && c < kDivisorLimit) {
        const Int quotient = static_cast<Int>(estimate);
        const auto rest = static_cast<Int>(static_cast<std::uint64_t>(a) * static_cast<std::uint64_t>(b) -
                                           static_cast<std::uint64_t>(quotient) * static_cast<std::uint64_t>(c));
        return quotient + static_cast<Int>(rest >= c) - static_cast<Int>(rest < 0);
    }
    return c == 0 ? kLargest : saturated(static_cast<Wide>(a) * b / c);
}

// ceil(a * b / c), same conditions.
METTLE_HD Int multiply_divide_up(Int a, Int b, Int c) {
    const Int quotient = multiply_divide(a, b, c);
    if (quotient == kLargest) return kLargest;
    const Wide rest = static_cast<Wide>(a) * b - static_cast<Wide>(quotient) * c;
    return quotient + static_cast<Int>(rest > 0);
}

// floor(a / b) for a >= 0, b > 0 by way of float64, which is faster than the division unit; as to b
// after an overflow see above.
METTLE_HD Int divide(Int a, Int b) {
    const double estimate = static_cast<double>(a) / static_cast<double>(b);
    if (estimate < kEstimateLimit && b < kDivisorLimit) {
        const Int quotient = static_cast<Int>(estimate);
        const Int rest = a - quotient * b;
        return quotient + static_cast<Int>(rest >= b) - static_cast<Int>(rest < 0);
    }
    return b == 0 ? kLargest : a / b;
}

// floor(amount * rate / Scale) for amount >= 0 and 0 <= rate * Scale < 2^63: split so that no
// product leaves 64 bits unless the result does.
template <Int Scale>
METTLE_HD Int scale_down(Int amount, Int rate, bool& overflow) {
    const auto whole = static_cast<Int>(static_cast<std::uint64_t>(amount) / Scale);
    const Int part = amount - whole * Scale;
    const auto small = static_cast<Int>(static_cast<std::uint64_t>(part * rate) / Scale);
    return add(multiply(whole, rate, overflow), small, overflow);
}

// ceil(amount * rate / Scale), same conditions.
template <Int Scale>
METTLE_HD Int scale_up(Int amount, Int rate, bool& overflow) {
    const auto whole = static_cast<Int>(static_cast<std::uint64_t>(amount) / Scale);
    const Int part = amount - whole * Scale;
    const auto small = static_cast<Int>(static_cast<std::uint64_t>(part * rate + (Scale - 1)) / Scale);
    return add(multiply(whole, rate, overflow), small, overflow);
}

// amount * rate / Scale rounded half to even, for any signs and |rate| * Scale < 2^63.
template <Int Scale>
METTLE_HD Int scale_half_even(Int amount, Int rate, bool& overflow) {
    const Int whole = floor_divide(amount, Scale);
    const Int product = (amount - whole * Scale) * rate;
    const Int small = floor_divide(product, Scale);
    const Int rest = product - small * Scale;
    const Int floor = add(multiply(whole, rate, overflow), small, overflow);
    const bool up = 2 * rest > Scale || (2 * rest == Scale && (floor & 1) != 0);
    return floor + static_cast<Int>(up);
}

// The fee of a notional >= 0 at a rate in 0 … 10^6 millionths: the above without the signs.
METTLE_HD Int fee_of(Int notional, Int rate) {
    const auto whole = static_cast<std::uint64_t>(notional) / kRateScale;
    const auto times = static_cast<std::uint64_t>(rate);
    const std::uint64_t product = (static_cast<std::uint64_t>(notional) - whole * kRateScale) * times;
    const std::uint64_t small = product / kRateScale;
    const std::uint64_t rest = product - small * kRateScale;
    const std::uint64_t floor = whole * times + small;
    const bool up = 2 * rest > kRateScale || (2 * rest == kRateScale && (floor & 1) != 0);
    return static_cast<Int>(floor + static_cast<std::uint64_t>(up));
}

// value rounded half to even; |value| < 2^51. Adding 1.5 * 2^52 leaves no bit for the fraction, in
// the default rounding mode, and needs no libm.
METTLE_HD Int round_half_even(double value) {
    constexpr double kShift = 6755399441055744.0;
    return static_cast<Int>((value + kShift) - kShift);
}

}  // namespace mettle::market
