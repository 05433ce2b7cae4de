// Attention of bfloat16 on tensor cores (compute capability 8.0 and newer): the same as attention.cu computes, tile by
// tile, with products of 16 x 8 x 16 that a warp makes together. Nothing of size (queries, keys) is in memory, and every
// sum has one owner and a fixed order. Probabilities and score gradients are rounded to bfloat16 for their products.
//
// A block is four warps; each has 16 of its 64 rows: queries, or keys in attention_mma_dkv. Heads are padded with zeros
// to W columns. In shared memory rows are W + 8 apart, which keeps ldmatrix off bank conflicts.
//
// A product's fragment (PTX ISA, mma.m16n8k16): with g = lane / 4 and t = lane % 4 a lane has of each 8 columns
// [0], [1]: row g, columns 2 t and 2 t + 1; [2], [3]: the same of row g + 8.

constexpr int MMA_THREADS = 128;
constexpr int MMA_ROWS = 64;  // of a block

struct alignas(16) Eight {
  unsigned words[4];
};

// Two numbers as bfloat16, the first one in the lower half.
__device__ __forceinline__ unsigned pair(float first, float second) {
#if defined(__CUDACC_RTC__) && __CUDA_ARCH__ >= 800
  unsigned both;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(both) : "f"(second), "f"(first));
  return both;
#else
  return rounded(first) | (unsigned)rounded(second) << 16;
#endif
}

// d (16, 8) += a (16, 16) @ b (16, 8), by a warp
__device__ __forceinline__ void mma_16x8x16(float* d, const unsigned* a, unsigned b0, unsigned b1) {
#ifndef __CUDACC_RTC__
  shim::mma_16x8x16(d, a, b0, b1, __LINE__);
#elif __CUDA_ARCH__ >= 800
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
#endif
}

// Four matrices of 8 x 8 from shared memory: lane 8 j + i gives where row i of matrix j is, and has then its elements
// 2 t and 2 t + 1 of row g; with `turned`, of column g.
template <bool turned>
__device__ __forceinline__ void load_matrices(unsigned* to, const unsigned short* row) {
#ifndef __CUDACC_RTC__
  shim::load_matrices(to, row, turned, __LINE__);
#elif __CUDA_ARCH__ >= 800
  unsigned address = (unsigned)__cvta_generic_to_shared(row);
  if (turned)
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
                 : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
                 : "r"(address)
                 : "memory");
  else
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
                 : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
                 : "r"(address)
                 : "memory");
#endif
}

// ROWS rows of a head of sequence b, which has `rows` of them, from `first` on; zeros beyond both ends.
template <int W, int ROWS>
__device__ __forceinline__ void load_rows(
    const Matrix& from, i64 b, i64 head, i64 first, i64 rows, int D, unsigned short* to) {
  const unsigned short* data = (const unsigned short*)from.data + (b * rows + first) * from.stride + head * D;
  bool aligned = D % 8 == 0 && (((i64)data | from.stride * 2) & 15) == 0;
  for (int i = threadIdx.x; i < ROWS * (W / 8); i += MMA_THREADS) {
    int r = i / (W / 8), d = i % (W / 8) * 8;
    unsigned short* place = to + r * (W + 8) + d;
    const unsigned short* at = data + r * from.stride + d;
    if (aligned && first + r < rows && d < D) {
      *(Eight*)place = *(const Eight*)at;
    } else {
      for (int j = 0; j < 8; j++) place[j] = first + r < rows && d + j < D ? at[j] : 0;
    }
  }
}

// sums (16, 8 N) += a (16, W) @ bᵀ, of b (8 N, W)
template <int W, int N>
__device__ __forceinline__ void multiply_rows(
    const unsigned short* a, const unsigned short* b, float (*sums)[4]) {
  constexpr int LD = W + 8;
  int lane = threadIdx.x % 32;
#pragma unroll
  for (int k = 0; k < W; k += 16) {
    unsigned left[4], right[4];
    load_matrices<false>(left, a + lane % 16 * LD + k + lane / 16 * 8);
#pragma unroll
    for (int n = 0; n < N; n += 2) {
      load_matrices<false>(right, b + (8 * n + lane / 16 * 8 + lane % 8) * LD + k + lane / 8 % 2 * 8);
      mma_16x8x16(sums[n], left, right[0], right[1]);
      mma_16x8x16(sums[n + 1], left, right[2], right[3]);
    }
  }
}

