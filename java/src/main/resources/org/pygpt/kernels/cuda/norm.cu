// Layer norm and RMSNorm. A warp takes a row; blocks are (32, rows).

// out = (x - mean) * rstd * weight + bias; statistics (rows, 2) = mean, rstd
KERNEL norm_forward(
    int rows, int columns, int centred, float epsilon, Matrix x, const float* weight, const float* bias,
    Matrix out, float* statistics, i64 statistics_stride) {
  i64 row = row_of_thread();
  if (row >= rows) return;  // the whole warp
  float mean = 0;
  if (centred) {
    float sum = 0;
    for (int c = threadIdx.x; c < columns; c += 32) sum += x.get(row, c);
    mean = lanes_sum<32>(sum) / columns;
  }
  float squares = 0;  // in a second pass: the difference of two sums would cancel
  for (int c = threadIdx.x; c < columns; c += 32) {
    float difference = x.get(row, c) - mean;
    squares += difference * difference;
  }
  float rstd = 1 / sqrtf(lanes_sum<32>(squares) / columns + epsilon);
  for (int c = threadIdx.x; c < columns; c += 32) {
    float normed = (x.get(row, c) - mean) * rstd;
    out.set(row, c, normed * (weight ? weight[c] : 1.0f) + (bias ? bias[c] : 0.0f));
  }
  if (threadIdx.x == 0) {
    statistics[row * statistics_stride] = mean;
    statistics[row * statistics_stride + 1] = rstd;
  }
}

// With dNormed = dOut * weight: dX (+)= rstd * (dNormed - mean(dNormed) - normed * mean(dNormed * normed)); RMSNorm
// lacks the first mean.
KERNEL norm_backward(
    int rows, int columns, int centred, Matrix dOut, Matrix x, const float* weight, const float* statistics,
    i64 statistics_stride, Matrix dX, int add) {
  i64 row = row_of_thread();
  if (row >= rows) return;
  float mean = statistics[row * statistics_stride];
  float rstd = statistics[row * statistics_stride + 1];
  float sum = 0, dot = 0;
  for (int c = threadIdx.x; c < columns; c += 32) {
    float d_normed = dOut.get(row, c) * (weight ? weight[c] : 1.0f);
    sum += d_normed;
    dot += d_normed * (x.get(row, c) - mean) * rstd;
  }
  sum = centred ? lanes_sum<32>(sum) / columns : 0.0f;
  dot = lanes_sum<32>(dot) / columns;
  for (int c = threadIdx.x; c < columns; c += 32) {
    float d_normed = dOut.get(row, c) * (weight ? weight[c] : 1.0f);
    float slope = rstd * (d_normed - sum - (x.get(row, c) - mean) * rstd * dot);
    dX.set(row, c, add ? dX.get(row, c) + slope : slope);
  }
}

// Sums over rows of dOut * normed, the gradient of the weight; blocks are (32, 8), as of column_sums.
KERNEL norm_weight_sums(
    int rows, int columns, Matrix dOut, Matrix x, const float* statistics, i64 statistics_stride,
    float* partial) {
  sum_columns(rows, columns, partial, [=](int row, int c) {
    float mean = statistics[row * statistics_stride], rstd = statistics[row * statistics_stride + 1];
    return dOut.get(row, c) * ((x.get(row, c) - mean) * rstd);
  });
}
