// What a feature kernel is.
#pragma once

#include <cstddef>

#include "mettle/features/level.hpp"

namespace mettle::features::inline METTLE_LEVEL {

// A kernel is a struct of parameters, trivially copyable, in two parts: what a bar hands on to the
// next one, which has to wait for its forerunners, and what is told of each bar, which has not.
//   static constexpr std::size_t outputs;  values told of a bar
//   static constexpr std::size_t carried;  numbers that step() hands to value(), may be 0
//   struct State;                          trivially copyable, without initialisers
//   int warmup() const;                    bars before the first valid value
//   int depth() const;                     how far back it reads bars
//   std::size_t memory() const;            doubles of further state per asset
//   template <Form> void step(State&, double* memory, const BarSpan&, std::ptrdiff_t i,
//                             double* carry) const;
//   template <Form> void value(const double* carry, const BarSpan&, std::ptrdiff_t i,
//                              double* out) const;
// What is told before the warm-up is thrown away; it must only not trap. Kernels that carry the
// same name the part of them that does so `Carrier`, their first base, and the form that it needs
// `carried_form`, if that is not their own: they share its state and its pass.
//
// Where the rule is simpler for bars [from, to), such as once it is past its seed, a kernel may
// have a second step, of the same results, for which the assets run side by side:
//   struct Steady;                         a state that holds for those bars
//   bool settle(const State&, const BarSpan&, std::size_t from, std::size_t to, Steady&) const;
//   template <Form> void step(Steady&, const BarSpan&, std::ptrdiff_t i, double* carry) const;
//   void keep(const Steady&, State&) const;
// If that step takes one number a bar, the number can be made for many bars at once beforehand:
//   double feed(const BarSpan&, std::ptrdiff_t i) const;
//   void step(Steady&, double fed, double* carry) const;
template <class Kernel>
concept Settles = requires { typename Kernel::Steady; };
template <class Kernel>
concept Feeds = requires { &Kernel::feed; };

// A kernel without a past but that of the bars.
struct Stateless {
    static constexpr std::size_t carried = 0;
    struct State {};
    std::size_t memory() const { return 0; }
};

}  // namespace mettle::features::inline METTLE_LEVEL
