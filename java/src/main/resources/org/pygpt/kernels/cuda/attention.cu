// Attention, computed in float32: a tile of queries against one tile of keys after another (Dao et al. 2022): nothing of size
// (queries, keys) is in memory. Deterministic: every sum has one owner and a fixed order.
//
// A block has TILE rows of 8 threads, (8, TILE). The 8 threads of a row are neighbouring lanes of one warp; thread j of
// them has the columns j, j + 8, … of the row's sums, at most W of them, so that D <= 8 W.

// All members are eight bytes wide, as the host writes them.
struct Attention {
  i64 queries, keys, D, causal, window;
  i64 group;  // heads of queries for each head of keys and values
  double scale, cap;
  const float* slopes;  // of ALiBi, one a head; 0 for none
  const int* lengths;   // how many keys of each sequence are no padding; 0 for all
  i64 drops, key, threshold;
  double factor;  // of what dropout keeps
  Matrix q, k, v, out;
  float* logsumexp;  // 0 if nobody wants it
  i64 logsumexp_stride;
  // ---- backward alone
  Matrix dOut;
  float* delta;  // dOut . out, (B * H, queries)
  Matrix dQ, dK, dV;

  // Keys that query t attends to, of the sequence of this block: those before this index.
  __device__ __forceinline__ int visible(int t) const {
    return causal ? (int)(keys - queries) + t + 1 : lengths ? lengths[blockIdx.z] : (int)keys;
  }

  __device__ __forceinline__ int first(int t) const { return window ? max(visible(t) - (int)window, 0) : 0; }

  __device__ __forceinline__ bool sees(int t, int s) const {
    return t < (int)queries && s < visible(t) && s >= first(t);
  }

  // What becomes of a product; `slope` is the score's derivative by the product times the scale.
  __device__ float score(float dot, i64 h, i64 t, i64 s, float* slope) const {
    float x = dot * (float)scale;
    *slope = (float)scale;
    if (cap > 0) {
      float tanh = tanhf(x / (float)cap);
      x = (float)cap * tanh;
      *slope *= 1 - tanh * tanh;
    }
    if (slopes) x -= slopes[h] * fabsf((float)(keys - queries + t - s));
    return x;
  }

  __device__ float kept_of(i64 head, i64 t, i64 s) const {
    if (!drops) return 1;
    return kept((head * queries + t) * keys + s, (unsigned)key, (unsigned)threshold, (float)factor);
  }
};

// Rows [first, first + TILE) of a head of sequence b, which has so many rows, into rows D + 1 apart, which keeps the
// lanes off each other's banks.
template <int TILE>
__device__ __forceinline__ void load_tile(
    const Matrix& from, i64 b, i64 head, i64 first, i64 rows, int D, float* to) {
  int r = threadIdx.y;
  for (int d = threadIdx.x; d < D; d += 8)
    to[r * (D + 1) + d] = first + r < rows ? from.get(b * rows + first + r, head * D + d) : 0.0f;
}

__device__ __forceinline__ float dot(const float* a, const float* b, int D) {
  float sum = 0;
#pragma unroll 8
  for (int d = 0; d < D; d++) sum += a[d] * b[d];
  return sum;
}

// sums[i] += weights[row] * matrix[row, j + 8 i] over the rows of a tile
template <int W, int TILE>
__device__ __forceinline__ void add_rows(const float* weights, const float* matrix, int D, float* sums) {
  for (int row = 0; row < TILE; row++) {
    float weight = weights[row];
#pragma unroll
    for (int i = 0; i < W; i++) {
      int d = threadIdx.x + 8 * i;
      if (d < D) sums[i] += weight * matrix[row * (D + 1) + d];
    }
  }
}

template <int W>
__device__ __forceinline__ void store_row(
    const float* sums, float factor, int D, const Matrix& to, i64 row, i64 head) {
#pragma unroll
  for (int i = 0; i < W; i++) {
    int d = threadIdx.x + 8 * i;
    if (d < D) to.set(row, head * D + d, factor * sums[i]);
  }
}