// sums (16, W) += weights (16, 8 N), a product's fragments, @ b (8 N, W)
template <int W, int N>
__device__ __forceinline__ void multiply_weights(
    const float (*weights)[4], const unsigned short* b, float (*sums)[4]) {
  constexpr int LD = W + 8;
  int lane = threadIdx.x % 32;
#pragma unroll
  for (int k = 0; k < N; k += 2) {
    unsigned left[4] = {
        pair(weights[k][0], weights[k][1]), pair(weights[k][2], weights[k][3]),
        pair(weights[k + 1][0], weights[k + 1][1]), pair(weights[k + 1][2], weights[k + 1][3])};
    unsigned right[4];
#pragma unroll
    for (int n = 0; n < W / 8; n += 2) {
      load_matrices<true>(right, b + (8 * k + lane % 16) * LD + 8 * n + lane / 16 * 8);
      mma_16x8x16(sums[n], left, right[0], right[1]);
      mma_16x8x16(sums[n + 1], left, right[2], right[3]);
    }
  }
}

// Rows `row` and `row + 8` of a head, times a factor each; `rows` of a sequence are there.
template <int W>
__device__ __forceinline__ void store_rows(
    const float (*sums)[4], const float* factors, int D, const Matrix& to, i64 b, i64 head, i64 row, i64 rows) {
  int column = threadIdx.x % 4 * 2;
#pragma unroll
  for (int i = 0; i < 4; i++) {
    i64 at = row + i / 2 * 8;
    if (at >= rows) continue;
#pragma unroll
    for (int n = 0; n < W / 8; n++) {
      int d = 8 * n + column + i % 2;
      if (d < D) to.set(b * rows + at, head * D + d, factors[i / 2] * sums[n][i]);
    }
  }
}

template <int W, int N>
__device__ __forceinline__ void mma_forward(const Attention& a) {
  DYNAMIC_SHARED(shared);
  constexpr int LD = W + 8, KEYS = 8 * N;
  unsigned short *Q = (unsigned short*)shared, *K = Q + MMA_ROWS * LD, *V = K + KEYS * LD;
  int D = (int)a.D, lane = threadIdx.x % 32, warp = threadIdx.x / 32, column = lane % 4 * 2;
  i64 h = blockIdx.y, b = blockIdx.z, head = b * gridDim.y + h, kv = h / a.group;
  i64 t0 = (i64)blockIdx.x * MMA_ROWS, row = t0 + warp * 16 + lane / 4;
  load_rows<W, MMA_ROWS>(a.q, b, h, t0, a.queries, D, Q);
  i64 last = t0 + MMA_ROWS < a.queries ? t0 + MMA_ROWS - 1 : a.queries - 1;
  i64 end = a.visible(last);
  float sums[W / 8][4] = {}, largest[2] = {-infinity(), -infinity()}, total[2] = {}, slope;
  for (i64 s0 = a.first(t0) / KEYS * KEYS; s0 < end; s0 += KEYS) {
    __syncthreads();
    load_rows<W, KEYS>(a.k, b, kv, s0, a.keys, D, K);
    load_rows<W, KEYS>(a.v, b, kv, s0, a.keys, D, V);
    __syncthreads();
    float p[N][4] = {};
    multiply_rows<W, N>(Q + warp * 16 * LD, K, p);
#pragma unroll
    for (int half = 0; half < 2; half++) {
      i64 t = row + 8 * half;
      float most = -infinity(), sum = 0;
#pragma unroll
      for (int i = 0; i < 2 * N; i++) {
        float* x = &p[i / 2][2 * half + i % 2];
        i64 s = s0 + i / 2 * 8 + column + i % 2;
        *x = a.sees(t, s) ? a.score(*x, h, t, s, &slope) : -infinity();
        most = fmaxf(most, *x);
      }
      most = fmaxf(largest[half], lanes_max<4>(most));
      float before = most == -infinity() ? 1.0f : expf(largest[half] - most);
#pragma unroll
      for (int i = 0; i < 2 * N; i++) {
        float* x = &p[i / 2][2 * half + i % 2];
        *x = *x == -infinity() ? 0.0f : expf(*x - most);
        sum += *x;
        if (a.drops && *x != 0) *x *= a.kept_of(head, t, s0 + i / 2 * 8 + column + i % 2);
      }
      total[half] = total[half] * before + lanes_sum<4>(sum);
      largest[half] = most;
#pragma unroll
      for (int n = 0; n < W / 8; n++) {
        sums[n][2 * half] *= before;
        sums[n][2 * half + 1] *= before;
      }
    }
    multiply_weights<W, N>(p, V, sums);
  }
  float factors[2] = {1 / total[0], 1 / total[1]};
  store_rows<W>(sums, factors, D, a.out, b, h, row, a.queries);
  for (int half = 0; half < 2; half++) {
    i64 t = row + 8 * half;
    if (a.logsumexp && lane % 4 == 0 && t < a.queries)
      a.logsumexp[head * a.logsumexp_stride + t] = largest[half] + logf(total[half]);
  }
}

