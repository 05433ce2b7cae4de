// Kernels that compute each element by itself, and sums of columns.

// x += bias, (rows, columns)
KERNEL bias(int rows, int columns, const float* bias, float* x, i64 stride) {
  i64 row = row_of_thread();
  if (row >= rows) return;
  for (int c = threadIdx.x; c < columns; c += blockDim.x) x[row * stride + c] += bias[c];
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

KERNEL column_sums(int rows, int columns, const float* x, i64 stride, float* partial) {
  sum_columns(rows, columns, partial, [=](int row, int c) { return x[row * stride + c]; });
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
KERNEL residual(
    int rows, int columns, const float* x, i64 x_stride, const float* branch, i64 branch_stride,
    const float* bias, float* sum, i64 sum_stride) {
  i64 row = row_of_thread();
  if (row >= rows) return;
  for (int c = threadIdx.x; c < columns; c += blockDim.x) {
    float added = x[row * x_stride + c] + branch[row * branch_stride + c];
    sum[row * sum_stride + c] = bias ? added + bias[c] : added;
  }
}

// out = factor * x
KERNEL scale(
    int rows, int columns, float factor, const float* x, i64 x_stride, float* out, i64 out_stride) {
  i64 row = row_of_thread();
  if (row >= rows) return;
  for (int c = threadIdx.x; c < columns; c += blockDim.x)
    out[row * out_stride + c] = factor * x[row * x_stride + c];
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
    int rows, int columns, const float* x, i64 x_stride, const float* bias, unsigned key,
    unsigned threshold, float factor, float* out, i64 out_stride) {
  i64 row = row_of_thread();
  if (row >= rows) return;
  for (int c = threadIdx.x; c < columns; c += blockDim.x) {
    float value = x[row * x_stride + c] + (bias ? bias[c] : 0.0f);
    out[row * out_stride + c] = value * kept(row * columns + c, key, threshold, factor);
  }
}

// Turns columns d and d + half of each head by the angles of the row's position; sign -1 turns back.
KERNEL rotary(
    int rows, int T, int past, int heads, int D, int half, const float* angles, i64 angles_stride,
    float sign, float* x, i64 stride) {
  i64 row = row_of_thread();
  if (row >= rows) return;
  const float* angle = angles + (past + row % T) * angles_stride;
  for (int i = threadIdx.x; i < heads * half; i += blockDim.x) {
    int d = i % half;
    float* head = x + row * stride + i / half * D;
    float cosine = angle[d], sine = sign * angle[half + d];
    float first = head[d], second = head[half + d];
    head[d] = first * cosine - second * sine;
    head[half + d] = second * cosine + first * sine;
  }
}
