// All kernels of the level that the file that includes this one is compiled for.
#pragma once

#include "mettle/features/calendar.hpp"
#include "mettle/features/change.hpp"
#include "mettle/features/loop.hpp"
#include "mettle/features/macd.hpp"
#include "mettle/features/moments.hpp"
#include "mettle/features/moving.hpp"
#include "mettle/features/range.hpp"
#include "mettle/features/rsi.hpp"
#include "mettle/features/stochastic.hpp"
#include "mettle/features/volatility.hpp"
#include "mettle/features/volume.hpp"

namespace mettle::features::inline METTLE_LEVEL {

constexpr Family kFamilies[] = {
    {"sma", make_program<Sma>},
    {"ema", make_program<Ema>},
    {"macd", make_program<Macd>},
    {"bollinger", make_program<Bollinger>},
    {"rsi", make_program<Rsi>},
    {"price_change", make_program<PriceChange>},
    {"close_open", make_program<CloseOpen>},
    {"log_return", make_program<LogReturn>},
    {"momentum", make_program<Momentum>},
    {"roc", make_program<RateOfChange>},
    {"z_score", make_program<ZScore>},
    {"stochastic_k", make_program<StochasticK>},
    {"stochastic_d", make_program<StochasticD>},
    {"atr", make_program<Atr>},
    {"true_range", make_program<TrueRange>},
    {"high_low_range", make_program<HighLowRange>},
    {"rolling_std", make_program<RollingStd>},
    {"realised_volatility", make_program<RealisedVolatility>},
    {"parkinson", make_program<Parkinson>},
    {"garman_klass", make_program<GarmanKlass>},
    {"volume_sma", make_program<VolumeSma>},
    {"volume_change", make_program<VolumeChange>},
    {"volume_ratio", make_program<VolumeRatio>},
    {"money_flow", make_program<MoneyFlow>},
    {"vwap_distance", make_program<VwapDistance>},
    {"day_circle", make_program<DayCircle>},
    {"week_circle", make_program<WeekCircle>},
    {nullptr, nullptr},
};

}  // namespace mettle::features::inline METTLE_LEVEL
