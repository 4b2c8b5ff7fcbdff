// The plain market (plain.hpp) with four assets in the lanes of one AVX2 register.
//
// All amounts are whole numbers under 2^53 held in float64, so that sums and products are exact;
// what could grow beyond is checked, and such a step is left to the general code before anything
// has changed. Quotients are exact, too:
//   - floor(a / b) of a correctly rounded quotient cannot be too high while a + b < 2^54, since
//     a / b then lies further under the next whole number than half a unit in the last place;
//   - floor(x * 1e-4) for x < 10^8 and floor(x * 1e-6) for x < 2^53 equal the true floors: the
//     constants' errors (+4.8e-17 and -4.5e-17, relative) round away at multiples, and elsewhere
//     the next whole number is at least 1e-4 or 1e-6 off;
//   - where the product in a * b / c leaves 2^53 the remainder is found without error by fused
//     multiply-adds (Dekker's product), and corrects the estimate.
// Host only; the results are those of every other path, on every machine.
#pragma once

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__CUDACC__)
#define METTLE_LANES 1

#include <immintrin.h>

#include "plain.hpp"

#define METTLE_AVX2 __attribute__((target("avx2,fma"), always_inline)) inline

namespace mettle::market::lanes {

inline constexpr int kLanes = 4;
inline constexpr double kTwo52 = 0x1p52;
inline constexpr double kAmountLimit = 0x1p49;  // four of them stay under 2^51

using V = __m256d;

METTLE_AVX2 V all(double value) { return _mm256_set1_pd(value); }

// Whole numbers in 0 … 2^52 from and to int64: their bits are the low bits of 2^52 + x.
METTLE_AVX2 V from_ints(__m256i whole) {
    const __m256i exponent = _mm256_castpd_si256(all(kTwo52));
    return _mm256_sub_pd(_mm256_castsi256_pd(_mm256_or_si256(whole, exponent)), all(kTwo52));
}

METTLE_AVX2 V load(const Int* at) {
    return from_ints(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(at)));
}

METTLE_AVX2 bool under_two_52(const Int* at) {
    const __m256i high = _mm256_set1_epi64x(~((Int{1} << 52) - 1));
    return _mm256_testz_si256(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(at)), high) != 0;
}

METTLE_AVX2 void store(Int* at, V whole) {
    const __m256i exponent = _mm256_castpd_si256(all(kTwo52));
    const __m256i bits = _mm256_castpd_si256(_mm256_add_pd(whole, all(kTwo52)));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(at), _mm256_xor_si256(bits, exponent));
}

// In exact arithmetic the order of a sum does not matter.
METTLE_AVX2 double sum(V x) {
    const __m128d half = _mm_add_pd(_mm256_castpd256_pd128(x), _mm256_extractf128_pd(x, 1));
    return _mm_cvtsd_f64(_mm_add_sd(half, _mm_unpackhi_pd(half, half)));
}

METTLE_AVX2 V less(V a, V b) { return _mm256_cmp_pd(a, b, _CMP_LT_OQ); }
METTLE_AVX2 V at_least(V a, V b) { return _mm256_cmp_pd(a, b, _CMP_GE_OQ); }
METTLE_AVX2 V equal(V a, V b) { return _mm256_cmp_pd(a, b, _CMP_EQ_OQ); }
METTLE_AVX2 V pick(V mask, V yes, V no) { return _mm256_blendv_pd(no, yes, mask); }
METTLE_AVX2 V only(V mask, V value) { return _mm256_and_pd(mask, value); }
METTLE_AVX2 bool every(V mask) { return _mm256_movemask_pd(mask) == 15; }

// floor(a * b / c), c > 0, for whole numbers with a quotient under 2^50.
METTLE_AVX2 V multiply_divide(V a, V b, V c) {
    const V product = _mm256_mul_pd(a, b);
    const V estimate = _mm256_floor_pd(_mm256_div_pd(product, c));
    const V low = _mm256_fmsub_pd(a, b, product);
    const V back = _mm256_mul_pd(estimate, c);
    const V back_low = _mm256_fmsub_pd(estimate, c, back);
    const V rest = _mm256_add_pd(_mm256_sub_pd(product, back), _mm256_sub_pd(low, back_low));
    const V one = all(1.0);
    const V up = only(at_least(rest, c), one);
    const V down = only(less(rest, _mm256_setzero_pd()), one);
    return _mm256_add_pd(estimate, _mm256_sub_pd(up, down));
}

