// The reductions of one element type. Parameters: TYPE (its name), ELEMENT, LANES, LOWEST, HIGHEST, TRUTH (the signed integer
// of its size), and for the types with arithmetic SUM_PARTIAL, SUM_TOTAL, PRODUCT_TOTAL.
#define OF_TYPE_(a, b) a##_##b
#define OF_TYPE__(a, b) OF_TYPE_(a, b)
#define OF_TYPE(name) OF_TYPE__(name, TYPE)

#define AS_IS(v, type) __builtin_convertvector(v, type)
#define SQUARED(v, type) ({ type s_ = __builtin_convertvector(v, type); s_ * s_; })
#define IS_TRUE(v, type) __builtin_convertvector((v) != (ELEMENT)0, type)
#define PLUS(a, b) (a + b)
#define TIMES(a, b) (a * b)
#define LESSER(a, b) (((b < a) | (b != b)) ? b : a)  // a NaN stays
#define GREATER(a, b) (((b > a) | (b != b)) ? b : a)
#define EITHER(a, b) (a | b)
#define BOTH(a, b) (a & b)

#ifdef SUM_PARTIAL
#define NAME OF_TYPE(sum)
#define RESULT ELEMENT
#define PARTIAL SUM_PARTIAL
#define TOTAL SUM_TOTAL
#define NEUTRAL 0
#define PADDING 0
#define TAKE AS_IS
#define COMBINE PLUS
#include "reduce_template.h"

#define NAME OF_TYPE(squares)
#define RESULT ELEMENT
#define PARTIAL SUM_PARTIAL
#define TOTAL SUM_TOTAL
#define NEUTRAL 0
#define PADDING 0
#define TAKE SQUARED
#define COMBINE PLUS
#include "reduce_template.h"

#define NAME OF_TYPE(product)
#define RESULT ELEMENT
#define PARTIAL PRODUCT_TOTAL
#define TOTAL PRODUCT_TOTAL
#define NEUTRAL 1
#define PADDING 1
#define TAKE AS_IS
#define COMBINE TIMES
#include "reduce_template.h"
#endif

#define NAME OF_TYPE(min)
#define RESULT ELEMENT
#define PARTIAL ELEMENT
#define TOTAL ELEMENT
#define NEUTRAL HIGHEST
#define PADDING HIGHEST
#define TAKE AS_IS
#define COMBINE LESSER
#include "reduce_template.h"

#define NAME OF_TYPE(max)
#define RESULT ELEMENT
#define PARTIAL ELEMENT
#define TOTAL ELEMENT
#define NEUTRAL LOWEST
#define PADDING LOWEST
#define TAKE AS_IS
#define COMBINE GREATER
#include "reduce_template.h"

#define NAME OF_TYPE(any)
#define RESULT bool
#define PARTIAL TRUTH
#define TOTAL TRUTH
#define NEUTRAL 0
#define PADDING 0
#define TAKE IS_TRUE
#define COMBINE EITHER
#include "reduce_template.h"

#define NAME OF_TYPE(all)
#define RESULT bool
#define PARTIAL TRUTH
#define TOTAL TRUTH
#define NEUTRAL (-1)
#define PADDING 1
#define TAKE IS_TRUE
#define COMBINE BOTH
#include "reduce_template.h"

static void OF_TYPE(reduce)(apus_reduction reduction, const ELEMENT *x, void *result, int64_t count, int64_t inner, int64_t begin,
                            int64_t end) {
  switch (reduction) {
#ifdef SUM_PARTIAL
  case APUS_REDUCE_SUM: OF_TYPE__(OF_TYPE(sum), run)(x, result, count, inner, begin, end); break;
  case APUS_REDUCE_PRODUCT: OF_TYPE__(OF_TYPE(product), run)(x, result, count, inner, begin, end); break;
  case APUS_REDUCE_SUM_OF_SQUARES: OF_TYPE__(OF_TYPE(squares), run)(x, result, count, inner, begin, end); break;
#endif
  case APUS_REDUCE_MIN: OF_TYPE__(OF_TYPE(min), run)(x, result, count, inner, begin, end); break;
  case APUS_REDUCE_MAX: OF_TYPE__(OF_TYPE(max), run)(x, result, count, inner, begin, end); break;
  case APUS_REDUCE_ANY: OF_TYPE__(OF_TYPE(any), run)(x, result, count, inner, begin, end); break;
  case APUS_REDUCE_ALL: OF_TYPE__(OF_TYPE(all), run)(x, result, count, inner, begin, end); break;
  default: break;
  }
}

#undef AS_IS
#undef SQUARED
#undef IS_TRUE
#undef PLUS
#undef TIMES
#undef LESSER
#undef GREATER
#undef EITHER
#undef BOTH
#undef OF_TYPE
#undef OF_TYPE_
#undef OF_TYPE__
#undef TYPE
#undef ELEMENT
#undef LANES
#undef LOWEST
#undef HIGHEST
#undef TRUTH
#undef SUM_PARTIAL
#undef SUM_TOTAL
#undef PRODUCT_TOTAL
