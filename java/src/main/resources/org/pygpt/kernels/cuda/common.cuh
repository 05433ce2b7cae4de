// What all kernels share. The same sources are compiled by NVRTC for a card and, in tests, by a C++ compiler over a
// shim: nothing of CUDA's headers is used.
//
// Numbers are computed in float32; a Matrix is of float32 or bfloat16. What is float32 in any case comes as a pointer and
// the distance between rows. Blocks of element-wise kernels are (columns, rows): consecutive threads take consecutive
// columns of a row.

#define KERNEL extern "C" __global__ void

typedef long long i64;

constexpr unsigned ALL_LANES = 0xffffffffu;

__device__ __forceinline__ float infinity() { return __int_as_float(0x7f800000); }

// ---- bfloat16 --------------------------------------------------------------------------------------------------

__device__ __forceinline__ float widened(unsigned short bits) {
  return __int_as_float((int)((unsigned)bits << 16));
}

// The nearest one, ties to even; NaN stays NaN.
__device__ __forceinline__ unsigned short rounded(float x) {
#if defined(__CUDACC_RTC__) && __CUDA_ARCH__ >= 800
  unsigned short bits;
  asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(bits) : "f"(x));
  return bits;
#else
  unsigned bits = (unsigned)__float_as_int(x);
  return x == x ? (unsigned short)((bits + 0x7fff + (bits >> 16 & 1)) >> 16) : (unsigned short)0x7fc0;
#endif
}

// One of the two around x, the farther from zero as often as x is nearer to it: the lower 16 bits of `random` carry.
__device__ __forceinline__ unsigned short rounded_at_random(float x, unsigned random) {
  unsigned bits = (unsigned)__float_as_int(x);
  return x == x ? (unsigned short)((bits + (random & 0xffff)) >> 16) : (unsigned short)0x7fc0;
}

// Rows of float32 or bfloat16, `stride` elements apart. Its members are eight bytes wide, as the host writes them.
struct Matrix {
  void* data;  // element (0, 0); 0 for no matrix
  i64 stride;
  i64 narrow;  // whether it is of bfloat16

  __device__ __forceinline__ float get(i64 row, i64 column) const {
    i64 at = row * stride + column;
    return narrow ? widened(((const unsigned short*)data)[at]) : ((const float*)data)[at];
  }

  __device__ __forceinline__ void set(i64 row, i64 column, float value) const {
    i64 at = row * stride + column;
    if (narrow)
      ((unsigned short*)data)[at] = rounded(value);
    else
      ((float*)data)[at] = value;
  }
};

// ---- threads -----------------------------------------------------------------------------------------------------

// The row of a thread in a kernel whose blocks are (columns, rows).
__device__ __forceinline__ i64 row_of_thread() {
  return (i64)blockIdx.x * blockDim.y + threadIdx.y;
}

// Sums over the `width` neighbouring lanes that a thread belongs to; each of them gets the sum. In a fixed order.
template <int width>
__device__ __forceinline__ float lanes_sum(float x) {
  for (int o = width / 2; o > 0; o /= 2) x += __shfl_xor_sync(ALL_LANES, x, o);
  return x;
}

template <int width>
__device__ __forceinline__ float lanes_max(float x) {
  for (int o = width / 2; o > 0; o /= 2) x = fmaxf(x, __shfl_xor_sync(ALL_LANES, x, o));
  return x;
}

// The hash of CounterHash: lowbias32 of Wellons 2018.
__device__ __forceinline__ unsigned lowbias32(unsigned x) {
  x ^= x >> 16;
  x *= 0x7feb352du;
  x ^= x >> 15;
  x *= 0x846ca68bu;
  return x ^ x >> 16;
}

// The random word of element number `element`.
__device__ __forceinline__ unsigned random_word(i64 element, unsigned key) {
  unsigned block = (unsigned)(element >> 32);
  return lowbias32((unsigned)element ^ (block == 0 ? key : lowbias32(key + block)));
}

// What element number `element` is multiplied by: 0 if it is dropped, else `scale` = 1 / (1 - p).
__device__ __forceinline__ float kept(i64 element, unsigned key, unsigned threshold, float scale) {
  return random_word(element, key) >> 1 >= threshold ? scale : 0.0f;
}

// Memory that the threads of a block share, as large as the launch says.
#ifdef __CUDACC_RTC__
#define DYNAMIC_SHARED(name) extern __shared__ float name[]
#else
#define DYNAMIC_SHARED(name) float* name = shim::dynamic_shared()
#endif