// See fee_of.
METTLE_AVX2 V fees(V value, V rate) {
    const V million = all(1e6);
    const V whole = _mm256_floor_pd(_mm256_mul_pd(value, all(1e-6)));
    const V product = _mm256_mul_pd(_mm256_sub_pd(value, _mm256_mul_pd(whole, million)), rate);
    const V small = _mm256_floor_pd(_mm256_mul_pd(product, all(1e-6)));
    const V twice = _mm256_mul_pd(
        _mm256_sub_pd(product, _mm256_mul_pd(small, million)), all(2.0));
    const V floor = _mm256_add_pd(_mm256_mul_pd(whole, rate), small);
    const V half = _mm256_mul_pd(floor, all(0.5));
    const V odd = _mm256_cmp_pd(half, _mm256_floor_pd(half), _CMP_NEQ_OQ);
    const V up = _mm256_or_pd(less(million, twice), _mm256_and_pd(equal(million, twice), odd));
    return _mm256_add_pd(floor, only(up, all(1.0)));
}

// What the lanes need of the terms, prepared once.
struct Terms {
    double unit[kLanes];
    double fee[kLanes];
    double min_notional[kLanes];
    double free_to_reduce[kLanes];  // a mask: perpetuals
};

METTLE_HD void prepare(const market::Terms* terms, Terms& lanes) {
    for (int i = 0; i < kLanes; ++i) {
        lanes.unit[i] = static_cast<double>(terms[i].unit);
        lanes.fee[i] = static_cast<double>(terms[i].taker_fee);
        lanes.min_notional[i] = static_cast<double>(terms[i].min_notional);
        lanes.free_to_reduce[i] = terms[i].perpetual ? -1.0 : 0.0;  // the sign decides a blend
    }
}

// Whether prices and terms leave room for the argument above.
METTLE_HD bool fits(const Market& market, const Settings& settings, Int highest_price) {
    const auto price = static_cast<double>(highest_price);
    bool good = settings.plain && market.assets == kLanes && settings.rebalance_band == 0 &&
                settings.stop_loss == 0 && settings.trailing_stop == 0 &&
                price * static_cast<double>(kRateScale + settings.slippage) < kTwo52;
    for (int i = 0; i < market.assets; ++i) {
        good = good && price * 2.0 * static_cast<double>(market.terms[i].unit) < kAmountLimit &&
               static_cast<double>(market.terms[i].min_notional) < kTwo52;
    }
    return good;
}

struct Row {
    V open;
    V close;
};

METTLE_AVX2 Row load_row(const Price* row) {
    const auto* at = reinterpret_cast<const __m256i*>(row);
    const __m256i a = _mm256_loadu_si256(at);
    const __m256i b = _mm256_loadu_si256(at + 1);
    const __m256i opens = _mm256_permute4x64_epi64(_mm256_unpacklo_epi64(a, b), 0xD8);
    const __m256i closes = _mm256_permute4x64_epi64(_mm256_unpackhi_epi64(a, b), 0xD8);
    return {from_ints(opens), from_ints(closes)};
}

struct Buys {
    V lots;
    V value;
    double paid;
};

METTLE_AVX2 Buys scale_buys(V lots, V price, V is_buy, V least, V rate, double cash, double cost) {
    const auto count = static_cast<double>(__builtin_popcount(
        static_cast<unsigned>(_mm256_movemask_pd(is_buy))));
    const double available = cash > count ? cash - count : 0.0;
    V scaled = multiply_divide(lots, all(available), all(cost));
    V value = _mm256_mul_pd(scaled, price);
    const V kept = _mm256_and_pd(is_buy, at_least(value, least));
    scaled = only(kept, scaled);
    value = only(kept, value);
    return {scaled, value, sum(_mm256_add_pd(value, fees(value, rate)))};
}

// One environment between the parts of its step. The parts run over a group of environments each,
// since one step is a chain of dependent operations twice as long as what a core looks ahead:
// part by part, the chains of neighbours overlap.
struct Passing {
    double change[kLanes];  // signed
    double size[kLanes];
    double price[kLanes];   // value of one lot at the fill
    double value[kLanes];
    double cash;            // after the sells
    double cost;            // of the buys, unscaled
    double equity;          // at the close of t + 1
    bool good;              // false: the general step must do it
};