template <int W, int TILE>
__device__ __forceinline__ void attention_forward(const Attention& a) {
  DYNAMIC_SHARED(shared);
  int D = (int)a.D, LD = D + 1, r = threadIdx.y;
  float *Q = shared, *K = Q + TILE * LD, *V = K + TILE * LD, *P = V + TILE * LD + r * (TILE + 1);
  i64 h = blockIdx.y, b = blockIdx.z, head = b * gridDim.y + h, kv = h / a.group;
  i64 t0 = (i64)blockIdx.x * TILE, t = t0 + r;
  load_tile<TILE>(a.q, b, h, t0, a.queries, D, Q);
  i64 last = t0 + TILE < a.queries ? t0 + TILE - 1 : a.queries - 1;
  i64 end = a.visible(last);
  float sums[W] = {}, largest = -infinity(), total = 0;
  for (i64 s0 = a.first(t0) / TILE * TILE; s0 < end; s0 += TILE) {
    __syncthreads();
    load_tile<TILE>(a.k, b, kv, s0, a.keys, D, K);
    load_tile<TILE>(a.v, b, kv, s0, a.keys, D, V);
    __syncthreads();
    float scores[TILE / 8], most = -infinity(), slope;
    for (int n = 0; n < TILE / 8; n++) {
      int s = threadIdx.x + 8 * n;
      float product = dot(Q + r * LD, K + s * LD, D);
      scores[n] = a.sees(t, s0 + s) ? a.score(product, h, t, s0 + s, &slope) : -infinity();
      most = fmaxf(most, scores[n]);
    }
    most = fmaxf(largest, lanes_max<8>(most));
    float before = most == -infinity() ? 1.0f : expf(largest - most);
    float sum = 0;
    for (int n = 0; n < TILE / 8; n++) {
      int s = threadIdx.x + 8 * n;
      float p = scores[n] == -infinity() ? 0.0f : expf(scores[n] - most);
      sum += p;
      P[s] = p == 0 ? 0.0f : p * a.kept_of(head, t, s0 + s);
    }
    total = total * before + lanes_sum<8>(sum);
    largest = most;
    __syncwarp();
#pragma unroll
    for (int i = 0; i < W; i++) sums[i] *= before;
    add_rows<W, TILE>(P, V, D, sums);
  }
  if (t < a.queries) {
    store_row<W>(sums, 1 / total, D, a.out, b * a.queries + t, h);
    if (a.logsumexp && threadIdx.x == 0)
      a.logsumexp[head * a.logsumexp_stride + t] = largest + logf(total);
  }
}

// delta = dOut . out of each query and head; a warp each, blocks are (32, 8)
KERNEL attention_delta(int rows, int H, const Attention a) {
  i64 row = row_of_thread();
  if (row >= (i64)rows * H) return;
  i64 query = row / H, h = row % H;
  float sum = 0;
  for (i64 c = h * a.D + threadIdx.x; c < (h + 1) * a.D; c += 32)
    sum += a.out.get(query, c) * a.dOut.get(query, c);
  sum = lanes_sum<32>(sum);
  if (threadIdx.x == 0) a.delta[(query / a.queries * H + h) * a.queries + query % a.queries] = sum;
}

// dScore of query t and key s, from both products; *probability as dropout leaves it
__device__ __forceinline__ float score_gradient(
    const Attention& a, i64 head, i64 h, i64 t, i64 s, float product, float dProduct, float logsumexp,
    float delta, float* probability) {
  *probability = 0;
  if (!a.sees(t, s)) return 0;
  float slope;
  float p = expf(a.score(product, h, t, s, &slope) - logsumexp);
  float keep = a.kept_of(head, t, s);
  *probability = p * keep;
  return p * (dProduct * keep - delta) * slope;
}

