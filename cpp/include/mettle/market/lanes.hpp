// The plain market (plain.hpp) with four environments in the lanes of one AVX2 register: sums over
// assets are then additions of registers, and whatever is done once an environment is done for four.
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
inline constexpr double kSumLimit = 0x1p51;

using V = __m256d;

METTLE_AVX2 V all(double value) { return _mm256_set1_pd(value); }

// Whole numbers in 0 … 2^52 from and to int64: their bits are the low bits of 2^52 + x.
METTLE_AVX2 V from_ints(__m256i whole) {
    const __m256i exponent = _mm256_castpd_si256(all(kTwo52));
    return _mm256_sub_pd(_mm256_castsi256_pd(_mm256_or_si256(whole, exponent)), all(kTwo52));
}

METTLE_AVX2 __m256i four(const Int* at) {
    return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(at));
}

METTLE_AVX2 V load(const Int* at) { return from_ints(four(at)); }

// A mask of the lanes in 0 … 2^52 - 1.
METTLE_AVX2 V under_two_52(__m256i whole) {
    const __m256i high = _mm256_set1_epi64x(~((Int{1} << 52) - 1));
    const __m256i rest = _mm256_and_si256(whole, high);
    return _mm256_castsi256_pd(_mm256_cmpeq_epi64(rest, _mm256_setzero_si256()));
}

METTLE_AVX2 __m256i to_ints(V whole) {
    const __m256i exponent = _mm256_castpd_si256(all(kTwo52));
    return _mm256_xor_si256(_mm256_castpd_si256(_mm256_add_pd(whole, all(kTwo52))), exponent);
}

METTLE_AVX2 void store(Int* at, V whole) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(at), to_ints(whole));
}

// Entry i of each of four rows that lie `stride` entries apart.
METTLE_AVX2 __m256i gather(const Int* rows, Int stride) {
    return _mm256_set_epi64x(rows[3 * stride], rows[2 * stride], rows[stride], rows[0]);
}

METTLE_AVX2 void scatter(Int* rows, Int stride, __m256i whole) {
    const __m128i low = _mm256_castsi256_si128(whole);
    const __m128i high = _mm256_extracti128_si256(whole, 1);
    rows[0] = _mm_cvtsi128_si64(low);
    rows[stride] = _mm_extract_epi64(low, 1);
    rows[2 * stride] = _mm_cvtsi128_si64(high);
    rows[3 * stride] = _mm_extract_epi64(high, 1);
}

METTLE_AVX2 __m128i gather(const std::int32_t* rows, Int stride) {
    return _mm_set_epi32(rows[3 * stride], rows[2 * stride], rows[stride], rows[0]);
}

METTLE_AVX2 void scatter(std::int32_t* rows, Int stride, __m128i whole) {
    rows[0] = _mm_cvtsi128_si32(whole);
    rows[stride] = _mm_extract_epi32(whole, 1);
    rows[2 * stride] = _mm_extract_epi32(whole, 2);
    rows[3 * stride] = _mm_extract_epi32(whole, 3);
}

