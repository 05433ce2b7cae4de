package org.pygpt.kernels.cuda;

import java.util.Locale;

/** The kernels of the sources beside this class; a symbol is the constant in small letters. */
enum Function {
  BIAS,
  COLUMN_SUMS,
  ADD_PARTS,
  RESIDUAL,
  SCALE,
  COPY32,
  COPY16,
  DROPOUT,
  ROTARY,
  ACTIVATION,
  ACTIVATION_BACKWARD,
  EMBEDDING,
  EMBEDDING_BACKWARD,
  POSITION_BACKWARD,
  NORM_FORWARD,
  NORM_BACKWARD,
  NORM_WEIGHT_SUMS,
  COUNT_SCORED,
  CROSS_ENTROPY,
  SUM_TERMS,
  SUM_OF_SQUARES,
  ADAMW,
  ATTENTION_DELTA,
  ATTENTION_64,
  ATTENTION_128,
  ATTENTION_256,
  ATTENTION_DQ_64,
  ATTENTION_DQ_128,
  ATTENTION_DQ_256,
  ATTENTION_DKV_64,
  ATTENTION_DKV_128,
  ATTENTION_DKV_256,
  ATTENTION_WIDE,
  ATTENTION_DQ_WIDE,
  ATTENTION_DKV_WIDE;

  private final String symbol = name().toLowerCase(Locale.ROOT);

  String symbol() {
    return symbol;
  }
}