// dQ of a tile of queries
template <int W, int TILE>
__device__ __forceinline__ void attention_dq(const Attention& a) {
  DYNAMIC_SHARED(shared);
  int D = (int)a.D, LD = D + 1, r = threadIdx.y;
  float *Q = shared, *G = Q + TILE * LD, *K = G + TILE * LD, *V = K + TILE * LD;
  float* S = V + TILE * LD + r * (TILE + 1);
  i64 h = blockIdx.y, b = blockIdx.z, head = b * gridDim.y + h, kv = h / a.group;
  i64 t0 = (i64)blockIdx.x * TILE, t = t0 + r;
  load_tile<TILE>(a.q, b, h, t0, a.queries, D, Q);
  load_tile<TILE>(a.dOut, b, h, t0, a.queries, D, G);
  float logsumexp = t < a.queries ? a.logsumexp[head * a.logsumexp_stride + t] : 0.0f;
  float delta = t < a.queries ? a.delta[head * a.queries + t] : 0.0f;
  i64 last = t0 + TILE < a.queries ? t0 + TILE - 1 : a.queries - 1;
  i64 end = a.visible(last);
  float sums[W] = {}, unused;
  for (i64 s0 = a.first(t0) / TILE * TILE; s0 < end; s0 += TILE) {
    __syncthreads();
    load_tile<TILE>(a.k, b, kv, s0, a.keys, D, K);
    load_tile<TILE>(a.v, b, kv, s0, a.keys, D, V);
    __syncthreads();
    for (int n = 0; n < TILE / 8; n++) {
      int s = threadIdx.x + 8 * n;
      float product = dot(Q + r * LD, K + s * LD, D);
      float dProduct = dot(G + r * LD, V + s * LD, D);
      S[s] = score_gradient(a, head, h, t, s0 + s, product, dProduct, logsumexp, delta, &unused);
    }
    __syncwarp();
    add_rows<W, TILE>(S, K, D, sums);
  }
  if (t < a.queries) store_row<W>(sums, 1, D, a.dQ, b * a.queries + t, h);
}

// dK and dV of a tile of keys, over the heads that share them and all queries that see them
template <int W, int TILE>
__device__ __forceinline__ void attention_dkv(const Attention& a) {
  DYNAMIC_SHARED(shared);
  int D = (int)a.D, LD = D + 1, r = threadIdx.y;
  float *K = shared, *V = K + TILE * LD, *Q = V + TILE * LD, *G = Q + TILE * LD;
  float* rows = G + TILE * LD;  // logsumexp, then delta, of the queries of a tile
  float* P = rows + 2 * TILE + r * (TILE + 1);
  float* S = P + TILE * (TILE + 1);
  i64 kv = blockIdx.y, b = blockIdx.z, heads = gridDim.y * a.group;
  i64 s0 = (i64)blockIdx.x * TILE, s = s0 + r;
  load_tile<TILE>(a.k, b, kv, s0, a.keys, D, K);
  load_tile<TILE>(a.v, b, kv, s0, a.keys, D, V);
  i64 before = s0 - (a.keys - a.queries);  // the first query that sees key s0, if causal
  i64 begin = a.causal && before > 0 ? before / TILE * TILE : 0;
  float keys[W] = {}, values[W] = {};
  for (i64 h = kv * a.group; h < (kv + 1) * a.group; h++) {
    i64 head = b * heads + h;
    for (i64 t0 = begin; t0 < a.queries; t0 += TILE) {
      if (a.first(t0) >= s0 + TILE) break;  // these and later ones see later keys alone
      __syncthreads();
      load_tile<TILE>(a.q, b, h, t0, a.queries, D, Q);
      load_tile<TILE>(a.dOut, b, h, t0, a.queries, D, G);
      if (threadIdx.x == 0) {
        i64 t = t0 + r;
        rows[r] = t < a.queries ? a.logsumexp[head * a.logsumexp_stride + t] : 0.0f;
        rows[TILE + r] = t < a.queries ? a.delta[head * a.queries + t] : 0.0f;
      }
      __syncthreads();
      for (int n = 0; n < TILE / 8; n++) {
        int t = threadIdx.x + 8 * n;
        float product = s < a.keys ? dot(Q + t * LD, K + r * LD, D) : 0.0f;
        float dProduct = s < a.keys ? dot(G + t * LD, V + r * LD, D) : 0.0f;
        S[t] = score_gradient(
            a, head, h, t0 + t, s, product, dProduct, rows[t], rows[TILE + t], &P[t]);
      }
      __syncwarp();
      add_rows<W, TILE>(P, G, D, values);
      add_rows<W, TILE>(S, Q, D, keys);
    }
  }
  if (s < a.keys) {
    store_row<W>(keys, 1, D, a.dK, b * a.keys + s, kv);
    store_row<W>(values, 1, D, a.dV, b * a.keys + s, kv);
  }
}