// Weights, target lots and the wanted change, at the close of t.
METTLE_AVX2 void decide(const Market& market, const Settings& settings, const Account& account,
                        Int t, const float* actions, const Terms& terms, Passing& passing) {
    const auto equity = static_cast<double>(account.equity);
    const V zero = _mm256_setzero_pd();
    const V action = _mm256_cvtps_pd(_mm_loadu_ps(actions));
    const V valid = _mm256_and_pd(at_least(action, all(-1.0)), at_least(all(1.0), action));
    passing.good = every(valid) && equity > 0.0 && equity < kAmountLimit && account.cash >= 0 &&
                   under_two_52(account.basis);
    V weight = _mm256_round_pd(_mm256_mul_pd(action, all(1e4)),
                               _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    weight = _mm256_max_pd(weight, zero);
    weight = _mm256_min_pd(weight, all(static_cast<double>(settings.max_weight)));
    // No branch: whether the limit binds is not to be guessed.
    const auto limit = static_cast<double>(settings.gross_limit);
    const V base = _mm256_max_pd(all(sum(weight)), all(limit));
    weight = _mm256_floor_pd(_mm256_div_pd(_mm256_mul_pd(weight, all(limit)), base));

    const Int thousands = account.equity / kActionScale;
    const auto whole = static_cast<double>(thousands);
    const auto part = static_cast<double>(account.equity - thousands * kActionScale);
    const V budget = _mm256_add_pd(
        _mm256_mul_pd(weight, all(whole)),
        _mm256_floor_pd(_mm256_mul_pd(_mm256_mul_pd(weight, all(part)), all(1e-4))));
    const V unit = _mm256_loadu_pd(terms.unit);
    const V worth = _mm256_mul_pd(load_row(market.price + t * kLanes).close, unit);
    const V target = _mm256_floor_pd(_mm256_div_pd(budget, worth));
    const V change = _mm256_sub_pd(target, load(account.lots));
    const V size = _mm256_andnot_pd(all(-0.0), change);
    const V least = _mm256_loadu_pd(terms.min_notional);
    const V reduces = _mm256_and_pd(less(change, zero), _mm256_loadu_pd(terms.free_to_reduce));
    const V keep = _mm256_or_pd(at_least(_mm256_mul_pd(size, worth), least), reduces);
    _mm256_storeu_pd(passing.change, pick(keep, change, zero));
    _mm256_storeu_pd(passing.size, pick(keep, size, zero));
}

// Prices, fees and the cash that the sells leave, at the open of t + 1.
METTLE_AVX2 void price_orders(const Market& market, const Settings& settings,
                              const Account& account, Int t, const Terms& terms,
                              Passing& passing) {
    const V size = _mm256_loadu_pd(passing.size);
    const V is_buy = less(_mm256_setzero_pd(), _mm256_loadu_pd(passing.change));
    const V open = load_row(market.price + (t + 1) * kLanes).open;
    const auto slippage = static_cast<double>(settings.slippage);
    const V moved = _mm256_mul_pd(open, pick(is_buy, all(1e6 + slippage), all(1e6 - slippage)));
    const V rounded = _mm256_add_pd(moved, only(is_buy, all(999999.0)));
    const V ticks = _mm256_max_pd(all(1.0), _mm256_floor_pd(_mm256_mul_pd(rounded, all(1e-6))));
    const V price = _mm256_mul_pd(ticks, _mm256_loadu_pd(terms.unit));
    const V value = _mm256_mul_pd(size, price);
    const V fee = fees(value, _mm256_loadu_pd(terms.fee));
    passing.good = passing.good && every(less(value, all(kAmountLimit)));
    passing.cash = static_cast<double>(account.cash) +
                   sum(_mm256_andnot_pd(is_buy, _mm256_sub_pd(value, fee)));
    passing.cost = sum(only(is_buy, _mm256_add_pd(value, fee)));
    _mm256_storeu_pd(passing.price, price);
    _mm256_storeu_pd(passing.value, value);
}

// Positions and the mark at the close of t + 1; nothing changes where passing.good ends false.
METTLE_AVX2 void book(const Market& market, Account& account, Int t, const Terms& terms,
                      Passing& passing) {
    const V zero = _mm256_setzero_pd();
    const V size = _mm256_loadu_pd(passing.size);
    const V value = _mm256_loadu_pd(passing.value);
    const V is_buy = less(zero, _mm256_loadu_pd(passing.change));
    Buys buys{only(is_buy, size), only(is_buy, value), passing.cost};
    if (passing.cost > passing.cash) {
        buys = scale_buys(buys.lots, _mm256_loadu_pd(passing.price), is_buy,
                          _mm256_loadu_pd(terms.min_notional), _mm256_loadu_pd(terms.fee),
                          passing.cash, passing.cost);
    }
    const V held = load(account.lots);
    const V basis = load(account.basis);
    const V sold = _mm256_andnot_pd(is_buy, size);
    const V released = multiply_divide(basis, sold, _mm256_max_pd(held, all(1.0)));
    const V cost_basis = _mm256_add_pd(_mm256_sub_pd(basis, released), buys.value);
    const V lots = _mm256_add_pd(_mm256_sub_pd(held, sold), buys.lots);
    const V close = load_row(market.price + (t + 1) * kLanes).close;
    const V marked = _mm256_mul_pd(_mm256_mul_pd(lots, close), _mm256_loadu_pd(terms.unit));
    passing.good = passing.good && every(_mm256_and_pd(less(marked, all(kAmountLimit)),
                                                       less(cost_basis, all(kTwo52))));
    if (!passing.good) return;
    store(account.lots, lots);
    store(account.basis, cost_basis);
    const __m128i open = _mm256_cvtpd_epi32(only(less(zero, lots), all(1.0)));
    auto* ages = reinterpret_cast<__m128i*>(account.bars_held);
    const __m128i older = _mm_add_epi32(_mm_loadu_si128(ages), _mm_set1_epi32(1));
    _mm_storeu_si128(ages, _mm_mullo_epi32(older, open));
    const double cash = passing.cash - buys.paid;
    account.cash = static_cast<Int>(cash);
    passing.equity = cash + sum(marked);
    passing.cost = sum(_mm256_add_pd(_mm256_andnot_pd(is_buy, value), buys.value));  // traded
}

// See observe_portfolio; false if an amount needs the general code.
METTLE_AVX2 bool observe_portfolio(const Market& market, const Account& account, Int t,
                                   const Terms& terms, float* out) {
    const auto equity = static_cast<double>(account.equity);
    if (!(equity > 0.0 && equity < kAmountLimit && account.cash >= 0) ||
        !under_two_52(account.basis)) {
        return false;
    }
    const V basis = load(account.basis);
    const V lots = load(account.lots);
    const V value = _mm256_mul_pd(_mm256_mul_pd(lots, load_row(market.price + t * kLanes).close),
                                  _mm256_loadu_pd(terms.unit));
    const V zero = _mm256_setzero_pd();
    const V flat = equal(basis, zero);
    const V gain = _mm256_andnot_pd(flat, _mm256_sub_pd(value, basis));
    const V bought = pick(flat, all(1.0), basis);
    const V age = _mm256_cvtepi32_pd(
        _mm_loadu_si128(reinterpret_cast<const __m128i*>(account.bars_held)));
    const __m128 a = _mm256_cvtpd_ps(_mm256_div_pd(value, all(equity)));
    const __m128 b = _mm256_cvtpd_ps(_mm256_div_pd(gain, bought));
    const __m128 c = _mm256_cvtpd_ps(_mm256_div_pd(age, all(100.0)));
    out[0] = static_cast<float>(static_cast<double>(account.cash) / equity);
    // Rows a b c of four to a0 b0 c0 a1 | b1 c1 a2 b2 | c2 a3 b3 c3.
    const __m128 ab_low = _mm_unpacklo_ps(a, b);                               // a0 b0 a1 b1
    const __m128 ab_high = _mm_unpackhi_ps(a, b);                              // a2 b2 a3 b3
    const __m128 ca = _mm_shuffle_ps(c, a, _MM_SHUFFLE(1, 1, 0, 0));           // c0 c0 a1 a1
    const __m128 bc = _mm_shuffle_ps(b, c, _MM_SHUFFLE(1, 1, 1, 1));           // b1 b1 c1 c1
    const __m128 c2a3 = _mm_shuffle_ps(c, a, _MM_SHUFFLE(3, 3, 2, 2));         // c2 c2 a3 a3
    const __m128 b3c3 = _mm_shuffle_ps(b, c, _MM_SHUFFLE(3, 3, 3, 3));         // b3 b3 c3 c3
    _mm_storeu_ps(out + 1, _mm_shuffle_ps(ab_low, ca, _MM_SHUFFLE(2, 0, 1, 0)));
    _mm_storeu_ps(out + 5, _mm_shuffle_ps(bc, ab_high, _MM_SHUFFLE(1, 0, 2, 0)));
    _mm_storeu_ps(out + 9, _mm_shuffle_ps(c2a3, b3c3, _MM_SHUFFLE(2, 0, 2, 0)));
    return true;
}

}  // namespace mettle::market::lanes

#endif