// dQ of 64 queries
template <int W, int N>
__device__ __forceinline__ void mma_dq(const Attention& a) {
  DYNAMIC_SHARED(shared);
  constexpr int LD = W + 8, KEYS = 8 * N;
  unsigned short *Q = (unsigned short*)shared, *G = Q + MMA_ROWS * LD, *K = G + MMA_ROWS * LD, *V = K + KEYS * LD;
  int D = (int)a.D, lane = threadIdx.x % 32, warp = threadIdx.x / 32, column = lane % 4 * 2;
  i64 h = blockIdx.y, b = blockIdx.z, head = b * gridDim.y + h, kv = h / a.group;
  i64 t0 = (i64)blockIdx.x * MMA_ROWS, row = t0 + warp * 16 + lane / 4;
  load_rows<W, MMA_ROWS>(a.q, b, h, t0, a.queries, D, Q);
  load_rows<W, MMA_ROWS>(a.dOut, b, h, t0, a.queries, D, G);
  float logsumexp[2], delta[2], unused;
  for (int half = 0; half < 2; half++) {
    i64 t = row + 8 * half;
    logsumexp[half] = t < a.queries ? a.logsumexp[head * a.logsumexp_stride + t] : 0.0f;
    delta[half] = t < a.queries ? a.delta[head * a.queries + t] : 0.0f;
  }
  i64 last = t0 + MMA_ROWS < a.queries ? t0 + MMA_ROWS - 1 : a.queries - 1;
  i64 end = a.visible(last);
  float sums[W / 8][4] = {};
  for (i64 s0 = a.first(t0) / KEYS * KEYS; s0 < end; s0 += KEYS) {
    __syncthreads();
    load_rows<W, KEYS>(a.k, b, kv, s0, a.keys, D, K);
    load_rows<W, KEYS>(a.v, b, kv, s0, a.keys, D, V);
    __syncthreads();
    float products[N][4] = {}, dProducts[N][4] = {};
    multiply_rows<W, N>(Q + warp * 16 * LD, K, products);
    multiply_rows<W, N>(G + warp * 16 * LD, V, dProducts);
#pragma unroll
    for (int i = 0; i < 4 * N; i++) {
      int half = i % 4 / 2;
      i64 t = row + 8 * half, s = s0 + i / 4 * 8 + column + i % 2;
      float* x = &products[i / 4][i % 4];
      *x = score_gradient(
          a, head, h, t, s, *x, dProducts[i / 4][i % 4], logsumexp[half], delta[half], &unused);
    }
    multiply_weights<W, N>(products, K, sums);
  }
  const float ones[2] = {1, 1};
  store_rows<W>(sums, ones, D, a.dQ, b, h, row, a.queries);
}

