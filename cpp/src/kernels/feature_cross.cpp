// An asset among the others: relative strength and rank over n bars, correlation and beta.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "mettle/features/cross.hpp"
#include "mettle/features/exact_math.hpp"

namespace mettle::features {
namespace {

// Log returns over n of each asset's own bars, and which assets have one now.
class Returns {
  public:
    Returns(int period, std::size_t assets)
        : period_(static_cast<std::size_t>(period)),
          closes_(assets * period_),
          seen_(assets),
          now_(assets),
          valid_(assets) {}

    void update(const std::int64_t* close, const std::uint8_t* state) {
        for (std::size_t a = 0; a < seen_.size(); ++a) {
            valid_[a] = 0;
            if (state[a] == 0) continue;
            std::int64_t& slot =
                closes_[a * period_ + static_cast<std::size_t>(seen_[a]) % period_];
            if (seen_[a] >= static_cast<std::int64_t>(period_)) {
                valid_[a] = 1;
                now_[a] = log_ratio(close[a], slot);
            }
            slot = close[a];
            ++seen_[a];
        }
    }

    std::size_t assets() const { return seen_.size(); }
    bool valid(std::size_t asset) const { return valid_[asset] != 0; }
    double of(std::size_t asset) const { return now_[asset]; }

    // Mean over the assets that have one, in column order; 0 if none has.
    double mean() const {
        double total = 0.0;
        int count = 0;
        for (std::size_t a = 0; a < assets(); ++a)
            if (valid(a)) {
                total += now_[a];
                ++count;
            }
        return count > 0 ? total / count : 0.0;
    }

    std::size_t bytes() const { return (closes_.size() + seen_.size()) * sizeof(std::int64_t); }
    void save(std::byte* to) const {
        std::memcpy(to, closes_.data(), closes_.size() * sizeof(std::int64_t));
        std::memcpy(to + closes_.size() * sizeof(std::int64_t), seen_.data(),
                    seen_.size() * sizeof(std::int64_t));
    }
    void load(const std::byte* from) {
        std::memcpy(closes_.data(), from, closes_.size() * sizeof(std::int64_t));
        std::memcpy(seen_.data(), from + closes_.size() * sizeof(std::int64_t),
                    seen_.size() * sizeof(std::int64_t));
    }

  private:
    std::size_t period_;
    std::vector<std::int64_t> closes_;
    std::vector<std::int64_t> seen_;
    std::vector<double> now_;
    std::vector<std::uint8_t> valid_;
};

class CrossBase : public CrossNode {
  public:
    CrossBase(int warmup, int period, std::size_t assets)
        : returns_(period, assets), warmup_(warmup) {}
    int warmup() const override { return warmup_; }
    void bind(std::size_t output, std::size_t column) override {
        columns_[output] = static_cast<std::ptrdiff_t>(column);
    }

  protected:
    void write(double* row, std::size_t output, double value) const {
        if (columns_[output] >= 0) row[columns_[output]] = value;
    }

    Returns returns_;

  private:
    int warmup_;
    std::array<std::ptrdiff_t, 2> columns_{-1, -1};
};

class CrossReturn final : public CrossBase {
  public:
    CrossReturn(int period, std::size_t assets) : CrossBase(period, period, assets) {}

    void update(const std::int64_t* close, const std::uint8_t* state, double* row,
                std::size_t width) override {
        returns_.update(close, state);
        const double mean = returns_.mean();
        for (std::size_t a = 0; a < returns_.assets(); ++a) {
            if (!returns_.valid(a)) continue;
            write(row + a * width, 0, returns_.of(a) - mean);
            write(row + a * width, 1, rank(a));
        }
    }

    std::size_t state_bytes() const override { return returns_.bytes(); }
    void save(std::byte* to) const override { returns_.save(to); }
    void load(const std::byte* from) override { returns_.load(from); }

  private:
    // (assets below − assets above) / (assets − 1): equal returns share their rank; alone it is 0.
    double rank(std::size_t asset) const {
        int below = 0;
        int above = 0;
        int others = 0;
        for (std::size_t b = 0; b < returns_.assets(); ++b) {
            if (b == asset || !returns_.valid(b)) continue;
            ++others;
            if (returns_.of(b) < returns_.of(asset)) ++below;
            if (returns_.of(b) > returns_.of(asset)) ++above;
        }
        return others > 0 ? static_cast<double>(below - above) / others : 0.0;
    }
};

class CrossMoments final : public CrossBase {
  public:
    CrossMoments(int period, std::size_t assets)
        : CrossBase(period, 1, assets),
          period_(static_cast<std::size_t>(period)),
          pairs_(assets * 4 * period_),
          taken_(assets) {}

    void update(const std::int64_t* close, const std::uint8_t* state, double* row,
                std::size_t width) override {
        returns_.update(close, state);
        const double mean = returns_.mean();
        for (std::size_t a = 0; a < returns_.assets(); ++a) {
            if (!returns_.valid(a)) continue;
            double* const memory = pairs_.data() + a * 4 * period_;
            const double* const own = Ring(memory, period_).push(taken_[a], returns_.of(a));
            const double* const all = Ring(memory + 2 * period_, period_).push(taken_[a], mean);
            ++taken_[a];
            moments(own, all, row + a * width);
        }
    }

    std::size_t state_bytes() const override {
        return returns_.bytes() + pairs_.size() * sizeof(double) +
               taken_.size() * sizeof(std::int64_t);
    }
    void save(std::byte* to) const override {
        returns_.save(to);
        to += returns_.bytes();
        std::memcpy(to, pairs_.data(), pairs_.size() * sizeof(double));
        std::memcpy(to + pairs_.size() * sizeof(double), taken_.data(),
                    taken_.size() * sizeof(std::int64_t));
    }
    void load(const std::byte* from) override {
        returns_.load(from);
        from += returns_.bytes();
        std::memcpy(pairs_.data(), from, pairs_.size() * sizeof(double));
        std::memcpy(taken_.data(), from + pairs_.size() * sizeof(double),
                    taken_.size() * sizeof(std::int64_t));
    }

  private:
    // Two passes over the window, so that nothing cancels; 0 where a side does not vary.
    void moments(const double* own, const double* all, double* row) const {
        const double count = static_cast<double>(period_);
        const double own_mean = sum(own, period_) / count;
        const double all_mean = sum(all, period_) / count;
        double own_square = 0.0;
        double all_square = 0.0;
        double product = 0.0;
        for (std::size_t i = 0; i < period_; ++i) {
            const double x = own[i] - own_mean;
            const double y = all[i] - all_mean;
            own_square += x * x;
            all_square += y * y;
            product += x * y;
        }
        const double norm = std::sqrt(own_square) * std::sqrt(all_square);
        write(row, 0, norm > 0.0 ? std::clamp(product / norm, -1.0, 1.0) : 0.0);
        write(row, 1, all_square > 0.0 ? product / all_square : 0.0);
    }

    std::size_t period_;
    std::vector<double> pairs_;
    std::vector<std::int64_t> taken_;
};

}  // namespace

std::unique_ptr<CrossNode> make_cross_return(const int* parameters, std::size_t assets) {
    return std::make_unique<CrossReturn>(parameters[0], assets);
}

std::unique_ptr<CrossNode> make_cross_moments(const int* parameters, std::size_t assets) {
    return std::make_unique<CrossMoments>(parameters[0], assets);
}

}  // namespace mettle::features