KERNEL __launch_bounds__(256, 1) attention_64(const Attention a) { attention_forward<8, 32>(a); }
KERNEL __launch_bounds__(256, 1) attention_128(const Attention a) { attention_forward<16, 32>(a); }
KERNEL __launch_bounds__(128, 1) attention_256(const Attention a) { attention_forward<32, 16>(a); }
KERNEL __launch_bounds__(256, 1) attention_dq_64(const Attention a) { attention_dq<8, 32>(a); }
KERNEL __launch_bounds__(256, 1) attention_dq_128(const Attention a) { attention_dq<16, 32>(a); }
KERNEL __launch_bounds__(128, 1) attention_dq_256(const Attention a) { attention_dq<32, 16>(a); }
KERNEL __launch_bounds__(256, 1) attention_dkv_64(const Attention a) { attention_dkv<8, 32>(a); }
KERNEL __launch_bounds__(256, 1) attention_dkv_128(const Attention a) { attention_dkv<16, 32>(a); }
KERNEL __launch_bounds__(128, 1) attention_dkv_256(const Attention a) { attention_dkv<32, 16>(a); }

// ---- one query -------------------------------------------------------------------------------------------------

constexpr int WARPS_OF_ONE = 16;
constexpr int MOST_COLUMNS = 256;

// The only query of each sequence against its keys, as a step of generation has it: a block for each head, whose warps
// take turns with the keys; their sums are added in the order of the warps.
KERNEL __launch_bounds__(512, 1) attention_one(const Attention a) {
  __shared__ float sums_of[WARPS_OF_ONE][MOST_COLUMNS], largest_of[WARPS_OF_ONE], total_of[WARPS_OF_ONE];
  constexpr int W = MOST_COLUMNS / 32;
  int D = (int)a.D, lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  i64 h = blockIdx.y, b = blockIdx.z, kv = h / a.group;
  float q[W], sums[W] = {}, largest = -infinity(), total = 0, slope;
#pragma unroll
  for (int i = 0; i < W; i++) q[i] = lane + 32 * i < D ? a.q.get(b, h * D + lane + 32 * i) : 0.0f;
  int end = a.visible(0);
#pragma unroll 2
  for (int s = a.first(0) + warp; s < end; s += WARPS_OF_ONE) {
    i64 row = b * a.keys + s;
    float product = 0;
#pragma unroll
    for (int i = 0; i < W; i++)
      if (lane + 32 * i < D) product += q[i] * a.k.get(row, kv * D + lane + 32 * i);
    float score = a.score(lanes_sum<32>(product), h, 0, s, &slope);
    float most = fmaxf(largest, score), before = expf(largest - most), p = expf(score - most);
    total = total * before + p;
    largest = most;
#pragma unroll
    for (int i = 0; i < W; i++)
      if (lane + 32 * i < D) sums[i] = sums[i] * before + p * a.v.get(row, kv * D + lane + 32 * i);
  }
#pragma unroll
  for (int i = 0; i < W; i++) sums_of[warp][lane + 32 * i] = sums[i];
  if (lane == 0) {
    largest_of[warp] = largest;
    total_of[warp] = total;
  }
  __syncthreads();
  for (int i = 0; i < WARPS_OF_ONE; i++) largest = i == 0 ? largest_of[0] : fmaxf(largest, largest_of[i]);
  total = 0;
  for (int i = 0; i < WARPS_OF_ONE; i++) total += total_of[i] * expf(largest_of[i] - largest);
  int d = threadIdx.x;
  if (d < D) {
    float sum = 0;
    for (int i = 0; i < WARPS_OF_ONE; i++) sum += sums_of[i][d] * expf(largest_of[i] - largest);
    a.out.set(b, h * D + d, sum / total);
  }
  if (a.logsumexp && d == 0) a.logsumexp[(b * gridDim.y + h) * a.logsumexp_stride] = largest + logf(total);
}

// ---- heads wider than 256 --------------------------------------------------------------------------------------
//
// No card keeps tiles of them: a block of 256 threads takes a query, or a key, and probabilities and score gradients,
// (B * H * queries, keys), are kept in memory.

// The product of a head of a row with one of another row, by a warp.
__device__ __forceinline__ float warp_dot(
    const Matrix& a, i64 row, i64 head, const Matrix& b, i64 other, i64 kv, i64 D) {
  float sum = 0;
  for (i64 d = threadIdx.x % 32; d < D; d += 32)
    sum += a.get(row, head * D + d) * b.get(other, kv * D + d);
  return lanes_sum<32>(sum);
}