// dK and dV of 64 keys, over the heads that share them and all queries that see them; products are turned, (keys,
// queries)
template <int W, int N>
__device__ __forceinline__ void mma_dkv(const Attention& a) {
  DYNAMIC_SHARED(shared);
  constexpr int LD = W + 8, QUERIES = 8 * N;
  float *logsumexp = shared, *delta = logsumexp + QUERIES;
  unsigned short *K = (unsigned short*)(delta + QUERIES), *V = K + MMA_ROWS * LD;
  unsigned short *Q = V + MMA_ROWS * LD, *G = Q + QUERIES * LD;
  int D = (int)a.D, lane = threadIdx.x % 32, warp = threadIdx.x / 32, column = lane % 4 * 2;
  i64 kv = blockIdx.y, b = blockIdx.z, heads = gridDim.y * a.group;
  i64 s0 = (i64)blockIdx.x * MMA_ROWS, row = s0 + warp * 16 + lane / 4;
  load_rows<W, MMA_ROWS>(a.k, b, kv, s0, a.keys, D, K);
  load_rows<W, MMA_ROWS>(a.v, b, kv, s0, a.keys, D, V);
  i64 before = s0 - (a.keys - a.queries);  // the first query that sees key s0, if causal
  i64 begin = a.causal && before > 0 ? before / QUERIES * QUERIES : 0;
  float keys[W / 8][4] = {}, values[W / 8][4] = {};
  for (i64 h = kv * a.group; h < (kv + 1) * a.group; h++) {
    i64 head = b * heads + h;
    for (i64 t0 = begin; t0 < a.queries; t0 += QUERIES) {
      if (a.first(t0) >= s0 + MMA_ROWS) break;  // these and later ones see later keys alone
      __syncthreads();
      load_rows<W, QUERIES>(a.q, b, h, t0, a.queries, D, Q);
      load_rows<W, QUERIES>(a.dOut, b, h, t0, a.queries, D, G);
      if (threadIdx.x < QUERIES) {
        i64 t = t0 + threadIdx.x;
        logsumexp[threadIdx.x] = t < a.queries ? a.logsumexp[head * a.logsumexp_stride + t] : 0.0f;
        delta[threadIdx.x] = t < a.queries ? a.delta[head * a.queries + t] : 0.0f;
      }
      __syncthreads();
      float p[N][4] = {}, d[N][4] = {};
      multiply_rows<W, N>(K + warp * 16 * LD, Q, p);
      multiply_rows<W, N>(V + warp * 16 * LD, G, d);
#pragma unroll
      for (int i = 0; i < 4 * N; i++) {
        int query = i / 4 * 8 + column + i % 2;
        i64 s = row + i % 4 / 2 * 8;
        float product = p[i / 4][i % 4];
        d[i / 4][i % 4] = score_gradient(
            a, head, h, t0 + query, s, product, d[i / 4][i % 4], logsumexp[query], delta[query],
            &p[i / 4][i % 4]);
      }
      multiply_weights<W, N>(p, G, values);
      multiply_weights<W, N>(d, Q, keys);
    }
  }
  const float ones[2] = {1, 1};
  store_rows<W>(keys, ones, D, a.dK, b, kv, row, a.keys);
  store_rows<W>(values, ones, D, a.dV, b, kv, row, a.keys);
}

KERNEL __launch_bounds__(128, 1) attention_mma_64(const Attention a) { mma_forward<64, 8>(a); }
KERNEL __launch_bounds__(128, 1) attention_mma_128(const Attention a) { mma_forward<128, 8>(a); }
KERNEL __launch_bounds__(128, 1) attention_mma_dq_64(const Attention a) { mma_dq<64, 4>(a); }
KERNEL __launch_bounds__(128, 1) attention_mma_dq_128(const Attention a) { mma_dq<128, 4>(a); }
KERNEL __launch_bounds__(128, 1) attention_mma_dkv_64(const Attention a) { mma_dkv<64, 4>(a); }
KERNEL __launch_bounds__(128, 1) attention_mma_dkv_128(const Attention a) { mma_dkv<128, 4>(a); }