METTLE_AVX2 __m128 gather(const float* rows, Int stride) {
    return _mm_set_ps(rows[3 * stride], rows[2 * stride], rows[stride], rows[0]);
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

// What the lanes need of the terms and settings, prepared once.
struct Terms {
    double unit[kMaxAssets];
    double fee[kMaxAssets];
    double min_notional[kMaxAssets];
    double free_to_reduce[kMaxAssets];  // a mask: perpetuals
    double limit;                       // of one amount, so that the sums over the assets are exact
    bool plain_reward;                  // the log return and nothing else
};

METTLE_HD bool has_plain_reward(const Settings& settings) {
    return settings.reward == Reward::kLogReturn && settings.turnover_penalty == 0 &&
           settings.drawdown_penalty == 0;
}

METTLE_HD void prepare(const Market& market, const Settings& settings, Terms& lanes) {
    for (int i = 0; i < market.assets; ++i) {
        lanes.unit[i] = static_cast<double>(market.terms[i].unit);
        lanes.fee[i] = static_cast<double>(market.terms[i].taker_fee);
        lanes.min_notional[i] = static_cast<double>(market.terms[i].min_notional);
        lanes.free_to_reduce[i] = market.terms[i].perpetual ? -1.0 : 0.0;  // the sign decides
    }
    lanes.limit = kSumLimit / static_cast<double>(larger(4, market.assets));
    lanes.plain_reward = has_plain_reward(settings);
}

// Whether prices and terms leave room for the argument above.
METTLE_HD bool fits(const Market& market, const Settings& settings, Int highest_price) {
    const auto price = static_cast<double>(highest_price);
    const double limit = kSumLimit / static_cast<double>(larger(4, market.assets));
    bool good = settings.plain && settings.rebalance_band == 0 && settings.stop_loss == 0 &&
                settings.trailing_stop == 0 &&
                price * static_cast<double>(kRateScale + settings.slippage) < kTwo52;
    for (int i = 0; i < market.assets; ++i) {
        good = good && price * 2.0 * static_cast<double>(market.terms[i].unit) < limit &&
               static_cast<double>(market.terms[i].min_notional) < kTwo52;
    }
    return good;
}

struct Prices {
    V open;
    V close;
};

// Asset i of each environment's own bar.
METTLE_AVX2 Prices prices(const Price* const rows[kLanes], int i) {
    const auto row = [i, rows](int k) {
        return _mm_loadu_si128(reinterpret_cast<const __m128i*>(rows[k] + i));
    };
    const __m256i even = _mm256_set_m128i(row(2), row(0));
    const __m256i odd = _mm256_set_m128i(row(3), row(1));
    return {from_ints(_mm256_unpacklo_epi64(even, odd)),
            from_ints(_mm256_unpackhi_epi64(even, odd))};
}

// Four environments: pointers to the first one's entries.
struct Four {
    const Price* price[kLanes];  // rows of bar t; those of t + 1 follow
    const float* actions;
    Int* cash;
    Int* equity;
    Int* lots;
    Int* basis;
    std::int32_t* bars_held;
};

struct Rows {
    const Price* row[kLanes];
};

METTLE_AVX2 Rows rows_after(const Four& four, int assets) {
    return {{four.price[0] + assets, four.price[1] + assets, four.price[2] + assets,
             four.price[3] + assets}};
}

// Four environments between the passes of their step: one register an asset. A pass runs over several
// blocks before the next begins, since a step is a chain of dependent operations longer than what a
// core looks ahead: pass by pass, the chains of neighbours overlap.
template <int A>
struct Block {
    static constexpr int kSize = A > 0 ? A : kMaxAssets;
    V size[kSize];   // the weight; then the lots of the order; then the lots held
    V price[kSize];  // value of one lot at the fill; then the cost basis
    V value[kSize];  // of the order; then of the position at the close of t + 1
    V buys[kSize];   // a mask: which orders buy
    __m128 age[kSize];
    V before;  // equity at the close of t
    V equity;
    V cash;    // at the close of t; then after the sells; then at the close of t + 1
    V cost;    // of the buys
    V count;   // of the buys
    V traded;
    V good;    // a mask: which lanes fit
};

// The accounts, and weights at the close of t.
template <int A>
METTLE_AVX2 void weigh(const Settings& settings, const Terms& terms, const Four& four, int assets,
                       Block<A>& block) {
    const __m256i equity = lanes::four(four.equity);
    const __m256i cash = lanes::four(four.cash);
    block.before = from_ints(equity);
    block.cash = from_ints(cash);
    const V zero = _mm256_setzero_pd();
    V good = _mm256_and_pd(under_two_52(equity), under_two_52(cash));
    good = _mm256_and_pd(good, _mm256_and_pd(less(zero, block.before),
                                             less(block.before, all(terms.limit))));
    const V most = all(static_cast<double>(settings.max_weight));
    V sum = zero;
#pragma GCC unroll 4
    for (int i = 0; i < assets; ++i) {
        const V action = _mm256_cvtps_pd(gather(four.actions + i, assets));
        good = _mm256_and_pd(good, _mm256_and_pd(at_least(action, all(-1.0)),
                                                 at_least(all(1.0), action)));
        const V rounded = _mm256_round_pd(_mm256_mul_pd(action, all(1e4)),
                                          _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
        block.size[i] = _mm256_min_pd(_mm256_max_pd(rounded, zero), most);
        sum = _mm256_add_pd(sum, block.size[i]);
    }
    block.good = good;
    // No branch: whether the limit binds is not to be guessed.
    const V limit = all(static_cast<double>(settings.gross_limit));
    const V base = _mm256_max_pd(sum, limit);
#pragma GCC unroll 4
    for (int i = 0; i < assets; ++i) {
        block.size[i] = _mm256_floor_pd(_mm256_div_pd(_mm256_mul_pd(block.size[i], limit), base));
    }
}

// Target lots, and the orders, at the close of t.
template <int A>
METTLE_AVX2 void order(const Terms& terms, const Four& four, int assets, Block<A>& block) {
    const V zero = _mm256_setzero_pd();
    const V whole = _mm256_floor_pd(_mm256_div_pd(block.before, all(1e4)));
    const V part = _mm256_sub_pd(block.before, _mm256_mul_pd(whole, all(1e4)));
#pragma GCC unroll 4
    for (int i = 0; i < assets; ++i) {
        const V weight = block.size[i];
        const V small = _mm256_mul_pd(_mm256_mul_pd(weight, part), all(1e-4));
        const V budget = _mm256_add_pd(_mm256_mul_pd(weight, whole), _mm256_floor_pd(small));
        const V worth = _mm256_mul_pd(prices(four.price, i).close, all(terms.unit[i]));
        const V target = _mm256_floor_pd(_mm256_div_pd(budget, worth));
        const V held = from_ints(gather(four.lots + i, assets));
        const V change = _mm256_sub_pd(target, held);
        const V size = _mm256_andnot_pd(all(-0.0), change);
        const V reduces = _mm256_and_pd(less(change, zero), all(terms.free_to_reduce[i]));
        const V large = at_least(_mm256_mul_pd(size, worth), all(terms.min_notional[i]));
        // The sign of a lane decides in a blend, so that -1.0 serves as a mask.
        block.size[i] = pick(_mm256_or_pd(large, reduces), size, zero);
        block.buys[i] = _mm256_and_pd(less(zero, change), large);
    }
}

// Their prices at the open of t + 1.
template <int A>
METTLE_AVX2 void price_orders(const Settings& settings, const Terms& terms, const Four& four,
                              int assets, Block<A>& block) {
    const auto slippage = static_cast<double>(settings.slippage);
    const Rows next = rows_after(four, assets);
#pragma GCC unroll 4
    for (int i = 0; i < assets; ++i) {
        const V buys = block.buys[i];
        const V open = prices(next.row, i).open;
        const V moved = _mm256_mul_pd(open, pick(buys, all(1e6 + slippage), all(1e6 - slippage)));
        const V rounded = _mm256_add_pd(moved, only(buys, all(999999.0)));
        const V ticks = _mm256_max_pd(all(1.0), _mm256_floor_pd(_mm256_mul_pd(rounded, all(1e-6))));
        block.price[i] = _mm256_mul_pd(ticks, all(terms.unit[i]));
        block.value[i] = _mm256_mul_pd(block.size[i], block.price[i]);
    }
}

// What the sells bring and the buys cost.
template <int A>
METTLE_AVX2 void charge(const Terms& terms, int assets, Block<A>& block) {
    block.cost = _mm256_setzero_pd();
    block.count = _mm256_setzero_pd();
#pragma GCC unroll 4
    for (int i = 0; i < assets; ++i) {
        const V buys = block.buys[i];
        const V value = block.value[i];
        const V fee = fees(value, all(terms.fee[i]));
        block.good = _mm256_and_pd(block.good, less(value, all(terms.limit)));
        block.cash = _mm256_add_pd(block.cash, _mm256_andnot_pd(buys, _mm256_sub_pd(value, fee)));
        block.cost = _mm256_add_pd(block.cost, only(buys, _mm256_add_pd(value, fee)));
        block.count = _mm256_add_pd(block.count, only(buys, all(1.0)));
    }
}

// Scale the buys of the lanes that want more than their cash.
template <int A>
METTLE_AVX2 void scale(const Terms& terms, int assets, Block<A>& block) {
    const V zero = _mm256_setzero_pd();
    const V lacks = less(block.cash, block.cost);
    if (_mm256_movemask_pd(lacks) == 0) return;
    const V available = _mm256_max_pd(zero, _mm256_sub_pd(block.cash, block.count));
    const V cost = _mm256_max_pd(block.cost, all(1.0));
    V paid = zero;
#pragma GCC unroll 4
    for (int i = 0; i < assets; ++i) {
        const V lots = multiply_divide(block.size[i], available, cost);
        const V value = _mm256_mul_pd(lots, block.price[i]);
        const V kept = at_least(value, all(terms.min_notional[i]));
        const V scales = _mm256_and_pd(lacks, block.buys[i]);
        block.size[i] = pick(scales, only(kept, lots), block.size[i]);
        block.value[i] = pick(scales, only(kept, value), block.value[i]);
        const V fee = fees(block.value[i], all(terms.fee[i]));
        paid = _mm256_add_pd(paid, only(block.buys[i], _mm256_add_pd(block.value[i], fee)));
    }
    block.cost = pick(lacks, paid, block.cost);
}

// Positions and the mark at the close of t + 1, in the block only.
template <int A>
METTLE_AVX2 void book(const Terms& terms, const Four& four, int assets, Block<A>& block) {
    const Rows next = rows_after(four, assets);
    V good = block.good;
    block.cash = _mm256_sub_pd(block.cash, block.cost);
    block.equity = block.cash;
    block.traded = _mm256_setzero_pd();
#pragma GCC unroll 4
    for (int i = 0; i < assets; ++i) {
        const V buys = block.buys[i];
        const V held = from_ints(gather(four.lots + i, assets));
        const __m256i paid = gather(four.basis + i, assets);
        const V basis = from_ints(paid);
        const V sold = _mm256_andnot_pd(buys, block.size[i]);
        const V released = multiply_divide(basis, sold, _mm256_max_pd(held, all(1.0)));
        const V cost_basis =
            _mm256_add_pd(_mm256_sub_pd(basis, released), only(buys, block.value[i]));
        const V lots = _mm256_add_pd(_mm256_sub_pd(held, sold), only(buys, block.size[i]));
        const V worth = _mm256_mul_pd(prices(next.row, i).close, all(terms.unit[i]));
        const V marked = _mm256_mul_pd(lots, worth);
        good = _mm256_and_pd(good, _mm256_and_pd(less(marked, all(terms.limit)),
                                                 less(cost_basis, all(kTwo52))));
        good = _mm256_and_pd(good, under_two_52(paid));
        block.traded = _mm256_add_pd(block.traded, block.value[i]);
        block.equity = _mm256_add_pd(block.equity, marked);
        block.size[i] = lots;
        block.price[i] = cost_basis;
        block.value[i] = marked;
    }
    block.good = good;
}

// Write the accounts back; only where every lane is good.
template <int A>
METTLE_AVX2 void keep(const Four& four, int assets, Block<A>& block) {
#pragma GCC unroll 4
    for (int i = 0; i < assets; ++i) {
        scatter(four.lots + i, assets, to_ints(block.size[i]));
        scatter(four.basis + i, assets, to_ints(block.price[i]));
        const V holds = less(_mm256_setzero_pd(), block.size[i]);
        const __m128i open = _mm256_cvtpd_epi32(only(holds, all(1.0)));
        const __m128i older =
            _mm_add_epi32(gather(four.bars_held + i, assets), _mm_set1_epi32(1));
        const __m128i age = _mm_mullo_epi32(older, open);
        scatter(four.bars_held + i, assets, age);
        block.age[i] = _mm_cvtepi32_ps(age);
    }
    store(four.cash, block.cash);
}

// Advance accounts from the close of t to the close of t + 1, but for the reward. Where a block's
// lanes are not all good nothing has changed, and the general step must do it.
template <int A>
METTLE_AVX2 void step(const Settings& settings, const Terms& terms, const Four* fours, int assets,
                      Block<A>* blocks, int count) {
    for (int g = 0; g < count; ++g) weigh<A>(settings, terms, fours[g], assets, blocks[g]);
    for (int g = 0; g < count; ++g) order<A>(terms, fours[g], assets, blocks[g]);
    for (int g = 0; g < count; ++g) {
        price_orders<A>(settings, terms, fours[g], assets, blocks[g]);
    }
    for (int g = 0; g < count; ++g) charge<A>(terms, assets, blocks[g]);
    for (int g = 0; g < count; ++g) scale<A>(terms, assets, blocks[g]);
    for (int g = 0; g < count; ++g) book<A>(terms, fours[g], assets, blocks[g]);
    for (int g = 0; g < count; ++g) {
        if (every(blocks[g].good)) keep<A>(fours[g], assets, blocks[g]);
    }
}

// Rows of features are short: a call to copy one costs as much as the copy.
METTLE_AVX2 void copy_row(const float* from, Int count, float* to) {
    Int at = 0;
    for (; at + 8 <= count; at += 8) _mm256_storeu_ps(to + at, _mm256_loadu_ps(from + at));
    for (; at < count; ++at) to[at] = from[at];
}

// See observe_portfolio; four rows `width` floats apart, each with room behind the portfolio.
template <int A>
METTLE_AVX2 void observe_portfolio(const Block<A>& block, int assets, Int width, float* out) {
    const V zero = _mm256_setzero_pd();
    const __m128 cash = _mm256_cvtpd_ps(_mm256_div_pd(block.cash, block.equity));
    out[0] = _mm_cvtss_f32(cash);
    out[width] = _mm_cvtss_f32(_mm_shuffle_ps(cash, cash, 1));
    out[2 * width] = _mm_cvtss_f32(_mm_shuffle_ps(cash, cash, 2));
    out[3 * width] = _mm_cvtss_f32(_mm_shuffle_ps(cash, cash, 3));
#pragma GCC unroll 4
    for (int i = 0; i < assets; ++i) {
        const V value = block.value[i];
        const V basis = block.price[i];
        const V flat = equal(basis, zero);
        const V gain = _mm256_andnot_pd(flat, _mm256_sub_pd(value, basis));
        __m128 a = _mm256_cvtpd_ps(_mm256_div_pd(value, block.equity));
        __m128 b = _mm256_cvtpd_ps(_mm256_div_pd(gain, pick(flat, all(1.0), basis)));
        // Of whole numbers under 2^24 the quotient in float32 is that of float64, rounded.
        __m128 c = _mm_div_ps(block.age[i], _mm_set1_ps(100.0F));
        __m128 next = c;  // whatever: the next asset or the features overwrite it
        _MM_TRANSPOSE4_PS(a, b, c, next);
        float* entry = out + 1 + 3 * i;
        _mm_storeu_ps(entry, a);
        _mm_storeu_ps(entry + width, b);
        _mm_storeu_ps(entry + 2 * width, c);
        _mm_storeu_ps(entry + 3 * width, next);
    }
}

}  // namespace mettle::market::lanes

#endif