KERNEL __launch_bounds__(256, 1) attention_wide(const Attention a, float* probabilities) {
  __shared__ float shared[THREADS_OF_ROW];
  i64 t = blockIdx.x, h = blockIdx.y, b = blockIdx.z, head = b * gridDim.y + h, kv = h / a.group;
  float* p = probabilities + (head * a.queries + t) * a.keys;
  i64 query = b * a.queries + t;
  for (i64 s = threadIdx.x / 32; s < a.keys; s += THREADS_OF_ROW / 32) {
    float product = warp_dot(a.q, query, h, a.k, b * a.keys + s, kv, a.D), slope;
    if (threadIdx.x % 32 == 0) p[s] = a.sees(t, s) ? a.score(product, h, t, s, &slope) : -infinity();
  }
  __syncthreads();
  float largest = -infinity(), total = 0;
  for (i64 s = threadIdx.x; s < a.keys; s += THREADS_OF_ROW) largest = fmaxf(largest, p[s]);
  largest = block_max(largest, shared);
  for (i64 s = threadIdx.x; s < a.keys; s += THREADS_OF_ROW) total += expf(p[s] - largest);
  total = block_sum(total, shared);
  for (i64 s = threadIdx.x; s < a.keys; s += THREADS_OF_ROW)
    p[s] = expf(p[s] - largest) / total * a.kept_of(head, t, s);
  __syncthreads();
  for (i64 d = threadIdx.x; d < a.D; d += THREADS_OF_ROW) {
    float sum = 0;
    for (i64 s = 0; s < a.keys; s++) sum += p[s] * a.v.get(b * a.keys + s, kv * a.D + d);
    a.out.set(query, h * a.D + d, sum);
  }
  if (a.logsumexp && threadIdx.x == 0) a.logsumexp[head * a.logsumexp_stride + t] = largest + logf(total);
}

KERNEL __launch_bounds__(256, 1) attention_dq_wide(const Attention a, float* probabilities, float* slopes) {
  i64 t = blockIdx.x, h = blockIdx.y, b = blockIdx.z, head = b * gridDim.y + h, kv = h / a.group;
  i64 row = head * a.queries + t, query = b * a.queries + t;
  float logsumexp = a.logsumexp[head * a.logsumexp_stride + t];
  for (i64 s = threadIdx.x / 32; s < a.keys; s += THREADS_OF_ROW / 32) {
    float product = warp_dot(a.q, query, h, a.k, b * a.keys + s, kv, a.D);
    float dProduct = warp_dot(a.dOut, query, h, a.v, b * a.keys + s, kv, a.D);
    if (threadIdx.x % 32 == 0) {
      i64 at = row * a.keys + s;
      slopes[at] = score_gradient(
          a, head, h, t, s, product, dProduct, logsumexp, a.delta[row], probabilities + at);
    }
  }
  __syncthreads();
  for (i64 d = threadIdx.x; d < a.D; d += THREADS_OF_ROW) {
    float sum = 0;
    for (i64 s = 0; s < a.keys; s++)
      sum += slopes[row * a.keys + s] * a.k.get(b * a.keys + s, kv * a.D + d);
    a.dQ.set(query, h * a.D + d, sum);
  }
}

KERNEL __launch_bounds__(256, 1) attention_dkv_wide(
    const Attention a, const float* probabilities, const float* slopes) {
  i64 s = blockIdx.x, kv = blockIdx.y, b = blockIdx.z, heads = gridDim.y * a.group;
  for (i64 d = threadIdx.x; d < a.D; d += THREADS_OF_ROW) {
    float key = 0, value = 0;
    for (i64 h = kv * a.group; h < (kv + 1) * a.group; h++) {
      for (i64 t = 0; t < a.queries; t++) {
        i64 at = ((b * heads + h) * a.queries + t) * a.keys + s;
        key += slopes[at] * a.q.get(b * a.queries + t, h * a.D + d);
        value += probabilities[at] * a.dOut.get(b * a.queries + t, h * a.D + d);
      }
    }
    a.dK.set(b * a.keys + s, kv * a.D + d, key);
    a.dV.set(b * a.keys + s, kv * a.D + d, value);
  }
}
