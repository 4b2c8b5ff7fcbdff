// Rows of memory, one an environment, as registers of one entry an asset, and back. The file that
// includes it defines the registers for its level. Where four assets are known they are turned in
// registers; any other number is gathered entry by entry.

namespace mettle::market::lanes {
namespace {

template <int A>
constexpr int kMost = A > 0 ? A : kMaxAssets;

template <int A, class Entry, class Register>
METTLE_LANES void columns(const Entry* rows, int assets, Register* out) {
    if constexpr (A == 4) {
        four_columns(rows, out);
    } else {
        for (int i = 0; i < assets; ++i) out[i] = gather(rows + i, assets);
    }
}

template <int A, class Entry, class Register>
METTLE_LANES void into_rows(const Register* columns, int assets, Entry* rows) {
    if constexpr (A == 4) {
        four_rows(columns, rows);
    } else {
        for (int i = 0; i < assets; ++i) scatter(rows + i, assets, columns[i]);
    }
}

// Prices of the rows `at` entries behind those given.

template <int A>
METTLE_LANES void all_opens(const Price* const* rows, int at, int assets, Ints* out) {
    if constexpr (A == 4) {
        four_opens(rows, at, out);
    } else {
        for (int i = 0; i < assets; ++i) out[i] = opens(rows, at + i);
    }
}

template <int A>
METTLE_LANES void all_closes(const Price* const* rows, int at, int assets, Ints* out) {
    if constexpr (A == 4) {
        four_closes(rows, at, out);
    } else {
        for (int i = 0; i < assets; ++i) out[i] = closes(rows, at + i);
    }
}

}  // namespace
}  // namespace mettle::market::lanes
