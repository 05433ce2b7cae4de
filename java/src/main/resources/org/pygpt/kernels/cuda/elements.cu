// Kernels that compute each element by itself, and sums of columns.

// x += bias, (rows, columns)
KERNEL bias(int rows, int columns, const float* bias, Matrix x) {
  i64 row = row_of_thread();
  if (row >= rows) return;
  for (int c = threadIdx.x; c < columns; c += blockDim.x) x.set(row, c, x.get(row, c) + bias[c]);
}

// Rows that one block sums, an eighth of them by each of its rows of threads.
constexpr int ROWS_OF_SUM = 256;

// partial[blockIdx.y, c] = the sum of x[row, c] over the rows of this block. Blocks are (32, 8).
template <class Value>
__device__ __forceinline__ void sum_columns(int rows, int columns, float* partial, Value value) {
  __shared__ float sums[8][32];
  int c = blockIdx.x * 32 + threadIdx.x;
  int first = blockIdx.y * ROWS_OF_SUM;
  int end = min(rows, first + ROWS_OF_SUM);
  float sum = 0;
  if (c < columns) {
    for (int row = first + threadIdx.y; row < end; row += 8) sum += value(row, c);
  }
  sums[threadIdx.y][threadIdx.x] = sum;
  __syncthreads();
  if (threadIdx.y == 0 && c < columns) {
    for (int i = 1; i < 8; i++) sum += sums[i][threadIdx.x];
    partial[(i64)blockIdx.y * columns + c] = sum;
  }
}

KERNEL column_sums(int rows, int columns, Matrix x, float* partial) {
  sum_columns(rows, columns, partial, [=](int row, int c) { return x.get(row, c); });
}

// out[c] (+)= the sum of partial[part, c] over all parts, in their order
KERNEL add_parts(int parts, int columns, const float* partial, float* out, int add) {
  int c = blockIdx.x * blockDim.x + threadIdx.x;
  if (c >= columns) return;
  float sum = 0;
  for (int part = 0; part < parts; part++) sum += partial[(i64)part * columns + c];
  out[c] = add ? out[c] + sum : sum;
}

// sum = x + branch + bias
KERNEL residual(int rows, int columns, Matrix x, Matrix branch, const float* bias, Matrix sum) {
  i64 row = row_of_thread();
  if (row >= rows) return;
  for (int c = threadIdx.x; c < columns; c += blockDim.x) {
    float added = x.get(row, c) + branch.get(row, c);
    sum.set(row, c, bias ? added + bias[c] : added);
  }
}

// out = factor * x, rounded or widened if their types differ
KERNEL scale(int rows, int columns, float factor, Matrix x, Matrix out) {
  i64 row = row_of_thread();
  if (row >= rows) return;
  for (int c = threadIdx.x; c < columns; c += blockDim.x) out.set(row, c, factor * x.get(row, c));
}

// to (+)= factor * x, of `length` elements of float32; `round` to the nearest bfloat16
KERNEL add_scaled(i64 length, float factor, const float* x, float* to, int add, int round) {
  i64 i = (i64)blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= length) return;
  float sum = (add ? to[i] : 0.0f) + factor * x[i];
  to[i] = round ? widened(rounded(sum)) : sum;
}

// Elements of four bytes, or of two, as they are.
template <class Element>
__device__ __forceinline__ void copy_elements(
    int rows, int columns, const Element* from, i64 from_stride, Element* to, i64 to_stride) {
  i64 row = row_of_thread();
  if (row >= rows) return;
  for (int c = threadIdx.x; c < columns; c += blockDim.x)
    to[row * to_stride + c] = from[row * from_stride + c];
}

KERNEL copy32(
    int rows, int columns, const unsigned* from, i64 from_stride, unsigned* to, i64 to_stride) {
  copy_elements(rows, columns, from, from_stride, to, to_stride);
}

KERNEL copy16(
    int rows, int columns, const unsigned short* from, i64 from_stride, unsigned short* to, i64 to_stride) {
  copy_elements(rows, columns, from, from_stride, to, to_stride);
}

// out = (x + bias), kept or dropped
KERNEL dropout(
    int rows, int columns, Matrix x, const float* bias, unsigned key, unsigned threshold, float factor,
    Matrix out) {
  i64 row = row_of_thread();
  if (row >= rows) return;
  for (int c = threadIdx.x; c < columns; c += blockDim.x) {
    float value = x.get(row, c) + (bias ? bias[c] : 0.0f);
    out.set(row, c, value * kept(row * columns + c, key, threshold, factor));
  }
}

// Turns columns d and d + half of each head by the angles of the row's position; sign -1 turns back.
KERNEL rotary(
    int rows, int T, int past, int heads, int D, int half, const float* angles, i64 angles_stride,
    float sign, Matrix x) {
  i64 row = row_of_thread();
  if (row >= rows) return;
  const float* angle = angles + (past + row % T) * angles_stride;
  for (int i = threadIdx.x; i < heads * half; i += blockDim.x) {
    int d = i % half, at = i / half * D + d;
    float cosine = angle[d], sine = sign * angle[half + d];
    float first = x.get(row, at), second = x.get(row, at + half);
    x.set(row, at, first * cosine - second * sine);
    x.set(row, at + half, second * cosine + first * sine);
  }
}

// ---- products of few rows ------------------------------------------------------------------------------------------

// to[c, row] = from[row, c], as bfloat16; or to[row, c]
KERNEL round_weights(
    int rows, int columns, int transpose, const float* from, i64 from_stride, unsigned short* to) {
  i64 row = row_of_thread();
  if (row >= rows) return;
  for (int c = threadIdx.x; c < columns; c += blockDim.x)
    to[transpose ? (i64)c * rows + row : row * columns + c] = rounded(from[row * from_stride + c]);
}

constexpr int MOST_ROWS = 8;

// out[row, o] = the sum of x[row, i] * weights[o, i], for at most MOST_ROWS rows; a warp for each output, so that each
// weight is read once. A row's bits do not depend on the others.
KERNEL few_rows(
    int rows, int inputs, int outputs, const float* x, i64 x_stride, const unsigned short* weights,
    float* out, i64 out_stride) {
  i64 o = row_of_thread();
  if (o >= outputs) return;  // the whole warp
  float sums[MOST_ROWS] = {};
  for (int i = threadIdx.x; i < inputs; i += 32) {
    float weight = widened(weights[o * inputs + i]);
#pragma unroll
    for (int row = 0; row < MOST_ROWS; row++)
      if (row < rows) sums[row] += weight * x[row * x_stride + i];
  }
#pragma unroll
  for (int row = 0; row < MOST_ROWS; row++) {
    if (row >= rows) break;
    float sum = lanes_sum<32>(sums[row]);
    if (threadIdx.x == 0) out[row * out_stride + o] = sum;
  }
}
